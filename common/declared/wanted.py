"""What a file declares: organizations, integrations and budgets, and each one's fields as text that can be compared and shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from common.budgets.manage import BudgetRequest
from common.domain.budgets import Budget
from common.domain.money import plain

Fields = Mapping[str, str | None]
"""Field -> its value as text; None where it has no value.  Lists are JSON, so that no value can look like two."""


class Declared(Protocol):
    """One table of the file."""

    @property
    def kind(self) -> str:
        """`organization`, `integration` or `budget`."""

    @property
    def org_slug(self) -> str:
        """The organization that it is, or that it belongs to."""

    @property
    def name(self) -> str:
        """What it is known by within the organization."""

    def fields(self) -> Fields:
        """All that the file says of it, defaults included."""


@dataclass(frozen=True)
class DeclaredOrganization:
    """An organization.  display_name: without space around it."""

    org_slug: str
    display_name: str
    plan: str
    kind: str = "organization"

    @property
    def name(self) -> str:
        """Its slug."""
        return self.org_slug

    def fields(self) -> Fields:
        """Its name and plan."""
        return {"name": self.display_name, "plan": self.plan}


@dataclass(frozen=True)
class DeclaredIntegration:
    """An integration.  location: a URI or an absolute path, which the runtime turns into a URI."""

    org_slug: str
    name: str
    provider: str
    location: str
    allow_overlap: bool = False
    paused: bool = False
    kind: str = "integration"

    def fields(self) -> Fields:
        """Its fields; what a file declares is fetched by the schedule, so `one_off` is false."""
        return integration_fields(self.provider, self.location, self.allow_overlap, self.paused, one_off=False)


@dataclass(frozen=True)
class DeclaredBudget:
    """A budget."""

    org_slug: str
    request: BudgetRequest
    kind: str = "budget"

    @property
    def name(self) -> str:
        """The name that users know it by."""
        return self.request.name

    @property
    def budget(self) -> Budget:
        """The budget that it becomes, without an id."""
        return self.request.budget("", "")

    def fields(self) -> Fields:
        """Its fields; values whose order does not matter are sorted."""
        return budget_fields(self.budget)


@dataclass(frozen=True)
class Declaration:
    """All that a file declares, in its order; no two of one kind have one name in one organization."""

    organizations: tuple[DeclaredOrganization, ...] = ()
    integrations: tuple[DeclaredIntegration, ...] = ()
    budgets: tuple[DeclaredBudget, ...] = ()

    @property
    def org_slugs(self) -> tuple[str, ...]:
        """Every organization that the file declares or names, each once."""
        every: tuple[Declared, ...] = (*self.organizations, *self.integrations, *self.budgets)
        return tuple(dict.fromkeys(one.org_slug for one in every))


def integration_fields(provider: str, location: str, allow_overlap: bool, paused: bool, one_off: bool) -> Fields:
    """An integration's fields as text."""
    flags = {"allow_overlap": allow_overlap, "paused": paused, "one_off": one_off}
    return {"provider": provider, "location": location, **{name: str(on).lower() for name, on in flags.items()}}


def budget_fields(budget: Budget) -> Fields:
    """A budget's fields as text; amounts and percentages are plain decimals."""
    scope = budget.scope
    lists = {
        "providers": scope.providers,
        "accounts": scope.accounts,
        "services": scope.services,
        "regions": scope.regions,
        "clusters": scope.clusters,
        "namespaces": scope.namespaces,
        "subscription_categories": scope.subscription_categories,
    }
    tags = {key: sorted(set(values)) for key, values in scope.tags.items()}
    return {
        "amount": plain(budget.amount),
        "currency": budget.currency,
        "period": budget.period,
        "starts_on": budget.starts_on.isoformat() if budget.starts_on else None,
        "ends_on": budget.ends_on.isoformat() if budget.ends_on else None,
        "metric": budget.metric,
        **{f"scope.{name}": _values(values) for name, values in lists.items()},
        "scope.tags": json.dumps(tags, ensure_ascii=False, sort_keys=True) if tags else None,
        "thresholds": _percents(budget.thresholds),
        "forecast_thresholds": _percents(budget.forecast_thresholds),
        "owner": budget.owner or None,
        "channels": _values(budget.channels),
    }


def _values(values: Iterable[str]) -> str | None:
    found = sorted(set(values))
    return json.dumps(found, ensure_ascii=False) if found else None


def _percents(percents: Iterable[Decimal]) -> str | None:
    return ", ".join(plain(one) for one in sorted(percents)) or None
