locals {
  # One message at a time in an instance: its memory is known, and DuckDB has all of it; requests over HTTP are small and wait for others, or share an instance.  What an instance writes to its
  # temporary folder lies in memory too.  All instances together fit a new project's quota of 20 vCPU and 40 GiB (var.cpu_quota).
  functions = {
    dispatch_sync = {
      description   = "Fans a request for fresh bills out over tenants and integrations"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    ingest_aws = {
      description   = "Lands AWS bills in the bucket, with control totals"
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 2
    }
    ingest_azure = {
      description   = "Lands Azure bills in the bucket, with control totals"
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 2
    }
    ingest_gcp = {
      description   = "Lands Google Cloud bills in the bucket, with control totals"
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 1
    }
    ingest_oci = {
      description   = "Lands OCI bills in the bucket, with control totals"
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 1
    }
    ingest_openai = {
      description   = "Lands OpenAI's costs in the bucket, with control totals"
      memory        = "1Gi"
      cpu           = "0.5"
      max_instances = 1
    }
    ingest_anthropic = {
      description   = "Lands Anthropic's costs in the bucket, with control totals"
      memory        = "1Gi"
      cpu           = "0.5"
      max_instances = 1
    }
    ingest_deepseek = {
      description   = "Lands DeepSeek's costs in the bucket, with control totals"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    ingest_opencost = {
      description   = "Lands allocations of Kubernetes clusters in the bucket, with control totals"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    ingest_saas = {
      description   = "Lands bills of an organization's ledger of subscriptions in the bucket, with control totals"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    ingest_answers = {
      description   = "Lands costs of OpenRouter, xAI, GitHub and Claude Enterprise in the bucket, with control totals"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    ingest_focus = {
      description   = "Lands native FOCUS bills in the bucket, with control totals"
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 1
    }
    normalize_focus = {
      description   = "Maps a chunk to FOCUS 1.3; the last one proves the delivery and shows it"
      memory        = "4Gi"
      cpu           = "2"
      max_instances = 3
    }
    evaluate_budgets = {
      description   = "Compares budgets with what has been spent, raises and takes back alerts"
      memory        = "1Gi"
      cpu           = "1"
      max_instances = 2
    }
    send_notifications = {
      description   = "Sends notifications that wait in the outbox"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    clean_up = {
      description   = "Removes what is past its life"
      memory        = "1Gi"
      cpu           = "0.5"
      max_instances = 1
    }
    api = {
      description   = "Answers the HTTP API, and shows the dashboard to those who sign in"
      memory        = "1Gi"
      cpu           = "1"
      max_instances = 1
    }
    manual_sync = {
      description   = "Requests fresh bills over HTTP"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    provider_webhook = {
      description   = "Starts a synchronization when a provider announces new files"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    stripe_webhook = {
      description   = "Takes Stripe's events"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
    update_plans = {
      description   = "Makes an organization's plan what its subscription is, notices trials that end"
      memory        = "512Mi"
      cpu           = "0.25"
      max_instances = 1
    }
  }

  # trigger -> what an instance works on at a time; Cloud Run takes more than one request only with a whole vCPU
  concurrency = {
    message = 1
    http    = 16
  }

  cpu_asked = sum([for name, one in local.functions : tonumber(one.cpu) * lookup(var.max_instances, name, one.max_instances)])

  environment = {
    COSTWIRE_RUNTIME              = "cloud"
    COSTWIRE_PROJECT              = var.project
    COSTWIRE_REGION               = var.region
    COSTWIRE_ENV                  = var.env
    COSTWIRE_BUCKET               = google_storage_bucket.data.name
    COSTWIRE_KMS_KEY              = local.credentials_key
    COSTWIRE_DOCUMENTS_DATABASE   = local.databases.documents
    COSTWIRE_CREDENTIALS_DATABASE = local.databases.credentials
    COSTWIRE_PROCESSED_DATABASE   = local.databases.processed
    COSTWIRE_MAXIMUM_BYTES_BILLED = tostring(var.maximum_bytes_billed)
    COSTWIRE_CHUNK_BYTES          = tostring(var.chunk_bytes)
    COSTWIRE_PACKED_BYTES         = tostring(var.packed_bytes)
    COSTWIRE_AWS_PRINCIPAL        = var.aws_principal
    COSTWIRE_PLANS                = tostring(var.plans)
    COSTWIRE_OPERATOR_ORG         = var.operator_org
    COSTWIRE_PUSH_AUTH            = "platform"
    COSTWIRE_SLACK_HOSTS          = join(",", var.slack_hosts)
    COSTWIRE_TRACES               = var.traces
    COSTWIRE_WORK_SECONDS         = "420" # leaves time to publish the rest within an ack deadline of 600 seconds
  }

  # the password is a secret, see secrets.tf
  mail_environment = {
    COSTWIRE_SMTP_HOST       = try(var.mail.host, null)
    COSTWIRE_SMTP_PORT       = try(tostring(var.mail.port), null)
    COSTWIRE_SMTP_STARTTLS   = try(tostring(var.mail.starttls), null)
    COSTWIRE_SMTP_USER       = try(var.mail.user, null)
    COSTWIRE_SMTP_SENDER     = try(var.mail.sender, null)
    COSTWIRE_SMTP_RECIPIENTS = try(var.mail.recipients, null)
  }

  customer_environment = {
    COSTWIRE_CUSTOMER_KEY = local.customer_key
  }
  encryption_environment = { for name, value in local.customer_environment : name => value if var.customer_key != null }

  # the root key is a secret, see secrets.tf
  service_environment = {
    ENVIRONMENT           = "production"
    RATE_LIMIT_PER_MINUTE = tostring(var.rate_limit_per_minute)
  }

  # the client's secret is a secret, see secrets.tf
  sign_in_environment = {
    COSTWIRE_OIDC_ISSUER    = try(var.sign_in.issuer, null)
    COSTWIRE_OIDC_CLIENT_ID = try(var.sign_in.client_id, null)
    COSTWIRE_OIDC_SCOPES    = try(var.sign_in.scopes, null)
    COSTWIRE_PUBLIC_URL     = try(var.sign_in.public_url, null)
  }

  # alerts link to their page, where users can open it
  link_environment = {
    COSTWIRE_PUBLIC_URL = try(var.sign_in.public_url, null)
  }

  # what one function gets beyond the common environment
  own_environment = {
    send_notifications = { for name, value in merge(local.mail_environment, local.link_environment) : name => value if value != null }
    api                = merge(local.service_environment, { for name, value in local.sign_in_environment : name => value if value != null })
    manual_sync        = local.service_environment
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  project     = local.project
  region      = var.region
  entry_point = each.key
  description = each.value.description
  trigger     = local.facts.functions[each.key].trigger
  runtime     = var.python_runtime
  environment = merge(local.environment, local.encryption_environment, lookup(local.own_environment, each.key, {}))

  customer_key = local.customer_key
  connector    = each.key == "send_notifications" ? one(local.connector) : null

  size = {
    memory        = each.value.memory
    cpu           = each.value.cpu
    concurrency   = tonumber(each.value.cpu) < 1 ? 1 : local.concurrency[local.facts.functions[each.key].trigger]
    max_instances = lookup(var.max_instances, each.key, each.value.max_instances)
  }

  build = {
    bucket     = google_storage_bucket.source.name
    object     = google_storage_bucket_object.functions.name
    account    = google_service_account.build.id
    repository = google_artifact_registry_repository.functions.id
  }

  subscriptions         = { for name, one in local.facts.subscriptions : name => one if one.function == each.key }
  topics                = module.topic
  max_delivery_attempts = local.facts.max_delivery_attempts
  push_account          = google_service_account.push.email
  pubsub_agent          = local.pubsub_agent

  depends_on = [
    google_compute_network_firewall_policy_association.egress,
    google_compute_router_nat.egress,
    google_dns_record_set.google,
    google_service_account_iam_member.push_token,
    time_sleep.build_access,
  ]
}

# the address that Event Grid calls may hold an integration's secret; the function writes a line of its own about each call
resource "google_logging_project_exclusion" "webhook_requests" {
  project     = local.project
  name        = "costwire-webhook-requests"
  description = "Requests to provider_webhook, whose addresses may hold secrets"
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${module.function["provider_webhook"].name}\" AND log_id(\"run.googleapis.com/requests\")"
}
