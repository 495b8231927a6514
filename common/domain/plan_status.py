"""What an organization may be: runs start while it is TRIAL or ACTIVE."""

TRIAL, ACTIVE, SUSPENDED, CANCELLED, EXPIRED = "TRIAL", "ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED"
MAY_RUN = (TRIAL, ACTIVE)
