"""What a budget's scope has cost: the warehouse queries, and their answers as plain types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from common.budgets.answers import Asked
from common.budgets.sources import Filling, Lags, filling_of, or_zero, sources_of
from common.domain.budgets import METRICS, Budget, BudgetPeriod, Scope
from common.domain.forecast import HISTORY_DAYS
from common.domain.money import add
from common.domain.outlook import Source
from common.focus import SUBSCRIPTION_CATEGORY, TABLE
from common.warehouse.daily import DAILY_COLUMNS, DAILY_TABLE
from common.warehouse.dimensions import TAG_SET

RECENT_BILLING_PERIODS = 3
"""Looked through first where a budget has no charges in the newest period."""
_ALL = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Table:
    """A table that a budget's questions are asked of.  number: how many charges a row is; last: when its last one starts."""

    charges: str
    number: str
    last: str


_DAILY = _Table(DAILY_TABLE, "x_Charges", "x_LastChargePeriodStart")
_CHARGES = _Table(TABLE, "1", "ChargePeriodStart")


@dataclass(frozen=True)
class OtherCurrency:
    """Charges in scope that do not count, since they are in another currency than the budget."""

    currency: str
    spend: Decimal
    charges: int


@dataclass(frozen=True)
class Spend:
    """A budget's charges in one period, in its currency.

    latest_charge: start of the newest charge that is not in the future.  ingested_at: of the newest row.
    sources: daily totals, from before the period on.  filling: of the sources that have charges in the period.
    """

    total: Decimal = Decimal(0)
    charges: int = 0
    days_with_charges: tuple[date, ...] = ()
    latest_charge: datetime | None = None
    ingested_at: datetime | None = None
    sources: tuple[Source, ...] = ()
    filling: tuple[Filling, ...] = ()
    not_counted: tuple[OtherCurrency, ...] = ()


@dataclass(frozen=True)
class Driver:
    """A service's part of the spend.

    compared: of the days that are whole.  previous: over as many days of the period before, None without one.
    """

    service: str
    spend: Decimal
    compared: Decimal
    previous: Decimal | None


@dataclass(frozen=True)
class ChargedDays:
    """The moments between which the charges of one billing period begin, both counted."""

    billing_period_start: datetime
    first_charge: datetime
    last_charge: datetime


def read_spend(
    warehouse: Asked, org_slug: str, budget: Budget, period: BudgetPeriod, now: datetime, lags: Lags | None = None
) -> Spend:
    """Everything in a budget's scope that counts in a period, and the history before it.

    lags: of the integrations whose usual one is known.
    """
    filters, parameters = scope_filters(budget.scope)
    first_day = (period.start - timedelta(days=HISTORY_DAYS)).date()
    history_start = datetime(first_day.year, first_day.month, 1, tzinfo=UTC)
    rows = warehouse.query(
        org_slug,
        _sql("spend_by_day.sql", budget, filters),
        {
            **parameters,
            **_charged_between(read_charged_days(warehouse, org_slug), budget, history_start, period.end),
            "history_start": history_start,
            "period_start": period.start,
            "period_end": period.end,
        },
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
        sources=sources_of(counted, lags or {}),
        filling=filling_of(counted, lags or {}),
        not_counted=_other_currencies([row for row in rows if row["in_period"] and row["currency"] != budget.currency]),
    )


def read_drivers(
    warehouse: Asked, org_slug: str, budget: Budget, period: BudgetPeriod, compared_days: int
) -> list[Driver]:
    """The services in scope, dearest first.

    compared_days: how many of the period's first days are held against as many of the period before; all of them
    include charges of other days that count in either.
    """
    filters, parameters = scope_filters(budget.scope)
    previous = budget.previous(period)
    start = previous.start if previous else period.start
    until = min(start + timedelta(days=compared_days), period.start)
    compared_until = period.start + timedelta(days=compared_days) if compared_days < period.days else _ALL
    rows = warehouse.query(
        org_slug,
        _sql("spend_by_service.sql", budget, filters),
        {
            **parameters,
            **_charged_between(read_charged_days(warehouse, org_slug), budget, start, period.end),
            "currency": budget.currency,
            "period_start": period.start,
            "period_end": period.end,
            "previous_start": start,
            "previous_until": until,
            "compared_until": compared_until,
        },
    )
    has_previous = any(row["previous_spend"] is not None for row in rows)
    drivers = [
        Driver(
            service=row["service"],
            spend=or_zero(row["spend"]),
            compared=or_zero(row["compared_spend"]),
            previous=or_zero(row["previous_spend"]) if has_previous else None,
        )
        for row in rows
    ]
    return sorted(drivers, key=lambda driver: (-driver.spend, driver.service))


def read_deliveries(
    warehouse: Asked, org_slug: str, budget: Budget, period: BudgetPeriod, delivery_ids: Sequence[str]
) -> frozenset[str]:
    """Which of some deliveries have charges in a budget's scope that count in a period."""
    if not delivery_ids:
        return frozenset()
    filters, parameters = scope_filters(budget.scope)
    rows = warehouse.query(
        org_slug,
        _sql("deliveries.sql", budget, filters),
        {
            **parameters,
            **_charged_between(read_charged_days(warehouse, org_slug), budget, period.start, period.end),
            "currency": budget.currency,
            "period_start": period.start,
            "period_end": period.end,
            "delivery_ids": list(delivery_ids),
        },
    )
    return frozenset(row["delivery_id"] for row in rows)


def newest_period(warehouse: Asked, org_slug: str, budget: Budget, now: datetime) -> BudgetPeriod:
    """The newest period that has charges in the budget's scope and currency, or the one of now without any.

    A custom budget has one period.  Of the others most have charges in the newest period of all: its spend, which is asked
    for anyway, tells.  Only where there is none is anything older looked through, the last months first.
    """
    current = budget.period_of(now.date())
    charged = sorted(read_charged_days(warehouse, org_slug), key=lambda days: days.billing_period_start)
    if not budget.counts_by_billing_period or not charged:
        return current
    newest = budget.period_of(charged[-1].billing_period_start.date())
    if read_spend(warehouse, org_slug, budget, newest, now).charges:
        return newest
    recent = charged[-RECENT_BILLING_PERIODS:]
    for since in dict.fromkeys((recent[0].billing_period_start, charged[0].billing_period_start)):
        latest = _latest_charge(warehouse, org_slug, budget, charged, since)
        if latest is not None:
            return budget.period_of(latest.date())
    return current


def read_charged_days(warehouse: Asked, org_slug: str) -> list[ChargedDays]:
    """Where the charges of each billing period lie, of the whole tenant."""
    return [ChargedDays(**row) for row in warehouse.query(org_slug, _text("charged_days.sql"))]


def _latest_charge(
    warehouse: Asked, org_slug: str, budget: Budget, charged: Sequence[ChargedDays], since: datetime
) -> datetime | None:
    """The newest moment since then at which a charge in scope counts, or None without any."""
    filters, parameters = scope_filters(budget.scope)
    between = _charged_between(charged, budget, since, None)
    rows = warehouse.query(
        org_slug,
        _sql("latest_charge.sql", budget, filters),
        {**parameters, **between, "currency": budget.currency, "since": since},
    )
    latest: datetime | None = rows[0]["counted_at"] if rows else None
    return latest


def _charged_between(
    charged: Sequence[ChargedDays], budget: Budget, start: datetime, end: datetime | None
) -> dict[str, datetime]:
    """Between which moments the charges that count from `start` to `end` (exclusive) lie: what BigQuery can prune partitions by.

    From the start of a day, where the roll-up has that day's charges.  Exact days, never a guess: a correction may be invoiced many
    months late.  A swap that shows a still older charge in the second between that question and the next is counted by the evaluation
    that its own message asks for.
    """
    if budget.counts_by_billing_period:
        counted = [
            one
            for one in charged
            if start <= one.billing_period_start and (end is None or one.billing_period_start < end)
        ]
        if counted:
            first, last = min(one.first_charge for one in counted), max(one.last_charge for one in counted)
            return {"charged_from": datetime.combine(first.astimezone(UTC), time(), UTC), "charged_until": last}
    return {"charged_from": start, "charged_until": end or start}


def scope_filters(scope: Scope) -> tuple[str, dict[str, Any]]:
    """The conditions of a scope in BigQuery SQL, and the parameters they name; nothing of a value is in the text."""
    clauses: list[str] = []
    parameters: dict[str, Any] = {}
    for name, values, columns in (
        ("providers", scope.providers, ("x_Provider",)),
        ("accounts", scope.accounts, ("SubAccountId", "BillingAccountId")),
        ("services", scope.services, ("ServiceName",)),
        ("regions", scope.regions, ("RegionId", "RegionName")),
        ("clusters", scope.clusters, ("x_Cluster",)),
        ("namespaces", scope.namespaces, ("x_Namespace",)),
        ("subscription_categories", scope.subscription_categories, (SUBSCRIPTION_CATEGORY,)),
    ):
        if values:
            choices = " or ".join(f"coalesce({column}, '') in unnest(@{name})" for column in columns)
            clauses.append(f"and ({choices})")
            parameters[name] = list(values)
    for number, (key, accepted) in enumerate(scope.tags.items()):
        clauses.append(f"and json_value({TAG_SET}, @tag_path_{number}) in unnest(@tag_values_{number})")
        parameters[f"tag_path_{number}"] = tag_path(key)
        parameters[f"tag_values_{number}"] = list(accepted)
    return "\n        ".join(clauses), parameters


def tag_path(key: str) -> str:
    """The JSONPath of a tag key, quoted, since keys hold dots, colons and slashes."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def question(name: str, budget: Budget) -> str:
    """A budget's question of that name in BigQuery SQL."""
    return _sql(f"{name}.sql", budget, scope_filters(budget.scope)[0])


def _sql(name: str, budget: Budget, filters: str) -> str:
    if budget.metric not in METRICS:
        raise ValueError(f"metric {budget.metric} is not a cost column")
    counted_by = "BillingPeriodStart" if budget.counts_by_billing_period else "ChargePeriodStart"
    # tag sets are without bound, and few charges are of clusters or subscriptions, so the roll-up has none of them
    scope = budget.scope
    is_whole = scope.tags or scope.clusters or scope.namespaces or scope.subscription_categories
    table = _CHARGES if is_whole or budget.metric not in DAILY_COLUMNS else _DAILY
    return _text(name).format(**vars(table), metric=budget.metric, counted_by=counted_by, scope=filters)


@cache
def _text(name: str) -> str:
    lines = files(__package__).joinpath("sql", name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _sum(rows: list[dict[str, Any]]) -> Decimal:
    return add(or_zero(row["spend"]) for row in rows)


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
