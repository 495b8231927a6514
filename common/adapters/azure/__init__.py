"""Places of Azure.  Azure's SDKs are imported here only."""
