"""Single charges: the largest of some days, and one with all of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.warehouse.catalogued import catalogued
from common.warehouse.cost_report import ALL_DAYS, Ask, Days, Metric, ShownSlice
from common.warehouse.dimensions import Filter


@dataclass(frozen=True)
class ChargesQuery:
    """most: how many are read."""

    metric: Metric = Metric.BILLED_COST
    days: Days = ALL_DAYS
    filters: tuple[Filter, ...] = ()
    most: int = 1000

    @property
    def sql(self) -> str:
        """The question in BigQuery SQL."""
        filters = " and ".join(one.sql(number) for number, one in enumerate(self.filters)) or "true"
        sql = catalogued("charges").replace("the_metric", self.metric).replace("the_filters", filters)
        return sql.replace("the_most", f"{int(self.most)}")

    @property
    def parameters(self) -> dict[str, Any]:
        """What the question names."""
        named: dict[str, Any] = {"from_time": self.days.start, "until_time": self.days.end}
        for number, one in enumerate(self.filters):
            named |= one.parameters(number)
        return named


@dataclass(frozen=True)
class FoundCharge:
    """One charge of a list.  cost: of the asked metric, None where the source has none."""

    delivery_id: str
    source_row_id: str
    integration_id: str
    provider: str | None
    charge_start: datetime
    charge_end: datetime | None
    charge_category: str | None
    charge_description: str | None
    service_name: str | None
    sub_account_id: str | None
    region_id: str | None
    resource_id: str | None
    currency: str
    cost: Decimal | None


def read_charges(ask: Ask, query: ChargesQuery) -> list[FoundCharge]:
    """The largest charges, in that order."""
    return [FoundCharge(**row) for row in ask(query.sql, query.parameters)]


def read_charge(ask: Ask, shown: ShownSlice, source_row_id: str) -> Mapping[str, Any] | None:
    """A charge's columns by name, in the order of the table; None where the delivery has no such charge."""
    rows = ask(
        catalogued("charge"),
        {
            "first_start": shown.first_start,
            "last_start": shown.last_start,
            "integration_id": shown.integration_id,
            "delivery_id": shown.delivery_id,
            "source_row_id": source_row_id,
        },
    )
    return rows[0] if rows else None
