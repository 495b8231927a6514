# Alerts on the platform itself.  Without an address there is nobody to tell, and nothing is set up.

locals {
  alerting = var.alert_email == null ? 0 : 1
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

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = ends_with(\"${local.facts.dead_suffix}\") AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
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

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = one_of(${join(", ", formatlist("\"%s\"", keys(local.facts.subscriptions)))}) AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.alerting.oldest_message_seconds
      duration        = "300s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
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

    condition_threshold {
      filter             = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      denominator_filter = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.alerting.error_fraction
      duration           = "900s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.service_name"]
      }

      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.labels.service_name"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "A failed push is delivered again with backoff and becomes a dead letter after five failed tries; the function's log lines say why it fails."
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
