"""What functions tell about their work: one log line an outcome, one trace from tick to alert, numbers that become metrics."""
