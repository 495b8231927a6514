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

        dynamic "customer_managed_encryption" {
          for_each = local.customer_key[*]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }
}
