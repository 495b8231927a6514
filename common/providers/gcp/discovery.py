"""Deliveries of Google Cloud's billing export at a location: its table in BigQuery, or extracts of it, whole or in shards.

An extract of a big table is cut into files `<name>-000000000000.json.gz`, `<name>-000000000001.json.gz`, …, numbered
without gaps.  There is no manifest, so a gap is the only sign of an extract that is under way.
Source: BigQuery documentation, exporting table data.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from common.errors import NotReady
from common.ports import FoundObject, Location
from common.providers.discovery import FoundDelivery, data_files, one_delivery
from common.providers.gcp.export_months import discover_months, is_export

_SHARD = re.compile(r"(?P<before>.*?)[-_]?(?P<number>0{6}\d{6})(?P<after>\.[^/]*)?")


def discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """Each month of a table is one delivery.  Of extracts, each set of shards is one, all other files together another; oldest first.

    periods: not looked at for extracts, since names do not tell them; a delivery's periods are found by reading it.  Two sets of one
    month are two versions of it, of which the later extract counts.
    Raises NotReady while a shard is missing, BadBill where there is no data file.
    """
    found = data_files(location)
    if is_export(found):
        return discover_months(location, periods)
    sets: dict[tuple[str, str], dict[int, FoundObject]] = defaultdict(dict)
    single = []
    for item in found:
        shard = _SHARD.fullmatch(item.name)
        if shard:
            sets[shard["before"], shard["after"] or ""][int(shard["number"])] = item
        else:
            single.append(item)
    deliveries = [_extract(location, name, shards) for name, shards in sets.items()]
    if single or not deliveries:
        deliveries.append(one_delivery(location, single))
    return sorted(deliveries, key=lambda one: (one.delivered_at, one.parts[0].name))


def _extract(location: Location, name: tuple[str, str], shards: dict[int, FoundObject]) -> FoundDelivery:
    missing = next((number for number in range(len(shards)) if number not in shards), None)
    if missing is not None:
        raise NotReady(
            f"the extract {name[0]}-*{name[1]} at {location.uri} has {len(shards)} shards but none numbered "
            f"{missing:012d}; it is in progress or a file was lost: extract the table again if this persists"
        )
    return one_delivery(location, list(shards.values()))
