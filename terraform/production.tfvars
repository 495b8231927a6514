# Many tenants, nothing lost by mistake.  Copy it, fill in the addresses and keep the copy beside your own code.
region = "us-central1"
env    = "prod"

delete_protection      = true
point_in_time_recovery = true
backup_retention_days  = 14
soft_delete_days       = 30
dead_letter_days       = 31

monthly_budget = 200

# operators       = ["group:finops-platform@example.com"]
# alert_email     = "finops-platform@example.com"
# billing_account = "012345-6789AB-CDEF01"
# mail = {
#   host       = "smtp.example.com"
#   user       = "costwire"
#   sender     = "Costwire <costwire@example.com>"
#   recipients = "finops@example.com"
# }
