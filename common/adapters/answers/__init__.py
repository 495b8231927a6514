"""Answers of providers' APIs as files."""
