resource "google_project_service" "needed" {
  for_each = toset(concat(local.egress == 0 ? [] : ["compute.googleapis.com", "dns.googleapis.com", "vpcaccess.googleapis.com"], [
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerystorage.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudquotas.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtrace.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "telemetry.googleapis.com",
  ]))

  project            = var.project
  service            = each.value
  disable_on_destroy = false # another user of the project may need it
}

data "google_project" "this" {
  project_id = local.project
}

# a service that was enabled a moment ago refuses its first calls, and service agents appear a little later
resource "time_sleep" "services" {
  create_duration = "60s"

  triggers = {
    project  = distinct(values(google_project_service.needed)[*].project)[0]
    services = join(" ", sort(values(google_project_service.needed)[*].service))
  }
}

locals {
  # the project once all its services work: whoever names it waits for them
  project = time_sleep.services.triggers.project

  # written from the code's own tables by `make facts`
  facts = jsondecode(file("${path.module}/facts.json"))

  # how the members begin that Google's services work as in this project
  agent        = "serviceAccount:service-${data.google_project.this.number}@"
  pubsub_agent = "${local.agent}gcp-sa-pubsub.iam.gserviceaccount.com"
}
