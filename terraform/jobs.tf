# Work that takes longer than a push may: a Cloud Run job, started by the code, which notes before what is to be done.

locals {
  jobs = {
    unpack_files = {
      description = "Unpacks compressed files that are too large to be mapped within one push"
      module      = "functions.unpack_files.job"
      memory      = "1Gi"
      cpu         = "1"
    }
  }
}

# the image that was built for the functions has the code of all of them; only their service tells its name
data "google_cloud_run_v2_service" "built" {
  project  = local.project
  location = var.region
  name     = module.function["ingest_aws"].name

  depends_on = [module.function]
}

resource "google_service_account" "job" {
  for_each = local.jobs

  project      = local.project
  account_id   = replace(each.key, "_", "-")
  display_name = "Job ${each.key}"
}

resource "google_cloud_run_v2_job" "this" {
  for_each = local.jobs

  project             = local.project
  location            = var.region
  name                = "${local.facts.jobs.prefix}${replace(each.key, "_", "-")}"
  deletion_protection = false # it holds nothing

  template {
    task_count = 1

    template {
      service_account = google_service_account.job[each.key].email
      encryption_key  = local.customer_key
      timeout         = "86400s"
      max_retries     = 3

      containers {
        image = data.google_cloud_run_v2_service.built.template[0].containers[0].image
        # buildpacks' launcher sets the paths of Python and its packages (https://buildpacks.io/docs/for-app-developers/how-to/build-outputs/specify-launch-process)
        command = ["/cnb/lifecycle/launcher"]
        args    = ["python3", "-m", each.value.module]

        resources {
          limits = {
            cpu    = each.value.cpu
            memory = each.value.memory
          }
        }

        dynamic "env" {
          for_each = merge(local.environment, local.encryption_environment)

          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }
}
