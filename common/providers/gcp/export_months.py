"""Deliveries of the billing export in BigQuery: one of each invoice month, of all days and billing accounts together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from common.ports import FoundObject, Location
from common.providers.discovery import FoundDelivery, one_delivery
from common.providers.gcp.export_tables import parse_name


def is_export(found: Sequence[FoundObject]) -> bool:
    """Whether files are months of the export's tables, as their names tell."""
    return bool(found) and all(parse_name(item.name) for item in found)


def discover_months(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """The deliveries at a location of the export, oldest month first.  periods: only these months (YYYY-MM).

    Lines whose month cannot be read are delivered with the oldest month, where they are quarantined and counted.
    """
    months: dict[str, list[FoundObject]] = defaultdict(list)
    strays = []
    for item in location.list():
        parsed = parse_name(item.name)
        if parsed and parsed[1]:
            months[parsed[1]].append(item)
        elif parsed:
            strays.append(item)
    if strays:
        months[min(months, default="")].extend(strays)
    return [one_delivery(location, months[month]) for month in sorted(months) if not periods or month in periods]
