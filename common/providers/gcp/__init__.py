"""Google Cloud's billing export."""

from common.providers.gcp.credential import read_credential
from common.providers.gcp.discovery import discover
from common.providers.gcp.exports import examine
from common.providers.provider import Provider

PROVIDER = Provider("gcp", discover, examine, read_credential=read_credential)
