# A topic, and beside it the one that keeps what nobody could finish.

resource "google_pubsub_topic" "this" {
  project      = var.project
  name         = var.name
  kms_key_name = var.customer_key
}

resource "google_pubsub_topic" "dead" {
  project      = var.project
  name         = var.dead
  kms_key_name = var.customer_key
}

# pulled by costwire replay alone: without a subscription dead letters would be lost
resource "google_pubsub_subscription" "dead" {
  project                    = var.project
  name                       = var.dead
  topic                      = google_pubsub_topic.dead.id
  ack_deadline_seconds       = 600
  message_retention_duration = "${var.dead_letter_days * 86400}s"

  expiration_policy {
    ttl = "" # never
  }
}

# Pub/Sub itself moves a message here whose tries are used up
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}
