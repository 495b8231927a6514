# Who may do what, and why: docs/permissions.md is made from this table by `make facts`.
#
# on: project; database:<documents, credentials or processed>; datasets, those of this deployment; topic:<name>; dead-topic:<name>;
# dead-letters:<topic>, the subscription that keeps them; bucket; objects:<folder>/ in it; key; secret:<name>; job:<name>.
# Databases and datasets are bound in the project, by a condition on their names: datasets are made by the code, after Terraform has run.
# Project-wide stands only what Google Cloud can grant no narrower.
#
# Accounts: functions; jobs (jobs.tf); operators, who set up and may encrypt; custodians, who may decrypt.  A function that opens a stored credential needs
# roles/datastore.viewer on database:credentials and roles/cloudkms.cryptoKeyDecrypter on the key.

locals {
  ingest  = ["ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus"]
  readers = ["ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "unpack_files"]

  grants = {
    documents = {
      roles    = ["roles/datastore.user"]
      on       = ["database:documents"]
      accounts = ["dispatch_sync", "ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "unpack_files", "normalize_focus", "evaluate_budgets", "send_notifications", "clean_up", "api", "manual_sync", "update_plans", "operators"]
      why      = "reads and writes the documents of tenants"
    }
    processed = {
      roles    = ["roles/datastore.user"]
      on       = ["database:processed"]
      accounts = ["dispatch_sync", "ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "normalize_focus", "evaluate_budgets", "send_notifications", "clean_up", "api", "manual_sync", "provider_webhook", "stripe_webhook", "update_plans"]
      why      = "records which events or requests it has finished"
    }
    traces = {
      roles    = ["roles/telemetry.tracesWriter"]
      on       = ["project"]
      accounts = ["dispatch_sync", "ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "unpack_files", "normalize_focus", "evaluate_budgets", "send_notifications", "clean_up", "api", "manual_sync", "provider_webhook", "stripe_webhook", "update_plans"]
      why      = "sends its spans to Cloud Trace"
    }

    dispatch = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-aws", "topic:ingest-azure", "topic:ingest-gcp", "topic:ingest-oci", "topic:ingest-openai", "topic:ingest-anthropic", "topic:ingest-deepseek", "topic:ingest-openrouter", "topic:ingest-xai", "topic:ingest-github", "topic:ingest-claude", "topic:ingest-saas", "topic:ingest-opencost", "topic:ingest-focus"]
      accounts = ["dispatch_sync"]
      why      = "requests the bills of each integration"
    }
    dispatch_dead = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["dead-topic:sync-requested"]
      accounts = ["dispatch_sync"]
      why      = "dead-letters a message with its reason"
    }

    landed = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:bill-landed"]
      accounts = local.ingest
      why      = "announces each chunk that it has landed"
    }
    ingest_alert = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:alert-raised"]
      accounts = local.ingest
      why      = "announces the alert of a connection that does not work, and that it works again"
    }
    ingest_aws = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-aws", "dead-topic:ingest-aws"]
      accounts = ["ingest_aws"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_azure = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-azure", "dead-topic:ingest-azure"]
      accounts = ["ingest_azure"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_gcp = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-gcp", "dead-topic:ingest-gcp"]
      accounts = ["ingest_gcp"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_oci = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-oci", "dead-topic:ingest-oci"]
      accounts = ["ingest_oci"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_openai = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-openai", "dead-topic:ingest-openai"]
      accounts = ["ingest_openai"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_anthropic = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-anthropic", "dead-topic:ingest-anthropic"]
      accounts = ["ingest_anthropic"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_deepseek = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-deepseek", "dead-topic:ingest-deepseek"]
      accounts = ["ingest_deepseek"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_opencost = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-opencost", "dead-topic:ingest-opencost"]
      accounts = ["ingest_opencost"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_saas = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-saas", "dead-topic:ingest-saas"]
      accounts = ["ingest_saas"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_answers = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-openrouter", "topic:ingest-xai", "topic:ingest-github", "topic:ingest-claude", "dead-topic:ingest-openrouter", "dead-topic:ingest-xai", "dead-topic:ingest-github", "dead-topic:ingest-claude"]
      accounts = ["ingest_answers"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    ingest_focus = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-focus", "dead-topic:ingest-focus"]
      accounts = ["ingest_focus"]
      why      = "passes the rest of a long landing to a new message; dead-letters a message with its reason"
    }
    unpack = {
      roles    = ["roles/run.jobsExecutor"]
      on       = ["job:unpack_files"]
      accounts = local.ingest
      why      = "starts the job that unpacks a large compressed file; what it does stands in documents"
    }
    unpacked = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:ingest-aws", "topic:ingest-azure", "topic:ingest-gcp", "topic:ingest-oci", "topic:ingest-openai", "topic:ingest-anthropic", "topic:ingest-deepseek", "topic:ingest-openrouter", "topic:ingest-xai", "topic:ingest-github", "topic:ingest-claude", "topic:ingest-saas", "topic:ingest-opencost", "topic:ingest-focus"]
      accounts = ["unpack_files"]
      why      = "passes a file that it has unpacked back to its message"
    }
    ingest_raw = {
      roles    = ["roles/storage.objectUser"]
      on       = ["objects:raw/"]
      accounts = local.readers
      why      = "lands bills, records their digest, removes what it landed under a temporary name"
    }
    ingest_uploads = {
      roles    = ["roles/storage.objectViewer"]
      on       = ["objects:uploads/"]
      accounts = local.readers
      why      = "reads bills that an operator has uploaded"
    }
    names = {
      roles    = ["roles/storage.legacyBucketReader"]
      on       = ["bucket"]
      accounts = ["ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "unpack_files", "normalize_focus", "clean_up", "api"]
      why      = "lists names: without this role Cloud Storage answers 403 instead of 404 for an object that does not exist"
    }

    normalized = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:delivery-mapped", "topic:charges-normalized", "topic:alert-raised"]
      accounts = ["normalize_focus"]
      why      = "announces a delivery that is mapped, one that is shown, and the alerts of one whose proof failed and of days on which a tenant's meter differs from it"
    }
    normalize_split = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:bill-landed"]
      accounts = ["normalize_focus"]
      why      = "announces each chunk of a bill in which the charges for nodes of clusters are split"
    }
    normalize_dead = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["dead-topic:bill-landed", "dead-topic:delivery-mapped"]
      accounts = ["normalize_focus"]
      why      = "dead-letters a message with its reason"
    }
    normalize_read = {
      roles    = ["roles/storage.objectViewer"]
      on       = ["objects:raw/", "objects:focus/", "objects:quarantine/"]
      accounts = ["normalize_focus"]
      why      = "reads landed chunks, what a provider counted beside its costs, and the files that it has written from them for the proof and for BigQuery's load jobs"
    }
    meters_read = {
      roles    = ["roles/storage.objectViewer"]
      on       = ["objects:meters/"]
      accounts = ["normalize_focus", "api"]
      why      = "reads the calls of a tenant's meter, to compare them with what was charged"
    }
    meters_import = {
      roles    = ["roles/storage.objectCreator"]
      on       = ["objects:meters/"]
      accounts = ["api"]
      why      = "stores a log of a tenant's meter; it can neither change nor delete one"
    }
    normalize_write = {
      roles    = ["roles/storage.objectCreator"]
      on       = ["objects:focus/", "objects:quarantine/"]
      accounts = ["normalize_focus"]
      why      = "writes FOCUS and quarantine files; it can neither change nor delete one"
    }
    warehouse = {
      roles    = ["roles/bigquery.dataOwner"]
      on       = ["datasets"]
      accounts = ["normalize_focus"]
      why      = "creates tables and views of a tenant where they are missing or of an earlier version, whichever account created the dataset, and labels it as done; replaces slices in it"
    }
    spend = {
      roles    = ["roles/bigquery.dataViewer"]
      on       = ["datasets"]
      accounts = ["evaluate_budgets", "api"]
      why      = "queries what has been spent"
    }

    questions = {
      roles    = ["roles/bigquery.user"]
      on       = ["project"]
      accounts = ["normalize_focus", "evaluate_budgets", "clean_up", "api"]
      why      = "runs load jobs, swaps and queries; creates the dataset of a tenant that has none yet"
    }
    budgets_raise = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:alert-raised", "topic:budget-check-requested"]
      accounts = ["evaluate_budgets"]
      why      = "announces alerts; asks for the checks of the tenants that are due"
    }
    budgets_dead = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["dead-topic:charges-normalized", "dead-topic:budget-check-requested"]
      accounts = ["evaluate_budgets"]
      why      = "dead-letters a message with its reason"
    }

    channels = {
      roles    = ["roles/secretmanager.secretAccessor"]
      on       = ["secret:costwire-slack-webhook-url", "secret:costwire-smtp-password"]
      accounts = ["send_notifications"]
      why      = "signs in at the mail server, posts to Slack"
    }
    channels_key = {
      roles    = ["roles/cloudkms.cryptoKeyDecrypter"]
      on       = ["key"]
      accounts = ["send_notifications"]
      why      = "decrypts the webhook of an organization's channel for the message that it posts there"
    }
    send_dead = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["dead-topic:alert-raised"]
      accounts = ["send_notifications"]
      why      = "dead-letters a message with its reason"
    }

    clean_up_ask = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:clean-up-requested"]
      accounts = ["clean_up"]
      why      = "splits a clean-up of all tenants into one per tenant"
    }
    clean_up_dead = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["dead-topic:clean-up-requested"]
      accounts = ["clean_up"]
      why      = "dead-letters a message with its reason"
    }
    clean_up_objects = {
      roles    = ["roles/storage.objectUser"]
      on       = ["objects:raw/", "objects:focus/", "objects:quarantine/", "objects:meters/"]
      accounts = ["clean_up"]
      why      = "deletes files of deliveries, and logs of meters, that are past their life"
    }
    clean_up_warehouse = {
      roles    = ["roles/bigquery.dataOwner"]
      on       = ["datasets"]
      accounts = ["clean_up"]
      why      = "queries which deliveries are shown, deletes restatements past their life"
    }

    webhook_documents = {
      roles    = ["roles/datastore.viewer"]
      on       = ["database:documents"]
      accounts = ["provider_webhook"]
      why      = "reads the integration that a call is about, its webhook and its runs"
    }
    api_sync = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:sync-requested"]
      accounts = ["api", "manual_sync", "provider_webhook"]
      why      = "requests fresh bills"
    }
    api_alerts = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:alert-raised"]
      accounts = ["api"]
      why      = "announces the alert of a budget that is exceeded when it is set, of a subscription that is about to renew when it is changed, and of days on which an imported log of a meter differs from the charges"
    }
    api_split = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:delivery-mapped"]
      accounts = ["api"]
      why      = "asks for the bills of a cluster's months to be shown with its nodes split, or whole"
    }
    api_objects = {
      roles    = ["roles/storage.objectViewer"]
      on       = ["objects:raw/"]
      accounts = ["api"]
      why      = "reads the line of a charge, and what a provider counted beside its costs; the rows that were known on an earlier day and quarantined lines are below api_replayed_objects"
    }
    api_replay = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:bill-landed"]
      accounts = ["api"]
      why      = "asks for a delivery to be normalized again"
    }
    api_replayed_objects = {
      roles    = ["roles/storage.objectUser"]
      on       = ["objects:focus/", "objects:quarantine/"]
      accounts = ["api"]
      why      = "deletes what was made of a rejected delivery before it is normalized again"
    }
    api_root_key = {
      roles    = ["roles/secretmanager.secretAccessor"]
      on       = ["secret:costwire-ca-root-api-key"]
      accounts = ["api", "manual_sync"]
      why      = "compares the operator's key"
    }

    api_schedules = {
      roles    = ["roles/cloudscheduler.viewer"]
      on       = ["project"]
      accounts = ["api"]
      why      = "shows when an organization's bills are fetched next"
    }
    api_sign_in = {
      roles    = ["roles/secretmanager.secretAccessor"]
      on       = ["secret:costwire-oidc-client-secret"]
      accounts = ["api"]
      why      = "exchanges the code of a sign-in"
    }

    stripe_events = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:subscription-changed"]
      accounts = ["stripe_webhook"]
      why      = "passes on that a subscription may have changed"
    }
    stripe_secret = {
      roles    = ["roles/secretmanager.secretAccessor"]
      on       = ["secret:costwire-stripe-webhook-secret"]
      accounts = ["stripe_webhook"]
      why      = "verifies the signatures of Stripe's events"
    }
    stripe_key = {
      roles    = ["roles/secretmanager.secretAccessor"]
      on       = ["secret:costwire-stripe-api-key"]
      accounts = ["api", "update_plans"]
      why      = "asks Stripe for subscriptions, and for pages to pay on"
    }
    plans_ask = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:subscription-changed"]
      accounts = ["update_plans"]
      why      = "asks for each organization that differs from its subscription"
    }
    plans_alert = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["topic:alert-raised"]
      accounts = ["update_plans"]
      why      = "announces that a trial ends, or that a payment failed"
    }
    plans_dead = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["dead-topic:subscription-changed"]
      accounts = ["update_plans"]
      why      = "dead-letters a message with its reason"
    }

    customers = {
      roles    = ["roles/datastore.viewer"]
      on       = ["database:credentials"]
      accounts = ["ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "unpack_files"]
      why      = "reads the encrypted credential of the integration whose bills it fetches"
    }
    customers_key = {
      roles    = ["roles/cloudkms.cryptoKeyDecrypter"]
      on       = ["key"]
      accounts = ["ingest_aws", "ingest_azure", "ingest_gcp", "ingest_oci", "ingest_openai", "ingest_anthropic", "ingest_deepseek", "ingest_answers", "ingest_saas", "ingest_opencost", "ingest_focus", "unpack_files"]
      why      = "decrypts that credential, to sign in where the bills are"
    }

    operate_objects = {
      roles    = ["roles/storage.objectUser"]
      on       = ["bucket"]
      accounts = ["operators"]
      why      = "uploads bills, reads quarantine, removes a tenant"
    }
    operate_credentials = {
      roles    = ["roles/datastore.user"]
      on       = ["database:credentials"]
      accounts = ["operators"]
      why      = "stores encrypted credentials on connect, removes them with an integration or a tenant"
    }
    operate_key = {
      roles    = ["roles/cloudkms.cryptoKeyEncrypter"]
      on       = ["key"]
      accounts = ["operators"]
      why      = "encrypts credentials on connect and webhooks of channels; it can decrypt neither"
    }
    keep_documents = {
      roles    = ["roles/datastore.user"]
      on       = ["database:documents"]
      accounts = ["custodians"]
      why      = "lists tenants, and replaces the webhook of each channel by the same one, encrypted with the newest version of the key"
    }
    keep_credentials = {
      roles    = ["roles/datastore.user"]
      on       = ["database:credentials"]
      accounts = ["custodians"]
      why      = "replaces each credential by the same one, encrypted with the newest version of the key"
    }
    keep_key = {
      roles    = ["roles/cloudkms.cryptoKeyEncrypterDecrypter", "roles/cloudkms.admin"]
      on       = ["key"]
      accounts = ["custodians"]
      why      = "re-encrypts credentials after a rotation; creates versions of the key, enables and disables them"
    }
    operate_secrets = {
      roles    = ["roles/secretmanager.secretVersionManager"]
      on       = ["secret:costwire-slack-webhook-url", "secret:costwire-smtp-password", "secret:costwire-ca-root-api-key", "secret:costwire-oidc-client-secret", "secret:costwire-stripe-api-key", "secret:costwire-stripe-webhook-secret"]
      accounts = ["operators"]
      why      = "adds values; it cannot read them"
    }
    operate_sync = {
      roles    = ["roles/pubsub.publisher"]
      on       = ["project"]
      accounts = ["operators"]
      why      = "requests a sync; replays dead letters to the topic that they came from"
    }
    operate_dead_letters = {
      roles = ["roles/pubsub.subscriber"]
      on = [
        "dead-letters:sync-requested", "dead-letters:ingest-aws", "dead-letters:ingest-azure", "dead-letters:ingest-gcp",
        "dead-letters:ingest-oci", "dead-letters:ingest-openai", "dead-letters:ingest-anthropic", "dead-letters:ingest-deepseek", "dead-letters:ingest-openrouter", "dead-letters:ingest-xai", "dead-letters:ingest-github", "dead-letters:ingest-claude", "dead-letters:ingest-saas", "dead-letters:ingest-opencost", "dead-letters:ingest-focus", "dead-letters:bill-landed", "dead-letters:delivery-mapped",
        "dead-letters:charges-normalized", "dead-letters:budget-check-requested", "dead-letters:alert-raised",
        "dead-letters:clean-up-requested", "dead-letters:subscription-changed",
      ]
      accounts = ["operators"]
      why      = "lists and replays dead letters"
    }
    operate_schedules = {
      roles    = ["roles/cloudscheduler.admin"]
      on       = ["project"]
      accounts = ["operators"]
      why      = "makes and removes the schedules of tenants"
    }
    operate_warehouse = {
      roles    = ["roles/bigquery.dataOwner"]
      on       = ["datasets"]
      accounts = ["operators"]
      why      = "restores and removes the dataset of a tenant"
    }
    operate_questions = {
      roles    = ["roles/bigquery.user"]
      on       = ["project"]
      accounts = ["operators"]
      why      = "asks for costs, exports them by the Storage Read API"
    }
    operate_view = {
      roles = [
        "roles/browser", "roles/cloudfunctions.viewer", "roles/cloudkms.viewer", "roles/iam.securityReviewer", "roles/logging.viewer",
        "roles/monitoring.viewer", "roles/pubsub.viewer", "roles/secretmanager.viewer",
      ]
      on       = ["project"]
      accounts = ["operators"]
      why      = "costwire doctor compares what is deployed with what is needed; log lines, metrics and the dashboard"
    }
  }

  # one binding a member; the keys are known before anything is made
  members = merge(
    { for name, one in module.function : name => { (name) = one.member } },
    { for name, one in google_service_account.job : name => { (name) = one.member } },
    { operators = { for one in var.operators : one => one } },
    { custodians = { for one in var.custodians : one => one } },
  )
  bindings = merge(flatten([
    for grant in values(local.grants) : [
      for pair in setproduct(grant.roles, grant.on, grant.accounts) : {
        for who, member in local.members[pair[2]] : "${pair[0]} ${pair[1]} ${who}" => {
          role   = pair[0]
          on     = pair[1]
          kind   = split(":", pair[1])[0]
          name   = trimprefix(pair[1], "${split(":", pair[1])[0]}:")
          member = member
        }
      }
    ]
  ])...)
}

resource "google_project_iam_member" "grant" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "project" }

  project = local.project
  role    = each.value.role
  member  = each.value.member
}

locals {
  # a table's name in a foreign dataset may end like one of ours, so only the dataset's part of a name counts
  ours = "_${var.env}"
  conditions = merge(
    { for store, name in local.databases : "database:${store}" => "resource.name == \"projects/${var.project}/databases/${name}\"" },
    {
      datasets = join(" || ", [
        "(resource.type == \"bigquery.googleapis.com/Dataset\" && resource.name.endsWith(\"${local.ours}\"))",
        "resource.name.extract(\"/datasets/{dataset}/\").endsWith(\"${local.ours}\")",
      ])
    },
  )
}

resource "google_project_iam_member" "named" {
  for_each = { for key, one in local.bindings : key => one if contains(["database", "datasets"], one.kind) }

  project = local.project
  role    = each.value.role
  member  = each.value.member

  condition {
    title       = replace(each.value.on, ":", " ")
    description = "What has the name of ${each.value.on}"
    expression  = local.conditions[each.value.on]
  }
}

resource "google_pubsub_topic_iam_member" "grant" {
  for_each = { for key, one in local.bindings : key => one if contains(["topic", "dead-topic"], one.kind) }

  project = local.project
  topic   = each.value.kind == "topic" ? module.topic[each.value.name].id : module.topic[each.value.name].dead_id
  role    = each.value.role
  member  = each.value.member
}

resource "google_pubsub_subscription_iam_member" "grant" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "dead-letters" }

  project      = local.project
  subscription = module.topic[each.value.name].dead_subscription
  role         = each.value.role
  member       = each.value.member
}

resource "google_storage_bucket_iam_member" "bucket" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "bucket" }

  bucket = google_storage_bucket.data.name
  role   = each.value.role
  member = each.value.member
}

resource "google_storage_bucket_iam_member" "folder" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "objects" }

  bucket = google_storage_bucket.data.name
  role   = each.value.role
  member = each.value.member

  condition {
    title       = trimsuffix(each.value.name, "/")
    description = "Objects below ${each.value.name}"
    expression  = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.data.name}/objects/${each.value.name}\")"
  }
}

resource "google_kms_crypto_key_iam_member" "grant" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "key" }

  crypto_key_id = local.credentials_key
  role          = each.value.role
  member        = each.value.member
}

resource "google_secret_manager_secret_iam_member" "grant" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "secret" }

  project   = local.project
  secret_id = google_secret_manager_secret.setting[each.value.name].id
  role      = each.value.role
  member    = each.value.member
}

resource "google_cloud_run_v2_job_iam_member" "grant" {
  for_each = { for key, one in local.bindings : key => one if one.kind == "job" }

  project  = local.project
  location = var.region
  name     = google_cloud_run_v2_job.this[each.value.name].name
  role     = each.value.role
  member   = each.value.member
}
