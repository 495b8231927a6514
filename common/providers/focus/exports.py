"""What a FOCUS export says of itself, whoever wrote it."""

from __future__ import annotations

from common.domain.places import Place
from common.ports import Location
from common.providers.aws import exports as exports_aws
from common.providers.azure import exports as exports_azure
from common.providers.examining import Examined, newest_manifests
from common.providers.gcp import exports as exports_gcp
from common.providers.gcp.export_months import is_export
from common.providers.oci import exports as exports_oci


def examine(location: Location) -> Examined:
    """As the provider that the place or the manifest shows."""
    if Place.of(location.uri).scheme == "oci":
        return exports_oci.examine(location, "focus")
    if is_export(location.list()):
        return exports_gcp.examine(location, "focus")
    manifests = newest_manifests(location)
    written_by_azure = any("blobs" in one.table for one in manifests)
    if written_by_azure:
        return exports_azure.examine(location, "focus")
    return exports_aws.examine(location, "focus")
