"""Google Cloud: one module a port, each the only place that imports its SDK."""
