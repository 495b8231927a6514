"""Budgets: an amount for a scope and a period, and the shares of it at which budget owners want to be alerted.

Monthly, quarterly and yearly budgets count charges by billing period, so that they agree with the invoice; a custom
budget runs from one day to another and counts charges by the start of their charge period.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from common.domain.channels import channel_name_fault
from common.domain.money import EXACT, plain, read_cost
from common.domain.period import BillingPeriod

METRICS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "x_EstimatedCost")
MONTHS_OF_KIND = {"monthly": 1, "quarterly": 3, "yearly": 12}
CUSTOM = "custom"
KINDS = (*MONTHS_OF_KIND, CUSTOM)
DEFAULT_THRESHOLDS = (Decimal(50), Decimal(80), Decimal(95), Decimal(100))
DEFAULT_FORECAST_THRESHOLDS = (Decimal(100),)
ACTUAL, FORECAST = "actual", "forecast"
MAX_THRESHOLD_PERCENT = 10_000
ALL_CHARGES = "all charges"
_CURRENCY = re.compile(r"[A-Z]{3}")


class InvalidBudget(ValueError):
    """Words that make no budget; the message says which and what was expected."""


@dataclass(frozen=True)
class Threshold:
    """A share of the amount, in percent, of what is spent (`actual`) or of what is projected (`forecast`)."""

    basis: str
    percent: Decimal

    def limit(self, amount: Decimal) -> Decimal:
        """The spend at which this threshold is crossed, exactly."""
        return EXACT.divide(EXACT.multiply(amount, self.percent), Decimal(100))

    def is_crossed(self, spend: Decimal, amount: Decimal) -> bool:
        """Whether the spend has reached the threshold."""
        return EXACT.multiply(spend, Decimal(100)) >= EXACT.multiply(amount, self.percent)

    def __str__(self) -> str:
        return f"{self.basis}-{plain(self.percent)}"


@dataclass(frozen=True)
class Scope:
    """Which charges a budget counts: every dimension must match, by any of its values; an empty dimension takes all.

    tags: key -> accepted values; each key is a dimension of its own.
    """

    providers: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    subscription_categories: tuple[str, ...] = ()

    def describe(self) -> str:
        """The scope in words for people."""
        named = {
            "provider": self.providers,
            "account": self.accounts,
            "service": self.services,
            "region": self.regions,
            "cluster": self.clusters,
            "namespace": self.namespaces,
        }
        parts = [f"{name} {' or '.join(values)}" for name, values in named.items() if values]
        if self.subscription_categories:
            parts.append(f"subscription category {' or '.join(self.subscription_categories)}")
        parts += [f"tag {key}={' or '.join(values)}" for key, values in self.tags.items()]
        return ", ".join(parts) or ALL_CHARGES


@dataclass(frozen=True)
class BudgetPeriod:
    """One run of a budget.

    start: inclusive.  end: exclusive.  key: `2026-11`, `2026-Q4`, `2026` or `2026-11-01_2026-12-15`.
    """

    key: str
    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        """How many days the period has."""
        return (self.end - self.start).days

    def is_open(self, now: datetime) -> bool:
        """Whether the period has not ended yet."""
        return now < self.end

    def contains(self, day: date) -> bool:
        """Whether a day lies in the period."""
        return self.start.date() <= day < self.end.date()


@dataclass(frozen=True)
class Budget:
    """What somebody wants to spend at most.

    starts_on, ends_on (exclusive): custom budgets only.  channels: names, empty for the organization's default channels.
    """

    budget_id: str
    name: str
    amount: Decimal
    currency: str
    period: str
    scope: Scope = Scope()
    metric: str = "BilledCost"
    thresholds: tuple[Decimal, ...] = DEFAULT_THRESHOLDS
    forecast_thresholds: tuple[Decimal, ...] = DEFAULT_FORECAST_THRESHOLDS
    owner: str | None = None
    channels: tuple[str, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None
    created_at: str = ""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def all_thresholds(self) -> tuple[Threshold, ...]:
        """Those on actual spend, then those on the projection, each from low to high."""
        return (
            *(Threshold(ACTUAL, percent) for percent in sorted(self.thresholds)),
            *(Threshold(FORECAST, percent) for percent in sorted(self.forecast_thresholds)),
        )

    @property
    def counts_by_billing_period(self) -> bool:
        """Whether charges count in the period of their invoice rather than by their own day."""
        return self.period != CUSTOM

    def period_of(self, day: date) -> BudgetPeriod:
        """The period in which a day lies; a custom budget has one period, whatever the day."""
        if self.starts_on is not None and self.ends_on is not None:
            key = f"{self.starts_on}_{self.ends_on}"
            return BudgetPeriod(key, _midnight(self.starts_on), _midnight(self.ends_on))
        months = MONTHS_OF_KIND[self.period]
        first = BillingPeriod(day.year, (day.month - 1) // months * months + 1)
        last = first
        for _ in range(months - 1):
            last = last.next()
        keys = {
            "monthly": str(first),
            "quarterly": f"{day.year:04d}-Q{(day.month + 2) // 3}",
            "yearly": f"{day.year:04d}",
        }
        return BudgetPeriod(keys[self.period], first.start, last.end)

    def previous(self, period: BudgetPeriod) -> BudgetPeriod | None:
        """The period before, or None for a custom budget."""
        return None if self.period == CUSTOM else self.period_of(period.start.date() - timedelta(days=1))


def spent_percent(spend: Decimal, amount: Decimal) -> Decimal:
    """The spend in percent of the amount, rounded down to a tenth, so that no threshold seems crossed that is not."""
    percent = EXACT.divide(EXACT.multiply(spend, Decimal(100)), amount)
    return percent.quantize(Decimal("0.1"), rounding=ROUND_FLOOR, context=EXACT)


def read_percent(text: str) -> Decimal:
    """A threshold as somebody wrote it, with or without a percent sign.  Raises InvalidBudget."""
    try:
        percent = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        raise InvalidBudget(f"threshold is '{text}', expected a percentage such as 80") from None
    if not percent.is_finite():
        raise InvalidBudget(f"threshold is '{text}', expected a percentage such as 80")
    return percent


def read_amount(text: str) -> Decimal:
    """An amount as somebody wrote it: plain digits with a point.  Raises InvalidBudget."""
    amount = read_cost(text)
    if amount is None:
        raise InvalidBudget(f"amount is '{text}', expected a plain number such as 10000 or 2500.50")
    return amount


def read_tags(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Tag filters from `key=value` texts, split at the first `=`.  Raises InvalidBudget."""
    tags: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidBudget(f"tag is '{text}', expected key=value, as in team=platform")
        tags[key] = (*tags.get(key, ()), value)
    return tags


def as_document(budget: Budget) -> dict[str, Any]:
    """The budget as its document keeps it."""
    document: dict[str, Any] = {
        "budget_id": budget.budget_id,
        "name": budget.name,
        "amount": plain(budget.amount),
        "currency": budget.currency,
        "period": budget.period,
        "thresholds": [percent_value(percent) for percent in budget.thresholds],
        "forecast_thresholds": [percent_value(percent) for percent in budget.forecast_thresholds],
        "metric": budget.metric,
        "scope": {
            "providers": list(budget.scope.providers),
            "accounts": list(budget.scope.accounts),
            "services": list(budget.scope.services),
            "regions": list(budget.scope.regions),
            "clusters": list(budget.scope.clusters),
            "namespaces": list(budget.scope.namespaces),
            "tags": {key: list(values) for key, values in budget.scope.tags.items()},
        },
        "owner": budget.owner,
        "channels": list(budget.channels),
        "created_at": budget.created_at,
    }
    if budget.scope.subscription_categories:
        document["scope"]["subscription_categories"] = list(budget.scope.subscription_categories)
    if budget.starts_on is not None and budget.ends_on is not None:
        document |= {"starts_on": budget.starts_on.isoformat(), "ends_on": budget.ends_on.isoformat()}
    return document


def from_document(document: Mapping[str, Any]) -> Budget:
    """The budget that a document keeps.  Raises InvalidBudget, and KeyError for a field that is missing."""
    scope = document.get("scope") or {}
    return Budget(
        budget_id=document["budget_id"],
        name=document["name"],
        amount=read_amount(document["amount"]),
        currency=document["currency"],
        period=document["period"],
        thresholds=tuple(read_percent(str(value)) for value in document["thresholds"]),
        forecast_thresholds=tuple(read_percent(str(value)) for value in document.get("forecast_thresholds", ())),
        metric=document["metric"],
        scope=Scope(
            providers=tuple(scope.get("providers", ())),
            accounts=tuple(scope.get("accounts", ())),
            services=tuple(scope.get("services", ())),
            regions=tuple(scope.get("regions", ())),
            clusters=tuple(scope.get("clusters", ())),
            namespaces=tuple(scope.get("namespaces", ())),
            tags={key: tuple(values) for key, values in scope.get("tags", {}).items()},
            subscription_categories=tuple(scope.get("subscription_categories", ())),
        ),
        owner=document.get("owner"),
        channels=tuple(document.get("channels", ())),
        starts_on=date.fromisoformat(document["starts_on"]) if document.get("starts_on") else None,
        ends_on=date.fromisoformat(document["ends_on"]) if document.get("ends_on") else None,
        created_at=document.get("created_at", ""),
    )


def rounded(amount: Decimal) -> Decimal:
    """An amount at two digits, half to even: for people, never for comparing."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN, context=EXACT)


def _check(budget: Budget) -> None:
    if not budget.name.strip():
        raise InvalidBudget("name is empty, expected the name that users know the budget by")
    if not budget.name.isprintable():
        raise InvalidBudget("name holds control characters or line breaks, expected plain words")
    if budget.amount <= 0:
        raise InvalidBudget(f"amount is {plain(budget.amount)}, expected more than 0")
    if not _CURRENCY.fullmatch(budget.currency):
        raise InvalidBudget(f"currency is '{budget.currency}', expected an ISO 4217 code such as USD")
    _check_choice("period", budget.period, KINDS)
    _check_choice("metric", budget.metric, METRICS)
    for channel in budget.channels:
        fault = channel_name_fault(channel)
        if fault:
            raise InvalidBudget(fault)
    for percents in (budget.thresholds, budget.forecast_thresholds):
        _check_percents(percents)
    if not budget.thresholds and not budget.forecast_thresholds:
        raise InvalidBudget("a budget without thresholds would never alert; give at least one")
    _check_dates(budget)


def _check_choice(what: str, found: str, choices: tuple[str, ...]) -> None:
    if found not in choices:
        raise InvalidBudget(f"{what} is '{found}', expected one of {', '.join(choices)}")


def _check_percents(percents: tuple[Decimal, ...]) -> None:
    for percent in percents:
        if not 0 < percent <= MAX_THRESHOLD_PERCENT:
            raise InvalidBudget(
                f"threshold is {plain(percent)}, expected more than 0 and at most {MAX_THRESHOLD_PERCENT}"
            )
    if len(set(percents)) != len(percents):
        raise InvalidBudget(f"thresholds {', '.join(map(plain, percents))} name one twice; give each once")


def _check_dates(budget: Budget) -> None:
    given = budget.starts_on is not None or budget.ends_on is not None
    if budget.period != CUSTOM:
        if given:
            raise InvalidBudget(f"a {budget.period} budget takes no start and end; only period custom does")
        return
    if budget.starts_on is None or budget.ends_on is None:
        raise InvalidBudget("a custom budget needs a start and an end (the first day after it)")
    if budget.starts_on >= budget.ends_on:
        raise InvalidBudget(f"start {budget.starts_on} is not before end {budget.ends_on} (the first day after it)")


def percent_value(percent: Decimal) -> int | str:
    """A threshold as documents keep it: a whole number, or decimal text where it has a fraction."""
    return int(percent) if percent == percent.to_integral_value() else plain(percent)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
