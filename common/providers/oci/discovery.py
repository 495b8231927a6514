"""Deliveries of OCI's cost reports at a location: `reports/cost-csv/*.csv.gz`, or a folder of such files.

There is no manifest.  A new file appears about every six hours with only new rows, so the files of a month add up, and
all that are there make one delivery.  Source: OCI documentation, cost and usage reports overview.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import BadBill
from common.ports import Location
from common.providers.discovery import FoundDelivery, data_files, one_delivery

_COST = "cost-csv/"
_USAGE = "usage-csv/"
_FOCUS = "focus reports/"


def discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """One delivery of all cost reports.  Usage reports, which have no cost, and FOCUS reports beside them are left out.

    periods: not looked at, since names do not tell them; a delivery's periods are found by reading it.
    Raises BadBill where there is no cost report, saying what is there instead.
    """
    found = data_files(location)
    reports = [item for item in found if _below(item.name, _COST)]
    if not reports:
        reports = [item for item in found if not _below(item.name, _USAGE) and not _below(item.name, _FOCUS)]
    if not reports and found:
        kind = "FOCUS reports" if any(_below(item.name, _FOCUS) for item in found) else "usage reports"
        advice = (
            "connect its folder as provider focus" if kind == "FOCUS reports" else "give the place of reports/cost-csv"
        )
        raise BadBill(f"{location.uri} holds {kind} but no cost report; {advice}")
    return [one_delivery(location, reports)]


def _below(name: str, folder: str) -> bool:
    return f"/{folder}" in f"/{name.lower()}"
