"""Budgets: set, changed, listed with their standings, removed."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.budgets.changing import BudgetChanges, change_budget
from common.budgets.manage import BudgetRequest, add_budget, list_budgets, remove_budget, show_budget
from common.budgets.preview import preview_budget
from common.domain.budgets import (
    DEFAULT_FORECAST_THRESHOLDS,
    DEFAULT_THRESHOLDS,
    Scope,
    read_amount,
    read_percent,
)
from web.api.declare import CHANGES_NOTHING, Call, Routes
from web.api.paging import Paged, page
from web.api.shapes import Amount, Asked, Day, Moment

routes = Routes("Budgets")
_PATH = "/api/v1/organizations/{org}/budgets"
BudgetId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$", description="The budget's id")]
Percents = list[Annotated[str, Field(max_length=12, description="Percent of the amount, as text")]]


class ScopeOf(Asked):
    """Which charges count; an empty dimension is all of it."""

    providers: list[str] = Field(default_factory=list, max_length=100)
    accounts: list[str] = Field(default_factory=list, max_length=1000)
    services: list[str] = Field(default_factory=list, max_length=1000)
    regions: list[str] = Field(default_factory=list, max_length=200)
    clusters: list[str] = Field(default_factory=list, max_length=200)
    namespaces: list[str] = Field(default_factory=list, max_length=1000)
    tags: dict[str, list[str]] = Field(default_factory=dict, max_length=50, description="Tag key and accepted values")
    subscription_categories: list[str] = Field(default_factory=list, max_length=100)

    def scope(self) -> Scope:
        """As the domain has it."""
        tags = {name: tuple(values) for name, values in self.tags.items()}
        named = {name: tuple(getattr(self, name)) for name in type(self).model_fields if name != "tags"}
        return Scope(**named, tags=tags)


class BudgetWanted(Asked):
    """A budget to be set."""

    name: str = Field(min_length=1, max_length=200)
    amount: Amount
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    period: str = Field("monthly", description="monthly, quarterly, yearly or custom")
    scope: ScopeOf = Field(default_factory=ScopeOf)
    metric: str = "BilledCost"
    thresholds: Percents | None = Field(None, max_length=20, description="50, 80, 95 and 100 by default")
    forecast_thresholds: Percents | None = Field(None, max_length=20, description="Of projected spend; 100 by default")
    owner: str | None = Field(None, max_length=200)
    channels: list[str] = Field(default_factory=list, max_length=50, description="Empty: the default channels")
    starts_on: date | None = Field(None, description="Of a custom period")
    ends_on: date | None = Field(None, description="Of a custom period: the first day after it")


class BudgetChanged(Asked):
    """New values; what is not given stays."""

    amount: Amount | None = None
    scope: ScopeOf | None = None
    thresholds: Percents | None = Field(None, max_length=20)
    forecast_thresholds: Percents | None = Field(None, max_length=20)
    owner: str | None = Field(None, max_length=200, description="Empty text: nobody")
    channels: list[str] | None = Field(None, max_length=50)


class Budget(BaseModel):
    """A budget with its newest evaluated period."""

    model_config = ConfigDict(extra="allow")

    budget_id: str
    name: str
    amount: Amount
    currency: str
    period: str
    standing: dict[str, Any] | None = Field(None, description="Null where it has not been evaluated")


class Budgets(BaseModel):
    """Budgets, by name."""

    budgets: list[Budget]
    next: str | None


class BudgetRemoved(BaseModel):
    """A budget that is gone, as it was."""

    model_config = ConfigDict(extra="allow")

    budget_id: str
    name: str


class PreviewedThreshold(BaseModel):
    """A threshold on actual spend."""

    threshold_percent: Amount
    threshold_amount: Amount
    crossed_on: Day | None = Field(description="The day of the charges with which it would have been crossed")


class PreviewedPeriod(BaseModel):
    """One period, from the charges as they are now."""

    period: str
    period_start: Moment
    period_end: Moment
    period_open: bool
    spend: Amount
    percent: Amount
    charges: int
    thresholds: list[PreviewedThreshold]


class Preview(BaseModel):
    """What a budget would have done."""

    periods: list[PreviewedPeriod] = Field(description="The newest first")
    warnings: list[str] = Field(description="Values of the scope that no charge has")


@routes.get(_PATH, answer=Budgets)
def list_all_budgets(call: Call, query: Paged) -> dict[str, Any]:
    """The budgets with their standings, by name."""
    found = list_budgets(call.rt, call.org_slug)
    shown, after = page(found, lambda one: (one.name, one.budget_id), query, descending=False)
    return {"budgets": [one.as_json() for one in shown], "next": after}


@routes.get(f"{_PATH}/{{budget_id}}", answer=Budget)
def get_budget(call: Call, budget_id: BudgetId) -> dict[str, Any]:
    """One budget with its standing."""
    return show_budget(call.rt, call.org_slug, budget_id).as_json()


@routes.post(_PATH, answer=Budget, status=201, action="budget.create")
def set_budget(call: Call, body: BudgetWanted) -> dict[str, Any]:
    """Set a budget and evaluate what is spent already."""
    return add_budget(call.rt, call.org_slug, _request(body)).as_json()


def _request(body: BudgetWanted) -> BudgetRequest:
    return BudgetRequest(
        name=body.name,
        amount=read_amount(body.amount),
        currency=body.currency,
        period=body.period,
        scope=body.scope.scope(),
        metric=body.metric,
        thresholds=_percents(body.thresholds, DEFAULT_THRESHOLDS),
        forecast_thresholds=_percents(body.forecast_thresholds, DEFAULT_FORECAST_THRESHOLDS),
        owner=body.owner or None,
        channels=tuple(body.channels),
        starts_on=body.starts_on,
        ends_on=body.ends_on,
    )


@routes.post(f"{_PATH}/preview", answer=Preview, action=CHANGES_NOTHING)
def preview(call: Call, body: BudgetWanted) -> dict[str, Any]:
    """What a budget would have done in its last six periods; nothing is stored."""
    return preview_budget(call.rt, call.org_slug, _request(body)).as_json()


@routes.patch(f"{_PATH}/{{budget_id}}", answer=Budget, action="budget.change")
def change_one_budget(call: Call, budget_id: BudgetId, body: BudgetChanged) -> dict[str, Any]:
    """Change a budget and evaluate it at once."""
    show_budget(call.rt, call.org_slug, budget_id)
    changes = BudgetChanges(
        amount=read_amount(body.amount) if body.amount is not None else None,
        scope=body.scope.scope() if body.scope is not None else None,
        thresholds=_percents(body.thresholds, None),
        forecast_thresholds=_percents(body.forecast_thresholds, None),
        owner=body.owner,
        channels=tuple(body.channels) if body.channels is not None else None,
    )
    return change_budget(call.rt, call.org_slug, budget_id, changes).as_json()


@routes.delete(f"{_PATH}/{{budget_id}}", answer=BudgetRemoved, action="budget.remove")
def remove_one_budget(call: Call, budget_id: BudgetId) -> dict[str, Any]:
    """Remove a budget; its alerts are resolved and stay on record."""
    show_budget(call.rt, call.org_slug, budget_id)
    return remove_budget(call.rt, call.org_slug, budget_id).as_json()


def _percents(texts: list[str] | None, default: Any) -> Any:
    return default if texts is None else tuple(read_percent(one) for one in texts)
