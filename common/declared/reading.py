"""Read a file that declares organizations, integrations and budgets; what it cannot mean is refused before anything else is looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from common.budgets.manage import BudgetRequest
from common.declared.tables import Table, parse_toml
from common.declared.wanted import (
    Declaration,
    Declared,
    DeclaredBudget,
    DeclaredIntegration,
    DeclaredOrganization,
)
from common.domain.budgets import (
    DEFAULT_FORECAST_THRESHOLDS,
    DEFAULT_THRESHOLDS,
    InvalidBudget,
    Scope,
    read_amount,
    read_percent,
)
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration, NotFound
from common.providers.registry import PROVIDERS
from common.records.names import check_integration_id, check_org_slug
from common.records.organizations import DEFAULT, check_terms

ORGANIZATION = ("slug", "name", "plan")
INTEGRATION = ("org", "id", "provider", "location", "allow_overlap", "paused")
BUDGET = (
    "org", "name", "amount", "currency", "period", "scope", "metric", "thresholds", "forecast_thresholds", "owner", "channels",
    "starts_on", "ends_on",
)  # fmt: skip
SCOPE = ("providers", "accounts", "services", "regions", "clusters", "namespaces", "tags", "subscription_categories")
_One = TypeVar("_One", bound=Declared)


def read_declaration(path: Path) -> Declaration:
    """What a file declares.  A relative location is one beside the file.  Raises NotFound, BadConfiguration with the table and the key."""
    if not path.is_file():
        raise NotFound(
            f"{path} does not exist; give the TOML file that declares organizations, integrations and budgets"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadConfiguration(f"{path} is not UTF-8 text, expected a TOML file") from None
    return parse_declaration(text, path.resolve().parent, path.name)


def parse_declaration(text: str, folder: Path, name: str = "the file") -> Declaration:
    """The same, of a text.  folder: absolute, where relative locations start.  name: of the file, for errors."""
    top = Table(name, parse_toml(text, name), ("organizations", "integrations", "budgets"))
    return Declaration(
        _each(top, "organizations", ORGANIZATION, _organization),
        _each(top, "integrations", INTEGRATION, lambda table: _integration(table, folder)),
        _each(top, "budgets", BUDGET, _budget),
    )


def _each(top: Table, key: str, known: Iterable[str], read: Callable[[Table], _One]) -> tuple[_One, ...]:
    found: dict[tuple[str, str], _One] = {}
    for number, values in enumerate(top.tables(key), 1):
        table = Table(f"[[{key}]] number {number}", values, known)
        try:
            one = read(table)
        except (InvalidBudget, BadConfiguration) as error:
            said = str(error)
            raise BadConfiguration(said if said.startswith(table.where) else f"{table.where}: {said}") from None
        if (one.org_slug, one.name) in found:
            raise BadConfiguration(
                f"{table.where}: {one.kind} {one.name} of {one.org_slug} is declared twice; declare it once"
            )
        found[one.org_slug, one.name] = one
    return tuple(found.values())


def _organization(table: Table) -> DeclaredOrganization:
    slug, name, plan = check_org_slug(table.text("slug")), table.text("name"), table.text("plan")
    if slug == DEFAULT:
        raise BadConfiguration(
            f"organization {DEFAULT} exists in every deployment and is not declared; remove this table"
        )
    check_terms(name, plan)
    return DeclaredOrganization(slug, name.strip(), plan)


def _integration(table: Table, folder: Path) -> DeclaredIntegration:
    provider, location = table.text("provider"), table.text("location")
    if provider not in PROVIDERS:
        raise BadConfiguration(
            f"provider is '{provider}', expected one of {', '.join(PROVIDERS)}{did_you_mean(provider, PROVIDERS)}"
        )
    return DeclaredIntegration(
        org_slug=check_org_slug(table.text("org", DEFAULT)),
        name=check_integration_id(table.text("id")),
        provider=provider,
        location=location if "://" in location else os.path.normpath(folder / location),
        allow_overlap=table.flag("allow_overlap"),
        paused=table.flag("paused"),
    )


def _budget(table: Table) -> DeclaredBudget:
    request = BudgetRequest(
        name=table.text("name"),
        amount=read_amount(table.number("amount")),
        currency=table.text("currency"),
        period=table.text("period", "monthly"),
        scope=_scope(table),
        metric=table.text("metric", "BilledCost"),
        thresholds=_percents(table, "thresholds", DEFAULT_THRESHOLDS),
        forecast_thresholds=_percents(table, "forecast_thresholds", DEFAULT_FORECAST_THRESHOLDS),
        owner=table.text("owner") if "owner" in table else None,
        channels=tuple(dict.fromkeys(table.texts("channels"))),
        starts_on=table.day("starts_on"),
        ends_on=table.day("ends_on"),
    )
    return DeclaredBudget(check_org_slug(table.text("org", DEFAULT)), request)


def _scope(table: Table) -> Scope:
    scope = table.below("scope", SCOPE)
    tags = scope.below("tags", None)
    return Scope(
        providers=tuple(value.lower() for value in scope.texts("providers")),
        accounts=scope.texts("accounts"),
        services=scope.texts("services"),
        regions=scope.texts("regions"),
        clusters=scope.texts("clusters"),
        namespaces=scope.texts("namespaces"),
        tags={key: tags.texts(key) for key in tags.keys()},  # noqa: SIM118 - a table is not a mapping
        subscription_categories=tuple(value.lower() for value in scope.texts("subscription_categories")),
    )


def _percents(table: Table, key: str, default: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    found = table.numbers(key)
    return default if found is None else tuple(sorted(read_percent(text) for text in found))
