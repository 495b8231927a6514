# Who read or wrote which data.  Logs of administration, and those of BigQuery, are always on.

resource "google_project_iam_audit_config" "data_access" {
  for_each = toset(var.data_access_logs)

  project = local.project
  service = each.value

  dynamic "audit_log_config" {
    for_each = toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])

    content {
      log_type = audit_log_config.value
    }
  }
}
