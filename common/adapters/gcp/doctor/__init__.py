"""What `costwire doctor` checks in a deployment: one module per service, each check independent."""
