"""Bringing Costwire to Google Cloud."""
