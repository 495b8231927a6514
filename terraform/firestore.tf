# A database for each kind of document: IAM distinguishes databases, and nothing inside one.
resource "google_firestore_database" "documents" {
  project                           = local.project
  name                              = local.facts.firestore.databases.documents
  location_id                       = coalesce(var.firestore_location, var.region)
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "PESSIMISTIC"
  point_in_time_recovery_enablement = var.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.delete_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE" # refused by Firestore itself while protection is on

  dynamic "cmek_config" {
    for_each = local.customer_key[*]

    content {
      kms_key_name = cmek_config.value
    }
  }
}

# encrypted credentials, and which events are done; the latter only saves work, and is never restored
resource "google_firestore_database" "separate" {
  for_each = { credentials = var.point_in_time_recovery, processed = false }

  project                           = local.project
  name                              = local.facts.firestore.databases[each.key]
  location_id                       = coalesce(var.firestore_location, var.region)
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "PESSIMISTIC"
  point_in_time_recovery_enablement = each.value ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.delete_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE"

  dynamic "cmek_config" {
    for_each = local.customer_key[*]

    content {
      kms_key_name = cmek_config.value
    }
  }
}

locals {
  databases = {
    documents   = google_firestore_database.documents.name
    credentials = google_firestore_database.separate["credentials"].name
    processed   = google_firestore_database.separate["processed"].name
  }
}

resource "google_firestore_backup_schedule" "daily" {
  for_each = toset(var.backup_retention_days > 0 ? ["documents", "credentials"] : [])

  project   = local.project
  database  = local.databases[each.value]
  retention = "${var.backup_retention_days * 86400}s"

  daily_recurrence {}
}

resource "google_firestore_index" "composite" {
  for_each = {
    for index in local.facts.firestore.indexes :
    join(".", concat([index.collection], [for one in index.fields : "${one.field}-${lower(one.order)}"])) => index
  }

  project    = local.project
  database   = local.databases[each.value.database]
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields

    content {
      field_path = fields.value.field
      order      = fields.value.order
    }
  }
}

# fields that are never asked for need no index; fields that tell when a document may go
resource "google_firestore_field" "special" {
  for_each = { for one in local.facts.firestore.fields : "${one.collection}.${one.field}" => one }

  project    = local.project
  database   = local.databases[each.value.database]
  collection = each.value.collection
  field      = each.value.field

  dynamic "index_config" {
    for_each = each.value.indexed ? [] : [true]

    content {} # no index at all
  }

  dynamic "ttl_config" {
    for_each = each.value.expires ? [true] : []

    content {}
  }
}
