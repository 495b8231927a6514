"""What `costwire doctor` looks at in a deployment: one module a service, each check on its own."""
