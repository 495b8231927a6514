"""What an organization's bills hold that no reference table knows: services, regions and units, with their cost."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from common.domain.money import plain
from common.ports import Runtime
from common.records.own_services import SERVICE_TABLES, reference_rows, saved_services
from common.warehouse.unclassified import CodeCosts, report_codes

DAYS = 90
"""How far back from the newest charge charges are looked at."""
_KINDS = ("service", "region", "unit")
_UNITS = {"aws": "aws_units", "azure": "azure_units", "gcp": "gcp_units", "oci": "oci_units"}


def unknown_codes(rt: Runtime, org_slug: str) -> list[CodeCosts]:
    """What no table knows on charges of the 90 days up to the newest one: services, then regions, then units, the most expensive first.

    Only providers with tables are looked at.  A service that a table, or the organization's own rows, class as Other is known.
    """
    newest = newest_charge(rt, org_slug)
    if newest is None:
        return []
    since = newest - timedelta(days=DAYS)
    rows = saved_services(rt.documents, org_slug)
    own = {(row.provider, name.lower()) for row in rows for name in (row.service, row.service_name)}
    found = [
        one
        for one in report_codes(rt.warehouse, org_slug, since)
        if one.provider in SERVICE_TABLES and (one.provider, one.code.lower()) not in own and not _is_known(one)
    ]
    return sorted(found, key=lambda one: (_KINDS.index(one.kind), -one.billed_cost, one.provider, one.code))


def newest_charge(rt: Runtime, org_slug: str) -> datetime | None:
    """When the newest charge that is not in the future began; None without any charges."""
    rows = rt.warehouse.query(org_slug, "select max(last_start) as newest from slices")
    newest: datetime | None = rows[0]["newest"]
    return min(newest, rt.clock.now()) if newest else None


def code_as_json(one: CodeCosts) -> dict[str, Any]:
    """For programs; the cost is an exact decimal as text."""
    return {**vars(one), "billed_cost": plain(one.billed_cost)}


def _is_known(one: CodeCosts) -> bool:
    if one.kind == "service":
        return one.code.lower() in _known_services(one.provider)
    # a price for a block of units, as in 1000 Requests
    return one.kind == "unit" and re.sub(r"^\d+ ", "", one.code) in _known_units(one.provider)


@cache
def _known_services(provider: str) -> frozenset[str]:
    table = SERVICE_TABLES[provider]
    rows = reference_rows(table.name)
    return frozenset(row[column].lower() for row in rows for column in (table.key, "service_name") if column in row)


@cache
def _known_units(provider: str) -> frozenset[str]:
    units = (list(row.values())[-1] for row in reference_rows(_UNITS[provider]))
    return frozenset({re.sub(r"^\d+ ", "", unit) for unit in units} | {"Units"})
