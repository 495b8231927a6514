# Every function is built from one archive.  Its name carries its digest: other bytes are another object, and a new build.

resource "google_storage_bucket" "source" {
  project                     = local.project
  name                        = "${var.project}-costwire-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # archives can be made again

  dynamic "encryption" {
    for_each = local.customer_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  versioning {
    enabled = false
  }
}

resource "google_storage_bucket_object" "functions" {
  bucket = google_storage_bucket.source.name
  name   = "functions-${filesha256(var.archive)}.zip"
  source = var.archive
}

resource "google_artifact_registry_repository" "functions" {
  project       = local.project
  location      = var.region
  repository_id = "costwire"
  description   = "Images of the functions"
  format        = "DOCKER"
  kms_key_name  = local.customer_key

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      older_than = "604800s"
    }
  }

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 2
    }
  }
}

resource "google_service_account" "build" {
  project      = local.project
  account_id   = "functions-build"
  display_name = "Cloud Build, building the functions"
}

resource "google_project_iam_member" "build_logs" {
  project = local.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = local.project
  location   = var.region
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# Cloud Functions copies the archive to a bucket of its own before it is built, gcf-v2-sources-<number>-<region>
resource "google_project_iam_member" "build_copy" {
  project = local.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title       = "sources"
    description = "Buckets in which Cloud Functions stores archives"
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-\")"
  }
}

resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# a build that starts before these rights have spread fails, and a first deployment with it
resource "time_sleep" "build_access" {
  create_duration = "60s"

  triggers = {
    account = google_service_account.build.unique_id
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_copy,
    google_project_iam_member.build_logs,
    google_storage_bucket_iam_member.build_source,
  ]
}
