# Containers only: values are added by hand and never stand in Terraform's state.
#   printf '%s' "$VALUE" | gcloud secrets versions add costwire-slack-webhook-url --data-file=-

resource "google_secret_manager_secret" "setting" {
  for_each = toset(local.facts.secrets)

  project   = local.project
  secret_id = each.value

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}
