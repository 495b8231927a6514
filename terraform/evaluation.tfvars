# One project to try Costwire in, with nothing that costs while nothing happens.  What may still cost cents a month:
# - the key version in Cloud KMS (list price 0.06 USD a month each; one more every 90 days by rotation);
# - Cloud Scheduler jobs above the three that are free in a billing account (0.10 USD each): two are the platform's, each schedule of a
#   tenant is another;
# - images of the functions above 0.5 GB in Artifact Registry (0.10 USD a GB);
# - reads and writes of the databases credentials and processed, since only the default database has a free tier;
# - with alert_email: alert policies, as far as Google charges for them.
# What bills and questions cost is told in docs/cost.md.
region = "us-central1" # a region where Cloud Storage has a free tier
env    = "eval"

delete_protection      = false # make destroy removes everything
point_in_time_recovery = false
backup_retention_days  = 0
soft_delete_days       = 0
dead_letter_days       = 7

maximum_bytes_billed = 10737418240 # 10 GiB; BigQuery's first TiB a month is free
