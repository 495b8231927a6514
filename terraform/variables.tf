variable "project" {
  description = "Google Cloud project of the deployment; one deployment a project, since topics have fixed names"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower-case letters, digits and dashes."
  }
}

variable "region" {
  description = "Region of functions, buckets, datasets, key and scheduler jobs"
  type        = string
}

variable "firestore_location" {
  description = "Location of the Firestore database; the region by default.  It can never be changed"
  type        = string
  default     = null
}

variable "env" {
  description = "Name of the deployment: the end of each dataset's name, <org>_<env>"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_]{1,20}$", var.env))
    error_message = "env must have 1 to 20 lower-case letters, digits and underscores."
  }
}

variable "archive" {
  description = "Source archive of all functions, made by python -m deployment.archive"
  type        = string
  default     = "../build/functions.zip"
}

variable "python_runtime" {
  description = "Runtime of the functions; the tests run on this version of Python"
  type        = string
  default     = "python311"
}

variable "max_instances" {
  description = "Function -> most instances at a time, where the default of functions.tf is not wanted; all together within cpu_quota"
  type        = map(number)
  default     = {}
}

variable "cpu_quota" {
  description = "vCPU that the instances of all functions may take together: Cloud Run's quota CpuAllocPerProjectRegion, 20 in a new project"
  type        = number
  default     = 20

  validation {
    condition     = local.cpu_asked <= var.cpu_quota
    error_message = "max_instances asks for ${local.cpu_asked} vCPU, cpu_quota allows ${var.cpu_quota}: lower max_instances, or raise cpu_quota once Cloud Run's quota is raised."
  }
}

variable "maximum_bytes_billed" {
  description = "Most that one question to BigQuery may scan, in bytes"
  type        = number
  default     = 1099511627776
}

variable "plans" {
  description = "Whether organizations have plans with quotas and trials, paid for by Stripe; without, every organization is active and unlimited"
  type        = bool
  default     = false
}

variable "operator_org" {
  description = "Organization of the operator, which may read the platform's own bill by organization; empty for none"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-zA-Z0-9_]{3,50})?$", var.operator_org))
    error_message = "operator_org has 3 to 50 letters, digits and underscores, or is empty."
  }
}

variable "aws_principal" {
  description = "ARN of the identity in AWS that assumes the roles of customers' accounts, named in the policies that they are given; empty for none"
  type        = string
  default     = ""
}

variable "chunk_bytes" {
  description = "Most bytes of a file that one instance maps: a larger one of plain CSV, JSON lines or Parquet is cut into ranges"
  type        = number
  default     = 2147483648

  validation {
    condition     = var.chunk_bytes > 0
    error_message = "chunk_bytes is a number of bytes, such as 2147483648."
  }
}

variable "packed_bytes" {
  description = "Most bytes of a compressed file that one instance maps as it is: a job unpacks a larger one"
  type        = number
  default     = 1073741824

  validation {
    condition     = var.packed_bytes > 0
    error_message = "packed_bytes is a number of bytes, such as 1073741824."
  }
}

variable "check_tick_minutes" {
  description = "Minutes between two ticks of the budget checks, of which each asks for the tenants that are due; 1 with many tenants, so that fewer are checked at once"
  type        = number
  default     = 15

  validation {
    condition     = contains([1, 5, 15], var.check_tick_minutes)
    error_message = "check_tick_minutes must be 1, 5 or 15."
  }
}

variable "traces" {
  description = "Where traces go: cloud, to Cloud Trace; off, nowhere"
  type        = string
  default     = "cloud"

  validation {
    condition     = contains(["cloud", "off"], var.traces)
    error_message = "traces must be cloud or off."
  }
}

variable "delete_protection" {
  description = "Whether database, key and filled buckets refuse to be deleted"
  type        = bool
}

variable "point_in_time_recovery" {
  description = "Whether Firestore stores every version of its documents for 7 days (costs storage)"
  type        = bool
}

variable "backup_retention_days" {
  description = "How long daily backups of Firestore are stored; 0: no backups"
  type        = number

  validation {
    condition     = var.backup_retention_days >= 0 && var.backup_retention_days <= 98
    error_message = "backup_retention_days must be 0 to 98."
  }
}

variable "soft_delete_days" {
  description = "How long deleted objects can be brought back; 0, or 7 to 90"
  type        = number

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days must be 0, or 7 to 90."
  }
}

variable "dead_letter_days" {
  description = "How long a dead letter can be replayed, at most 31 days"
  type        = number
  default     = 31

  validation {
    condition     = var.dead_letter_days >= 1 && var.dead_letter_days <= 31
    error_message = "dead_letter_days must be 1 to 31."
  }
}

variable "customer_key" {
  description = "Key of Cloud KMS in the region that encrypts every store; Google's own keys without it.  Databases, images and datasets take it only when they are created"
  type        = string
  default     = null

  validation {
    condition     = var.customer_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.customer_key))
    error_message = "customer_key must be projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>."
  }
}

variable "rate_limit_per_minute" {
  description = "Requests that each API key may make in a minute, per instance"
  type        = number
  default     = 300

  validation {
    condition     = var.rate_limit_per_minute > 0
    error_message = "rate_limit_per_minute is a number of requests, such as 300."
  }
}

variable "data_access_logs" {
  description = "Services whose data access is logged in Cloud Audit Logs; BigQuery's always is"
  type        = list(string)
  default = [
    "cloudkms.googleapis.com",
    "datastore.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ]
}

variable "egress" {
  description = "With it, send_notifications reaches nothing but Google's services, Slack, the mail server and these hosts (name -> port); it costs a VPC connector and Cloud NAT"
  type = object({
    hosts = optional(map(number), {})
  })
  default = null
}

variable "operators" {
  description = "Who runs the platform, as user:you@example.com or group:ops@example.com"
  type        = list(string)
  default     = []
}

variable "custodians" {
  description = "Who may decrypt tenants' credentials, to encrypt them with a new version of the key, as group:keys@example.com"
  type        = list(string)
  default     = []
}

variable "alert_email" {
  description = "Where alerts on the platform itself go; none are set up without it"
  type        = string
  default     = null
}

variable "alerting" {
  description = "When an alert on the platform is raised: age of the oldest waiting message, share of failed requests"
  type = object({
    oldest_message_seconds = number
    error_fraction         = number
  })
  default = {
    oldest_message_seconds = 3600
    error_fraction         = 0.2
  }
}

variable "billing_account" {
  description = "Billing account of the project, as 012345-6789AB-CDEF01; no budget on the platform without it"
  type        = string
  default     = null
}

variable "monthly_budget" {
  description = "What the platform itself may cost in a month, in whole units of the billing account's currency"
  type        = number
  default     = 20
}

variable "mail" {
  description = "Mail server for tenants' alerts; its password is the secret costwire-smtp-password"
  type = object({
    host       = string
    port       = optional(number, 587)
    starttls   = optional(bool, true)
    user       = optional(string)
    sender     = string
    recipients = string
  })
  default = null
}

variable "sign_in" {
  description = "OpenID provider by which users sign in to the dashboard (docs/sign-in.md); the client's secret is the secret costwire-oidc-client-secret. Without it the function api answers the API only"
  type = object({
    issuer     = string
    client_id  = string
    public_url = string
    scopes     = optional(string, "openid email profile")
  })
  default = null

  validation {
    condition     = var.sign_in == null || alltrue([for one in [try(var.sign_in.issuer, ""), try(var.sign_in.public_url, "")] : can(regex("^https://[^/ ]+", one))])
    error_message = "issuer and public_url are addresses that begin with https://."
  }
}

variable "slack_hosts" {
  description = "Hosts that webhooks of organizations' channels may have; HOST:PORT for a port other than 443"
  type        = list(string)
  default     = ["hooks.slack.com", "hooks.slack-gov.com"]

  validation {
    condition     = alltrue([for host in var.slack_hosts : can(regex("^[a-z0-9.-]+(:[0-9]+)?$", host))])
    error_message = "A host is lower-case letters, digits, dots and dashes, with a port where it is not 443."
  }
}
