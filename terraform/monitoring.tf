# Alerts on the platform itself.  Without an address there is nobody to tell, and nothing is set up.
#
# Conditions are in PromQL without validation of their metrics: a new project has no descriptor of a metric before its first point, and a
# condition in another form is refused until then.

locals {
  alerting = var.alert_email == null ? 0 : 1

  # what all instances of functions write
  cloud_run = "monitored_resource=\"cloud_run_revision\""
  # what one kind of response was to a function, by function
  responses = "sum by (service_name) (increase(run_googleapis_com:request_count{${local.cloud_run}%s}[%s]))"
  handled   = "logging_googleapis_com:user_costwire_messages_handled{${local.cloud_run},function=~\"ingest_.*\",outcome=\"done\"}"
  shown     = "logging_googleapis_com:user_costwire_deliveries_shown{${local.cloud_run}}"
}

resource "google_monitoring_notification_channel" "email" {
  count = local.alerting

  project      = local.project
  display_name = "Costwire operators"
  type         = "email"

  labels = {
    email_address = var.alert_email
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  count = local.alerting

  project               = local.project
  display_name          = "Costwire: dead letters"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "a message nobody could finish waits for an operator"

    condition_prometheus_query_language {
      query                     = "max by (subscription_id) (pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\",subscription_id=~\".*${local.facts.dead_suffix}\"}) > 0"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`costwire doctor` says how many wait and why; fix the cause, then `costwire replay`; see docs/operations.md."
  }
}

resource "google_monitoring_alert_policy" "oldest_message" {
  count = local.alerting

  project               = local.project
  display_name          = "Costwire: messages wait too long"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "the oldest message of a subscription is too old"

    condition_prometheus_query_language {
      query                     = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=~\"${join("|", keys(local.facts.subscriptions))}\"}) > ${var.alerting.oldest_message_seconds}"
      duration                  = "300s"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The function of that name fails again and again, or has too few instances: look at its log lines and at max_instances."
  }
}

# told by the log line itself: an alert on a log-based metric cannot be made before the metric has its first minutes behind it
resource "google_monitoring_alert_policy" "failed_proof" {
  count = local.alerting

  project               = local.project
  display_name          = "Costwire: a proof failed"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "what was written and quarantined is not the source's total"

    condition_matched_log {
      filter           = local.facts.metrics["costwire_proofs_failed"].filter
      label_extractors = local.facts.metrics["costwire_proofs_failed"].label_extractors
    }
  }

  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The delivery is rejected, readers see its earlier version: `costwire deliveries` says by how much it differs."
  }
}

resource "google_monitoring_alert_policy" "errors" {
  count = local.alerting

  project               = local.project
  display_name          = "Costwire: functions fail"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "too many pushes to a function fail"

    condition_prometheus_query_language {
      query                     = "${format(local.responses, ",response_code_class=\"5xx\"", "15m")} / ${format(local.responses, "", "15m")} > ${var.alerting.error_fraction}"
      duration                  = "900s"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "A failed push is delivered again with backoff and becomes a dead letter after five failed tries; the function's log lines say why it fails."
  }
}

resource "google_monitoring_alert_policy" "too_few_instances" {
  count = local.alerting

  project               = local.project
  display_name          = "Costwire: too few instances"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "Cloud Run refuses pushes with 429, since every instance is busy"

    condition_prometheus_query_language {
      query                     = "${format(local.responses, ",response_code=\"429\"", "15m")} > 0"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Each refusal uses up one of ${local.facts.max_delivery_attempts} attempts of its message: raise max_instances of that function, and cpu_quota with Cloud Run's quota; then `costwire replay`."
  }
}

resource "google_monitoring_alert_policy" "nothing_shown" {
  count = local.alerting

  project               = local.project
  display_name          = "Costwire: nothing shown for a day"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "locations were read, and no delivery was shown within a day"

    # a deployment without integrations reads nothing, and none of its metrics exists
    condition_prometheus_query_language {
      query                     = "(sum(increase(${local.handled}[1d])) > 0) unless (sum(increase(${local.shown}[1d])) > 0)"
      evaluation_interval       = "900s"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Providers deliver at least once a day: `costwire deliveries` and `costwire runs` say what became of the last ones, `costwire doctor` which location cannot be read."
  }
}

resource "google_monitoring_dashboard" "platform" {
  project = local.project
  dashboard_json = templatefile("${path.module}/dashboard.json.tftpl", {
    dead_suffix = local.facts.dead_suffix
    database    = google_firestore_database.documents.name
    env         = var.env
  })

  # its charts name log-based metrics
  depends_on = [google_logging_metric.costwire]
}
