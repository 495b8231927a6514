"""The query behind `costwire costs`: charges by one dimension, each currency separately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from common.domain.money import add
from common.errors import BadConfiguration
from common.ports import Warehouse


class Metric(StrEnum):
    """What charges are added up by: a cost column."""

    BILLED_COST = "BilledCost"
    EFFECTIVE_COST = "EffectiveCost"
    LIST_COST = "ListCost"


DIMENSIONS = {
    "service": ("ServiceName", "ServiceName"),
    "provider": ("x_Provider", "x_Provider"),
    "account": ("SubAccountId", "SubAccountName"),
    "region": ("RegionId", "RegionName"),
    "day": ("date(ChargePeriodStart)", "cast(null as string)"),
    "month": ("date_trunc(date(ChargePeriodStart), month)", "cast(null as string)"),
}
"""Dimension -> what groups charges, and the name that people know it by."""

TAG = "tag:"
TIMES = {"day": "%Y-%m-%d", "month": "%Y-%m"}
"""Dimension of time -> how its keys are written."""


@dataclass(frozen=True)
class CostRow:
    """One value of the dimension; key None: charges that have none.  charges: how many FOCUS rows."""

    key: str | None
    name: str | None
    cost: Decimal
    charges: int


@dataclass(frozen=True)
class CurrencyCosts:
    """One currency's rows: by time for day and month, else the dearest first."""

    currency: str
    total: Decimal
    rows: tuple[CostRow, ...]

    @property
    def charges(self) -> int:
        """How many FOCUS rows."""
        return sum(row.charges for row in self.rows)

    def share_percent(self, row: CostRow) -> Decimal | None:
        """A row's part of the total, for people; None where there is no total above 0 to share."""
        return row.cost / self.total * 100 if self.total > 0 else None


@cache
def catalogued(name: str) -> str:
    """A query of the catalogue, `queries/<name>.sql`."""
    return files("common.warehouse").joinpath("queries").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def report_costs(
    warehouse: Warehouse, org_slug: str, by: str, metric: str, first_day: date | None, last_day: date | None
) -> list[CurrencyCosts]:
    """Sum a metric of all charges that start in the days from first to last, both included; None: no end.

    by: one of DIMENSIONS, or `tag:KEY`.  Returns one entry a currency, by its code.
    Raises BadConfiguration for an unknown dimension or metric.
    """
    rows = warehouse.query(org_slug, costs_sql(by, metric), _parameters(by, first_day, last_day))
    currencies = sorted({row["currency"] for row in rows})
    return [_of_currency(currency, rows, by) for currency in currencies]


def costs_scan(
    warehouse: Warehouse, org_slug: str, by: str, metric: str, first_day: date | None, last_day: date | None
) -> int | None:
    """How many bytes `report_costs` would be billed for; None where it costs nothing."""
    return warehouse.scanned_bytes(org_slug, costs_sql(by, metric), _parameters(by, first_day, last_day))


def report_deliveries(
    warehouse: Warehouse, org_slug: str, delivery_ids: Sequence[str], first_day: date | None, last_day: date | None
) -> frozenset[str]:
    """Which of some deliveries have charges in the days from first to last, both included; None: no end."""
    if not delivery_ids:
        return frozenset()
    parameters = {**_between(first_day, last_day), "delivery_ids": list(delivery_ids)}
    rows = warehouse.query(org_slug, catalogued("deliveries"), parameters)
    return frozenset(row["delivery_id"] for row in rows)


def report_span(warehouse: Warehouse, org_slug: str) -> tuple[date, date] | None:
    """The first and the last day that have charges, None where there are none at all."""
    row = warehouse.query(org_slug, catalogued("span"))[0]
    return (row["first_day"], row["last_day"]) if row["first_day"] else None


def _parameters(by: str, first_day: date | None, last_day: date | None) -> dict[str, object]:
    parameters = _between(first_day, last_day)
    if by.startswith(TAG):
        parameters["tag_path"] = _tag_path(by.removeprefix(TAG))
    return parameters


def _between(first_day: date | None, last_day: date | None) -> dict[str, object]:
    return {
        "from_time": _midnight(first_day or date.min),
        "until_time": _midnight(last_day + timedelta(days=1) if last_day else date.max),
    }


def costs_sql(by: str, metric: str) -> str:
    """The question in BigQuery SQL.  Raises BadConfiguration for an unknown dimension or metric."""
    if metric not in list(Metric):
        raise BadConfiguration(f"metric is '{metric}', expected {', '.join(Metric)}")
    if by.startswith(TAG):
        column, name, key = "Tags", "cast(null as string)", "json_value(grouped, @tag_path)"
    elif by in DIMENSIONS:
        (column, name), key = DIMENSIONS[by], "grouped"
    else:
        raise BadConfiguration(f"dimension is '{by}', expected {', '.join(DIMENSIONS)} or tag:KEY")
    sql = catalogued("costs")
    for placeholder, value in (("column", column), ("name", name), ("metric", metric), ("key", key)):
        sql = sql.replace(f"the_{placeholder}", value)
    return sql


def _of_currency(currency: str, rows: Sequence[dict[str, Any]], by: str) -> CurrencyCosts:
    mine = [
        CostRow(_key(row["key"], by), row["name"], row["cost"], row["charges"])
        for row in rows
        if row["currency"] == currency
    ]
    mine.sort(key=lambda row: row.key or "")
    if by not in TIMES:
        mine.sort(key=lambda row: row.cost, reverse=True)
    return CurrencyCosts(currency, add(row.cost for row in mine), tuple(mine))


def _key(value: Any, by: str) -> str | None:
    return value if value is None or by not in TIMES else str(value.strftime(TIMES[by]))


def _tag_path(key: str) -> str:
    if not key:
        raise BadConfiguration("the tag has no key, expected tag:KEY, as in tag:environment")
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
