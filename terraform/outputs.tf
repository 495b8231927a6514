output "environment" {
  description = "What the costwire command needs to work on this deployment"
  value = merge(local.encryption_environment, {
    for name in [
      "COSTWIRE_RUNTIME", "COSTWIRE_PROJECT", "COSTWIRE_REGION", "COSTWIRE_ENV", "COSTWIRE_BUCKET", "COSTWIRE_KMS_KEY",
      "COSTWIRE_DOCUMENTS_DATABASE", "COSTWIRE_CREDENTIALS_DATABASE", "COSTWIRE_PROCESSED_DATABASE", "COSTWIRE_MAXIMUM_BYTES_BILLED",
      "COSTWIRE_SLACK_HOSTS", "COSTWIRE_AWS_PRINCIPAL", "COSTWIRE_PLANS", "COSTWIRE_OPERATOR_ORG",
    ] : name => local.environment[name]
  }, { COSTWIRE_WEBHOOK_URL = module.function["provider_webhook"].uri })
}

output "delete_protection" {
  description = "Whether this deployment refuses to be destroyed"
  value       = var.delete_protection
}

output "functions" {
  description = "Function -> its account, to whom a tenant's own buckets may be opened"
  value       = { for name, one in module.function : name => trimprefix(one.member, "serviceAccount:") }
}

output "dashboard" {
  description = "The dashboard of the platform"
  value       = "https://console.cloud.google.com/monitoring/dashboards?project=${var.project}"
}
