"""Set budgets, list them with their standings, remove them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.budgets.evaluation import evaluate_budget_now
from common.budgets.questions import OtherCurrency
from common.budgets.recording import resolve_all
from common.domain.budgets import (
    DEFAULT_FORECAST_THRESHOLDS,
    DEFAULT_THRESHOLDS,
    Budget,
    Scope,
    as_document,
    from_document,
)
from common.domain.filling import filling_notes
from common.domain.one_view import one_view_notes
from common.errors import AlreadyExists, NotFound
from common.ports import Document, Runtime
from common.records.channels import check_channels
from common.records.organizations import below

_UNFIT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class BudgetRequest:
    """A budget that somebody wants; its fields are those of common.domain.budgets.Budget.  Raises InvalidBudget for what makes none."""

    name: str
    amount: Decimal
    currency: str
    period: str = "monthly"
    scope: Scope = field(default_factory=Scope)
    metric: str = "BilledCost"
    thresholds: tuple[Decimal, ...] = DEFAULT_THRESHOLDS
    forecast_thresholds: tuple[Decimal, ...] = DEFAULT_FORECAST_THRESHOLDS
    owner: str | None = None
    channels: tuple[str, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None

    def __post_init__(self) -> None:
        self.budget("", "")

    def budget(self, budget_id: str, created_at: str) -> Budget:
        """The budget that it becomes."""
        return Budget(budget_id=budget_id, created_at=created_at, **vars(self))


@dataclass(frozen=True)
class Standing:
    """Where a budget stands in one period.

    period: the kind, as `monthly`, where the budget has not been evaluated; current_spend, spent_percent, projected and as_of are
    None then.  projected: None too where there is nothing to tell it by.  as_of: the start of the newest charge, None without charges.
    not_counted: charges in scope in other currencies.  notes: of days that are not whole and costs that are not known, in sentences.
    """

    budget_name: str
    amount: Decimal
    currency: str
    period: str
    period_open: bool
    current_spend: Decimal | None
    spent_percent: Decimal | None
    projected: Decimal | None
    as_of: datetime | None
    not_counted: tuple[OtherCurrency, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class BudgetReport:
    """A budget as its document holds it, and its newest evaluated period's facts; None where it has not been evaluated."""

    budget_id: str
    name: str
    document: Mapping[str, Any]
    facts: Mapping[str, Any] | None

    @property
    def scope(self) -> str:
        """Which charges it counts, in words."""
        return from_document(dict(self.document)).scope.describe()

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that its alerts go to; empty for the organization's default channels."""
        return tuple(self.document.get("channels", ()))

    @property
    def problem(self) -> str | None:
        """Why its spend could not be computed; None where it could."""
        return self.document.get("problem")

    def standing(self) -> Standing:
        """The facts as typed values."""
        return _standing(self.document, self.facts)

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return {**self.document, "standing": None if self.facts is None else dict(self.facts)}


@dataclass(frozen=True)
class RemovedBudget:
    """A budget that is gone, as its document held it."""

    budget_id: str
    name: str
    document: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For programs: the document."""
        return dict(self.document)


def add_budget(rt: Runtime, org_slug: str, request: BudgetRequest) -> BudgetReport:
    """Set a budget and evaluate what is spent already; what its owners must be told is announced on the bus.

    Raises AlreadyExists for a name that is taken, NotFound for a channel that does not exist.
    """
    check_channels(rt.documents, org_slug, request.channels)
    created_at = rt.clock.now().isoformat()
    budget = request.budget(_budget_id(request.name, created_at), created_at)
    if any(document["name"] == budget.name for _, document in rt.documents.list(below(org_slug, "budgets"))):
        raise AlreadyExists(f"budget '{budget.name}' already exists; choose another name, or remove that one")
    document = as_document(budget)
    rt.documents.create(below(org_slug, "budgets", budget.budget_id), document)
    facts = evaluate_budget_now(org_slug, budget.budget_id, rt.documents, rt.warehouse, rt.bus, rt.clock)
    return BudgetReport(budget.budget_id, budget.name, document, facts)


def list_budgets(rt: Runtime, org_slug: str) -> list[BudgetReport]:
    """Every budget with its standing.  Raises BadConfiguration for what is no organization."""
    found = [document for _, document in rt.documents.list(below(org_slug, "budgets"))]
    return [
        BudgetReport(one["budget_id"], one["name"], one, _newest_facts(rt, org_slug, one["budget_id"])) for one in found
    ]


def show_budget(rt: Runtime, org_slug: str, budget_id: str) -> BudgetReport:
    """The budget of this id with its standing.  Raises NotFound."""
    found = rt.documents.get(below(org_slug, "budgets", budget_id))
    if found is None:
        raise NotFound(f"there is no budget {budget_id}; `costwire budgets list` shows them")
    return BudgetReport(budget_id, found["name"], found, _newest_facts(rt, org_slug, budget_id))


def find_budget(rt: Runtime, org_slug: str, name: str) -> Document:
    """The budget of this name or id.  Raises NotFound."""
    budgets = [document for _, document in rt.documents.list(below(org_slug, "budgets"))]
    found = next((one for one in budgets if name in (one["name"], one["budget_id"])), None)
    if found is None:
        raise NotFound(f"there is no budget '{name}'; `costwire budgets list` shows them")
    return found


def remove_budget(rt: Runtime, org_slug: str, name: str) -> RemovedBudget:
    """Remove a budget, by its name or id; its standings go, its alerts are resolved and stay on record.  Raises NotFound."""
    found = find_budget(rt, org_slug, name)
    budget_id = found["budget_id"]
    rt.documents.delete(below(org_slug, "budgets", budget_id))
    resolve_all(org_slug, budget_id, rt.documents, rt.clock.now(), by=None)
    for standing_id, _ in rt.documents.list(below(org_slug, "budget_status"), where={"budget_id": budget_id}):
        rt.documents.delete(below(org_slug, "budget_status", standing_id))
    return RemovedBudget(budget_id, found["name"], found)


def _newest_facts(rt: Runtime, org_slug: str, budget_id: str) -> Document | None:
    """The facts of the newest period that has charges, or of the newest without any."""
    standings = rt.documents.list(below(org_slug, "budget_status"), where={"budget_id": budget_id})
    known: list[Document] = [document["facts"] for _, document in standings if document.get("facts")]
    return max(known, key=lambda facts: (facts["charges"] > 0, str(facts["period_start"])), default=None)


def _standing(document: Mapping[str, Any], facts: Mapping[str, Any] | None) -> Standing:
    known: Mapping[str, Any] = facts or {}
    return Standing(
        budget_name=known.get("budget_name", document["name"]),
        amount=Decimal(known.get("amount", document["amount"])),
        currency=known.get("currency", document["currency"]),
        period=known.get("period", document["period"]),
        period_open=known.get("period_open", True),
        current_spend=_decimal(known.get("current_spend")),
        spent_percent=_decimal(known.get("percent")),
        projected=_decimal(known.get("projected")),
        as_of=datetime.fromisoformat(known["as_of"]) if known.get("as_of") else None,
        not_counted=tuple(
            OtherCurrency(one["currency"], Decimal(one["spend"]), one["charges"])
            for one in known.get("not_counted", ())
        ),
        notes=(*filling_notes(known), *one_view_notes(known.get("one_view", ()))),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _budget_id(name: str, created_at: str) -> str:
    """A readable id that a later budget of the same name does not get again."""
    slug = _UNFIT.sub("-", name.lower()).strip("-")[:40] or "budget"
    return f"{slug}-{hashlib.sha256(f'{name}|{created_at}'.encode()).hexdigest()[:4]}"
