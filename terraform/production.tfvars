# Many tenants, nothing lost by mistake.  Copy it, fill in the addresses and keep the copy beside your own code.
region = "us-central1"
env    = "prod"

delete_protection      = true
point_in_time_recovery = true
backup_retention_days  = 14
soft_delete_days       = 30
dead_letter_days       = 31

monthly_budget = 200

check_tick_minutes = 1 # checks of many tenants, spread over every minute of their interval

# A new project has 20 vCPU for all instances.  With many tenants request more, then raise both:
# cpu_quota = 120
# max_instances = {
#   ingest_aws       = 10
#   normalize_focus  = 30
#   evaluate_budgets = 10
# }

# plans = true # organizations have plans and pay by Stripe (docs/plans.md); without, each is active and unlimited

# operators       = ["group:finops-platform@example.com"]
# custodians      = ["group:finops-keys@example.com"] # rotate the key, so can read credentials; others than the operators
# alert_email     = "finops-platform@example.com"
# billing_account = "012345-6789AB-CDEF01"
# mail = {
#   host       = "smtp.example.com"
#   user       = "costwire"
#   sender     = "Costwire <costwire@example.com>"
#   recipients = "finops@example.com"
# }

# sign_in = { # users sign in to the dashboard (docs/sign-in.md)
#   issuer     = "https://example.eu.auth0.com/"
#   client_id  = "..."
#   public_url = "https://costs.example.com"
# }

# Keys and networks of your own; the key must exist and lie in the region.  Databases, images and datasets never change their key.
# customer_key = "projects/my-keys/locations/us-central1/keyRings/costwire/cryptoKeys/stores"
# egress       = { hosts = {} } # send_notifications reaches Slack and the mail server, and nothing else
