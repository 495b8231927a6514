"""Checks of terraform/ without Google's provider: it is to be had from a registry that a machine may not reach."""
