# What the platform itself may cost.

resource "google_billing_budget" "platform" {
  count = var.billing_account == null ? 0 : 1

  billing_account = var.billing_account
  display_name    = "Costwire in ${local.project}"

  budget_filter {
    projects        = ["projects/${data.google_project.this.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  threshold_rules {
    threshold_percent = 0.5
  }

  threshold_rules {
    threshold_percent = 1
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  dynamic "all_updates_rule" {
    for_each = local.alerting == 0 ? [] : [google_monitoring_notification_channel.email[*].id]

    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }
}
