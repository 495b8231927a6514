output "id" {
  description = "Full name of the topic"
  value       = google_pubsub_topic.this.id
}

output "dead_id" {
  description = "Full name of its dead-letter topic"
  value       = google_pubsub_topic.dead.id
}

output "dead_subscription" {
  description = "Name of the subscription that stores its dead letters"
  value       = google_pubsub_subscription.dead.name
}
