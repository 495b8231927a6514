# A key of the customer for every store, instead of Google's own; nothing here without var.customer_key.
#
# Databases, the repository of images and datasets get their key when they are created and never another one.

data "google_storage_project_service_account" "agent" {
  count = var.customer_key == null ? 0 : 1

  project = local.project
}

data "google_bigquery_default_service_account" "agent" {
  count = var.customer_key == null ? 0 : 1

  project = local.project
}

locals {
  agents_with_key = var.customer_key == null ? {} : {
    storage        = data.google_storage_project_service_account.agent[0].member
    bigquery       = data.google_bigquery_default_service_account.agent[0].member
    pubsub         = local.pubsub_agent
    firestore      = "${local.agent}gcp-sa-firestore.iam.gserviceaccount.com"
    secrets        = "${local.agent}gcp-sa-secretmanager.iam.gserviceaccount.com"
    images         = "${local.agent}gcp-sa-artifactregistry.iam.gserviceaccount.com"
    functions      = "${local.agent}gcf-admin-robot.iam.gserviceaccount.com"
    functions_runs = "${local.agent}serverless-robot-prod.iam.gserviceaccount.com"
  }
}

# each service encrypts and decrypts for itself; nobody else gets the key by this
resource "google_kms_crypto_key_iam_member" "store" {
  for_each = local.agents_with_key

  crypto_key_id = var.customer_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}

# a store that is created before these rights have spread is refused
resource "time_sleep" "customer_key" {
  count = var.customer_key == null ? 0 : 1

  create_duration = "60s"

  triggers = {
    key = var.customer_key
  }

  depends_on = [google_kms_crypto_key_iam_member.store]
}

locals {
  # the key once every service may use it: whoever names it waits for that
  customer_key = one(time_sleep.customer_key[*].triggers.key)
}
