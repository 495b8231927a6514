"""The query behind `costwire services unknown`: what charges hold that no reference table knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.ports import Warehouse
from common.warehouse.catalogued import catalogued


@dataclass(frozen=True)
class CodeCosts:
    """One code and what was billed for it in one currency.  kind: service, region or unit.  charges: how many FOCUS rows."""

    kind: str
    provider: str
    code: str
    currency: str
    billed_cost: Decimal
    charges: int


def report_codes(warehouse: Warehouse, org_slug: str, since: datetime) -> list[CodeCosts]:
    """Services of category Other, regions without a name and every pricing unit, on usage and purchases since a moment."""
    rows = warehouse.query(org_slug, catalogued("unclassified"), {"from_time": since})
    return [CodeCosts(**row) for row in rows]
