module "topic" {
  source   = "./modules/topic"
  for_each = toset(values(local.facts.subscriptions)[*].topic)

  project          = local.project
  name             = each.value
  dead             = "${each.value}${local.facts.dead_suffix}"
  dead_letter_days = var.dead_letter_days
  pubsub_agent     = local.pubsub_agent
  customer_key     = local.customer_key
}

# Pub/Sub proves who it is to a function by a token of this account
resource "google_service_account" "push" {
  project      = local.project
  account_id   = "pubsub-push"
  display_name = "Pub/Sub, pushing messages to functions"
}

resource "google_service_account_iam_member" "push_token" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}
