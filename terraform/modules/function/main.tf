# A function, its account, and a push subscription for each topic that it receives.

resource "google_service_account" "this" {
  project      = var.project
  account_id   = local.name
  display_name = "Function ${var.entry_point}"
}

resource "google_cloudfunctions2_function" "this" {
  project      = var.project
  location     = var.region
  name         = local.name
  description  = var.description
  kms_key_name = var.customer_key

  build_config {
    runtime           = var.runtime
    entry_point       = var.entry_point
    docker_repository = var.build.repository
    service_account   = var.build.account

    source {
      storage_source {
        bucket = var.build.bucket
        object = var.build.object
      }
    }
  }

  service_config {
    available_memory                 = var.size.memory
    available_cpu                    = var.size.cpu
    max_instance_request_concurrency = var.size.concurrency
    min_instance_count               = 0
    max_instance_count               = var.size.max_instances
    timeout_seconds                  = max(60, values(var.subscriptions)[*].ack_deadline_seconds...)
    all_traffic_on_latest_revision   = true
    service_account_email            = google_service_account.this.email
    environment_variables            = var.environment
    vpc_connector                    = var.connector
    vpc_connector_egress_settings    = var.connector == null ? null : "ALL_TRAFFIC"

    # a push from a subscription of the same project counts as internal
    # (https://cloud.google.com/run/docs/securing/ingress)
    ingress_settings = var.trigger == "http" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
  }
}

# the one who may call it; Cloud Run checks the token before the function starts
resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = toset(var.trigger == "message" ? ["message"] : [])

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.push_account}"
}

# a function that is called over HTTP authenticates its callers by their keys
resource "google_cloud_run_v2_service_iam_member" "public" {
  for_each = toset(var.trigger == "http" ? ["http"] : [])

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_pubsub_subscription" "this" {
  for_each = var.subscriptions

  project                    = var.project
  name                       = each.key
  topic                      = var.topics[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  enable_message_ordering    = each.value.ordered
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = "" # never
  }

  push_config {
    push_endpoint = google_cloudfunctions2_function.this.service_config[0].uri

    oidc_token {
      service_account_email = var.push_account
      audience              = google_cloudfunctions2_function.this.service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "${each.value.minimum_backoff_seconds}s"
    maximum_backoff = "${each.value.maximum_backoff_seconds}s"
  }

  dead_letter_policy {
    dead_letter_topic     = var.topics[each.value.topic].dead_id
    max_delivery_attempts = var.max_delivery_attempts
  }
}

# Pub/Sub acks here what it has moved to the dead letters
resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = google_pubsub_subscription.this

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}

locals {
  name = replace(var.entry_point, "_", "-")
}
