# The platform's own jobs.  Those of tenants are made and removed by the code that owns their schedules.

resource "google_cloud_scheduler_job" "budget_check" {
  project     = local.project
  region      = var.region
  name        = local.facts.budget_check.job
  description = "Asks for the budget checks that are due: each tenant's has a minute of its own in the interval"
  schedule    = "*/${var.check_tick_minutes} * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = module.topic[local.facts.budget_check.topic].id
    attributes = local.facts.budget_check.attributes
    # no id and no time: each publication gets those of its Pub/Sub message
    data = base64encode(jsonencode(local.facts.budget_check.event))
  }

  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "60s"
  }
}

# with plans alone: compares them with Stripe's subscriptions, and notices trials that end
resource "google_cloud_scheduler_job" "plans" {
  count = var.plans ? 1 : 0

  project     = local.project
  region      = var.region
  name        = local.facts.plans.job
  description = "Asks for plans to be compared with their subscriptions"
  schedule    = local.facts.plans.cron
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = module.topic[local.facts.plans.topic].id
    attributes = local.facts.plans.attributes
    # no id and no time: each publication gets those of its Pub/Sub message
    data = base64encode(jsonencode(local.facts.plans.event))
  }

  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "60s"
  }
}
