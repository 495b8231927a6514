"""Google Cloud: one module per port, each the only place that imports its SDK."""
