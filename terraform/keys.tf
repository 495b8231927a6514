# The key that seals tenants' credentials and the webhooks of their channels.  A key ring can never be deleted: its name has a random end, so that a project
# can be deployed to again.

resource "random_id" "key_ring" {
  byte_length = 4
}

resource "google_kms_key_ring" "costwire" {
  project  = local.project
  location = var.region
  name     = "costwire-${random_id.key_ring.hex}"
}

# Terraform's prevent_destroy takes no variable, so there are two: with delete_protection this one
resource "google_kms_crypto_key" "protected" {
  count = var.delete_protection ? 1 : 0

  key_ring                   = google_kms_key_ring.costwire.id
  name                       = "credentials"
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s" # 90 days
  destroy_scheduled_duration = "2592000s" # 30 days, in which a destroyed version can be restored

  lifecycle {
    prevent_destroy = true
  }
}

# and without it this one
resource "google_kms_crypto_key" "disposable" {
  # checkov:skip=CKV_GCP_82: made only where delete_protection is off, so that make destroy removes an evaluation
  count = var.delete_protection ? 0 : 1

  key_ring                   = google_kms_key_ring.costwire.id
  name                       = "credentials"
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "2592000s"
}

locals {
  credentials_key = one(concat(google_kms_crypto_key.protected[*].id, google_kms_crypto_key.disposable[*].id))
}
