"""What a budget's scope has cost: the questions to the warehouse, and their answers as plain types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from common.domain.budgets import METRICS, Budget, BudgetPeriod, Scope
from common.domain.forecast import HISTORY_DAYS
from common.domain.money import EXACT, add
from common.ports import Warehouse


@dataclass(frozen=True)
class OtherCurrency:
    """Charges in scope that do not count, since they are in another currency than the budget."""

    currency: str
    spend: Decimal
    charges: int


@dataclass(frozen=True)
class Spend:
    """A budget's charges in one period.  daily: totals by charge day, from before the period on, in its currency.

    latest_charge: start of the newest charge that is not in the future.  ingested_at: of the newest row.
    """

    total: Decimal = Decimal(0)
    charges: int = 0
    days_with_charges: tuple[date, ...] = ()
    latest_charge: datetime | None = None
    ingested_at: datetime | None = None
    daily: Mapping[date, Decimal] = field(default_factory=dict)
    not_counted: tuple[OtherCurrency, ...] = ()


@dataclass(frozen=True)
class Driver:
    """A service's part of the spend.  previous: over the same span of the period before, None without one."""

    service: str
    spend: Decimal
    previous: Decimal | None


def read_spend(warehouse: Warehouse, org_slug: str, budget: Budget, period: BudgetPeriod, now: datetime) -> Spend:
    """Everything in a budget's scope that counts in a period, and the history before it."""
    filters, parameters = scope_filters(budget.scope)
    first_day = (period.start - timedelta(days=HISTORY_DAYS)).date()
    history_start = datetime(first_day.year, first_day.month, 1, tzinfo=UTC)
    rows = warehouse.query(
        org_slug,
        _sql("spend_by_day.sql", budget, filters),
        {**parameters, "history_start": history_start, "period_start": period.start, "period_end": period.end},
    )
    counted = [row for row in rows if row["currency"] == budget.currency]
    in_period = [row for row in counted if row["in_period"]]
    known = [row for row in in_period if row["latest_charge"] <= now]
    return Spend(
        total=_sum(in_period),
        charges=sum(row["charges"] for row in in_period),
        days_with_charges=tuple(sorted({row["charge_day"] for row in known if period.contains(row["charge_day"])})),
        latest_charge=max((row["latest_charge"] for row in known), default=None),
        ingested_at=max((row["ingested_at"] for row in in_period if row["ingested_at"]), default=None),
        daily=_by_day(counted),
        not_counted=_other_currencies([row for row in rows if row["in_period"] and row["currency"] != budget.currency]),
    )


def read_drivers(
    warehouse: Warehouse, org_slug: str, budget: Budget, period: BudgetPeriod, days_elapsed: int
) -> list[Driver]:
    """The services in scope, dearest first."""
    filters, parameters = scope_filters(budget.scope)
    previous = budget.previous(period)
    start = previous.start if previous else period.start
    until = min(start + timedelta(days=days_elapsed), period.start)
    rows = warehouse.query(
        org_slug,
        _sql("spend_by_service.sql", budget, filters),
        {
            **parameters,
            "currency": budget.currency,
            "period_start": period.start,
            "period_end": period.end,
            "previous_start": start,
            "previous_until": until,
        },
    )
    has_previous = any(row["previous_spend"] is not None for row in rows)
    drivers = [
        Driver(
            service=row["service"],
            spend=_or_zero(row["spend"]),
            previous=_or_zero(row["previous_spend"]) if has_previous else None,
        )
        for row in rows
    ]
    return sorted(drivers, key=lambda driver: (-driver.spend, driver.service))


def read_latest_charge(warehouse: Warehouse, org_slug: str, budget: Budget) -> datetime | None:
    """The newest moment at which a charge in scope counts, or None without any."""
    filters, parameters = scope_filters(budget.scope)
    rows = warehouse.query(
        org_slug, _sql("latest_charge.sql", budget, filters), {**parameters, "currency": budget.currency}
    )
    latest: datetime | None = rows[0]["counted_at"] if rows else None
    return latest


def scope_filters(scope: Scope) -> tuple[str, dict[str, Any]]:
    """The conditions of a scope in BigQuery SQL, and the parameters they name; nothing of a value is in the text."""
    clauses: list[str] = []
    parameters: dict[str, Any] = {}
    for name, values, columns in (
        ("providers", scope.providers, ("x_Provider",)),
        ("accounts", scope.accounts, ("SubAccountId", "BillingAccountId")),
        ("services", scope.services, ("ServiceName",)),
        ("regions", scope.regions, ("RegionId", "RegionName")),
    ):
        if values:
            choices = " or ".join(f"coalesce({column}, '') in unnest(@{name})" for column in columns)
            clauses.append(f"and ({choices})")
            parameters[name] = list(values)
    for number, (key, accepted) in enumerate(scope.tags.items()):
        clauses.append(f"and json_value(Tags, @tag_path_{number}) in unnest(@tag_values_{number})")
        parameters[f"tag_path_{number}"] = tag_path(key)
        parameters[f"tag_values_{number}"] = list(accepted)
    return "\n        ".join(clauses), parameters


def tag_path(key: str) -> str:
    """The JSONPath of a tag key, quoted, since keys hold dots, colons and slashes."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _sql(name: str, budget: Budget, filters: str) -> str:
    if budget.metric not in METRICS:
        raise ValueError(f"metric {budget.metric} is no cost column")
    counted_by = "BillingPeriodStart" if budget.counts_by_billing_period else "ChargePeriodStart"
    return _text(name).format(metric=budget.metric, counted_by=counted_by, scope=filters)


@cache
def _text(name: str) -> str:
    lines = files(__package__).joinpath("sql", name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _sum(rows: list[dict[str, Any]]) -> Decimal:
    return add(_or_zero(row["spend"]) for row in rows)


def _by_day(rows: list[dict[str, Any]]) -> dict[date, Decimal]:
    daily: dict[date, Decimal] = {}
    for row in rows:
        daily[row["charge_day"]] = EXACT.add(daily.get(row["charge_day"], Decimal(0)), _or_zero(row["spend"]))
    return daily


def _other_currencies(rows: list[dict[str, Any]]) -> tuple[OtherCurrency, ...]:
    currencies = sorted({row["currency"] for row in rows})
    return tuple(
        OtherCurrency(
            currency,
            _sum([row for row in rows if row["currency"] == currency]),
            sum(row["charges"] for row in rows if row["currency"] == currency),
        )
        for currency in currencies
    )


def _or_zero(value: Decimal | None) -> Decimal:
    return Decimal(0) if value is None else value
