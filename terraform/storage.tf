# Bills and what was made of them.  Objects are written once and never changed, so there is nothing for versioning to keep.

resource "google_storage_bucket" "data" {
  project                     = local.project
  name                        = "${var.project}-costwire"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.delete_protection

  dynamic "encryption" {
    for_each = local.customer_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  versioning {
    enabled = false
  }

  # only what no bill is made of; the rest is for the function clean_up
  dynamic "lifecycle_rule" {
    for_each = local.facts.retention.lifecycle_days

    content {
      action {
        type = "Delete"
      }

      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["${lifecycle_rule.key}/"]
      }
    }
  }

  # parts of uploads that were never finished
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 2
    }
  }
}
