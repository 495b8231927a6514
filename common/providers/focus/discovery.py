"""Native FOCUS bills at a location: AWS and Azure exports detected from their manifests, or plain files without any."""

from __future__ import annotations

import json
from collections.abc import Sequence

from common.errors import BadBill
from common.ports import FoundObject, Location
from common.providers.aws import manifests as manifests_aws
from common.providers.azure import manifests as manifests_azure
from common.providers.discovery import FoundDelivery, data_files, is_manifest, one_delivery
from common.providers.focus import platform_bill
from common.providers.gcp.export_months import discover_months, is_export

_AZURE_NAMES = ("manifest.json", "_manifest.json")
_FOCUS_KINDS: tuple[frozenset[str | None], ...] = (frozenset(("FocusCost",)), frozenset((None,)))


def discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """The newest delivery of each billing period; without a manifest all files together are one, but for Google's table in BigQuery.

    periods: only these months (YYYY-MM).  Raises NotReady for a delivery whose files are not all there, BadBill for a
    bad manifest, BadConfiguration where two exports tell the same month.
    Sources: AWS Data Exports guide; Microsoft Learn, Cost Management exports.
    """
    if location.uri.startswith(platform_bill.SCHEME):
        return platform_bill.discover(location)
    manifests = [found for found in location.list() if is_manifest(found.name)]
    if not manifests:
        found = data_files(location)
        return discover_months(location, periods) if is_export(found) else [one_delivery(location, found)]
    if any(_is_azure(location, found) for found in manifests):
        return manifests_azure.discover(location, periods, _FOCUS_KINDS)
    return manifests_aws.discover(location, periods)


def _is_azure(location: Location, found: FoundObject) -> bool:
    """Whether a manifest lists blobs, as Azure's do; AWS may call its own by the same name."""
    if found.name.rpartition("/")[2].lower() not in _AZURE_NAMES:
        return False
    with location.open(found.name) as stream:
        raw = stream.read()
    try:
        table = json.loads(raw)
    except ValueError as error:
        raise BadBill(
            f"{found.name} is not valid JSON, expected the manifest of an export; run the export again"
        ) from error
    return isinstance(table, dict) and "blobs" in table
