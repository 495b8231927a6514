"""The form of a budget: what it would have done before it is set; set, changed, removed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import flask
from pydantic import Field

from common.budgets.changing import BudgetChanges, change_budget
from common.budgets.manage import BudgetRequest, add_budget, remove_budget, show_budget
from common.budgets.preview import BudgetPreview, preview_budget
from common.domain.budgets import (
    CUSTOM,
    DEFAULT_FORECAST_THRESHOLDS,
    DEFAULT_THRESHOLDS,
    KINDS,
    METRICS,
    Budget,
    InvalidBudget,
    Scope,
    from_document,
    read_amount,
    read_percent,
    read_tags,
)
from common.domain.money import plain
from common.errors import AlreadyExists, NotFound
from common.tenancy.channels import list_channels
from web.api.shapes import Asked
from web.pages.screen import Call, Goto, Screen, Screens, form_fields

screens = Screens()
_LISTS = ("providers", "services", "accounts", "regions", "tags")


class BudgetForm(Asked):
    """The fields as a browser sends them: text, a value a line where there may be several."""

    name: str = Field("", max_length=200)
    amount: str = Field("", max_length=40)
    currency: str = Field("USD", max_length=10)
    period: str = "monthly"
    starts_on: str = Field("", max_length=10)
    ends_on: str = Field("", max_length=10)
    metric: str = "BilledCost"
    providers: str = Field("", max_length=20_000)
    services: str = Field("", max_length=20_000)
    accounts: str = Field("", max_length=20_000)
    regions: str = Field("", max_length=20_000)
    tags: str = Field("", max_length=20_000)
    thresholds: str = Field(", ".join(map(plain, DEFAULT_THRESHOLDS)), max_length=400)
    forecast_thresholds: str = Field(", ".join(map(plain, DEFAULT_FORECAST_THRESHOLDS)), max_length=400)
    owner: str = Field("", max_length=200)
    channels: list[str] = Field(default_factory=list)

    def request(self) -> BudgetRequest:
        """The budget that it describes.  Raises InvalidBudget."""
        own = self.period == CUSTOM
        return BudgetRequest(
            self.name.strip(),
            read_amount(self.amount),
            self.currency.strip().upper(),
            self.period,
            self.scope(),
            self.metric,
            _percents(self.thresholds),
            _percents(self.forecast_thresholds),
            self.owner.strip() or None,
            tuple(self.channels),
            _day(self.starts_on) if own else None,
            _day(self.ends_on) if own else None,
        )

    def scope(self) -> Scope:
        """What counts.  Raises InvalidBudget."""
        lists = (tuple(_lines(getattr(self, name))) for name in _LISTS[:-1])
        providers, services, accounts, regions = lists
        return Scope(providers, accounts, services, regions, read_tags(_lines(self.tags)))

    @classmethod
    def of(cls, budget: Budget) -> BudgetForm:
        """The form that describes a budget."""
        scope = budget.scope
        return cls(
            name=budget.name,
            amount=plain(budget.amount),
            currency=budget.currency,
            period=budget.period,
            starts_on=budget.starts_on.isoformat() if budget.starts_on else "",
            ends_on=budget.ends_on.isoformat() if budget.ends_on else "",
            metric=budget.metric,
            providers="\n".join(scope.providers),
            services="\n".join(scope.services),
            accounts="\n".join(scope.accounts),
            regions="\n".join(scope.regions),
            tags="\n".join(f"{key}={value}" for key, values in scope.tags.items() for value in values),
            thresholds=", ".join(map(plain, sorted(budget.thresholds))),
            forecast_thresholds=", ".join(map(plain, sorted(budget.forecast_thresholds))),
            owner=budget.owner or "",
            channels=list(budget.channels),
        )


class RemoveForm(Asked):
    """A budget is removed once its name is typed."""

    name: str = Field("", max_length=200)


@screens.get("/{org}/budgets/new")
def new(call: Call, query: BudgetForm) -> Screen:
    """An empty form, or a filled one with what it would have done."""
    return _form(call, query, None, asked=bool(flask.request.args))


@screens.post("/{org}/budgets/new", action="budget.create")
def create(call: Call) -> Goto | Screen:
    """Set the budget."""
    form = _sent()
    try:
        made = add_budget(call.rt, call.org_slug, form.request())
    except (InvalidBudget, AlreadyExists, NotFound) as error:
        return _form(call, form, None, fault=str(error))
    return Goto(f"/{call.org_slug}/budgets/{made.budget_id}")


@screens.get("/{org}/budgets/{budget_id}/change")
def change(call: Call, budget_id: str, query: BudgetForm) -> Screen:
    """The form of a budget, or with new values what it would have done."""
    budget = _budget(call, budget_id)
    asked = bool(flask.request.args)
    return _form(call, _with_fixed(query, budget) if asked else BudgetForm.of(budget), budget, asked=asked)


@screens.post("/{org}/budgets/{budget_id}/change", action="budget.change")
def save(call: Call, budget_id: str) -> Goto | Screen:
    """Change the budget."""
    budget = _budget(call, budget_id)
    form = _with_fixed(_sent(), budget)
    try:
        wanted = form.request()
        changes = BudgetChanges(
            wanted.amount,
            wanted.scope,
            wanted.thresholds,
            wanted.forecast_thresholds,
            wanted.owner or "",
            wanted.channels,
        )
        change_budget(call.rt, call.org_slug, budget_id, changes)
    except (InvalidBudget, NotFound) as error:
        return _form(call, form, budget, fault=str(error))
    return Goto(f"/{call.org_slug}/budgets/{budget_id}")


@screens.post("/{org}/budgets/{budget_id}/remove", action="budget.remove")
def remove(call: Call, budget_id: str) -> Goto | Screen:
    """Remove the budget; its alerts are resolved."""
    budget = _budget(call, budget_id)
    typed = RemoveForm.model_validate(form_fields()).name.strip()
    if typed != budget.name:
        fault = "the name that was typed is not the budget's; nothing was removed"
        return _form(call, BudgetForm.of(budget), budget, fault=fault)
    remove_budget(call.rt, call.org_slug, budget_id)
    return Goto(f"/{call.org_slug}/budgets")


def _form(call: Call, form: BudgetForm, budget: Budget | None, asked: bool = False, fault: str | None = None) -> Screen:
    preview: BudgetPreview | None = None
    if asked:
        try:
            preview = preview_budget(call.rt, call.org_slug, form.request())
        except (InvalidBudget, NotFound) as error:
            fault = str(error)
    base = f"/{call.org_slug}/budgets"
    context: dict[str, Any] = {
        "form": form,
        "budget": budget,
        "fault": fault,
        "preview": preview,
        "address": f"{base}/{budget.budget_id}/change" if budget else f"{base}/new",
        "kinds": KINDS,
        "metrics": METRICS,
        "channels": list_channels(call.rt, call.org_slug),
        "most": max((one.spend for one in preview.periods), default=Decimal(0)) if preview else None,
    }
    title = f"Change {budget.name}" if budget else "New budget"
    return Screen("budget_form.html", title, "budgets", context, 400 if fault and not asked else 200)


def _budget(call: Call, budget_id: str) -> Budget:
    return from_document(dict(show_budget(call.rt, call.org_slug, budget_id).document))


def _with_fixed(form: BudgetForm, budget: Budget) -> BudgetForm:
    """What cannot be changed is the budget's, whatever was sent."""
    known = BudgetForm.of(budget)
    fixed = ("name", "currency", "period", "starts_on", "ends_on", "metric")
    return form.model_copy(update={name: getattr(known, name) for name in fixed})


def _sent() -> BudgetForm:
    fields: dict[str, Any] = form_fields()
    fields["channels"] = flask.request.form.getlist("channels")
    return BudgetForm.model_validate(fields)


def _lines(text: str) -> list[str]:
    return [one.strip() for one in text.splitlines() if one.strip()]


def _percents(text: str) -> tuple[Decimal, ...]:
    return tuple(read_percent(one) for one in text.replace(";", ",").split(",") if one.strip())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidBudget("a custom budget needs a start and an end (the first day after it)") from None
