"""Subscriptions to software: terms, charges and renewals.  Pure."""
