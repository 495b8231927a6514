"""Google Cloud's billing export."""

from common.providers.gcp.discovery import discover
from common.providers.provider import Provider

PROVIDER = Provider("gcp", discover)
