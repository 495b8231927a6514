"""OCI's cost reports."""

from common.providers.oci.credential import read_credential
from common.providers.oci.discovery import discover
from common.providers.oci.exports import examine
from common.providers.provider import Provider

PROVIDER = Provider("oci", discover, examine, read_credential=read_credential)
