"""Shared by all tests."""

from hypothesis import settings

settings.register_profile("costwire", deadline=None)  # a busy machine is no failure
settings.load_profile("costwire")
