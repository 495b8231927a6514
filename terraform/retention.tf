# The tick of clean-up, which removes what is past its life (docs/retention.md): what is current, and what it is made of, is known to the
# code alone, so no rule of the bucket deletes bills by age.

resource "google_cloud_scheduler_job" "clean_up" {
  project     = local.project
  region      = var.region
  name        = local.facts.retention.job
  description = "Asks for what is past its life to be removed"
  schedule    = local.facts.retention.cron
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = module.topic[local.facts.retention.topic].id
    attributes = local.facts.retention.attributes
    # no id and no time: each publication gets those of its Pub/Sub message
    data = base64encode(jsonencode(local.facts.retention.event))
  }

  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "60s"
  }
}
