"""What has to change so that a deployment is what a file declares; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from common.budgets.scope_check import scope_warnings
from common.declared.wanted import (
    Declaration,
    Declared,
    DeclaredBudget,
    DeclaredIntegration,
    DeclaredOrganization,
    Fields,
    budget_fields,
    integration_fields,
)
from common.domain.budgets import from_document
from common.domain.integrations import DISABLED
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration, NotFound, Permanent
from common.ingestion.connecting import Connection, location_uri, look_at
from common.ports import Document, Runtime
from common.records.channels import missing_channels, missing_words
from common.records.integrations import ALLOW_OVERLAP, integration_path, is_one_off
from common.records.organizations import DEFAULT, below, organization_path

_UNREMARKABLE = (None, "false")
"""Values that a new thing has without anybody asking for them; a plan leaves them out."""
RECONNECTS = ("location", "allow_overlap", "one_off")
"""Fields of an integration that connecting it sets."""
_MEASURES = ("currency", "period", "starts_on", "ends_on", "metric")


class Action(StrEnum):
    """What happens to one organization, integration or budget.  REFUSED: a field cannot be as declared, so that nothing may be applied."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    REFUSED = "refused"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Difference:
    """A field and its values as text, None for no value.  obstacle: why it cannot be changed and what to do, None where it can."""

    field: str
    old: str | None
    new: str | None
    obstacle: str | None = None


@dataclass(frozen=True)
class Step:
    """What happens to one thing.  declared: as the file says it, None where it is removed.  budget_id: of a budget that exists."""

    action: Action
    kind: str
    org_slug: str
    name: str
    differences: tuple[Difference, ...] = ()
    declared: Declared | None = None
    budget_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "action": str(self.action),
            "kind": self.kind,
            "org": self.org_slug,
            "name": self.name,
            "differences": [vars(one) for one in self.differences],
        }

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.name}" if self.kind == "organization" else f"{self.kind} {self.name} of {self.org_slug}"
        )


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they are carried out: what is needed comes first, removals come last.

    warnings: values of new and changed budgets that no charge has, and channels of unchanged ones that are gone, in sentences.
    """

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()

    @property
    def to_do(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(one for one in self.steps if one.action != Action.UNCHANGED)

    def check(self) -> None:
        """Raises BadConfiguration for a plan with a change that is not possible."""
        refused = next((one for one in self.steps if one.action == Action.REFUSED), None)
        if refused is not None:
            fault = next(one for one in refused.differences if one.obstacle)
            raise BadConfiguration(
                f"{refused}: {fault.field} cannot {_change_words(fault)}: {fault.obstacle}; nothing was applied"
            )

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return {"steps": [one.as_json() for one in self.steps], "warnings": list(self.warnings)}


def _change_words(one: Difference) -> str:
    if one.old == one.new:
        return f"be {one.new}"
    return f"change from {one.old or 'nothing'} to {one.new or 'nothing'}"


def make_plan(rt: Runtime, declaration: Declaration, prune: bool = False) -> Plan:
    """Compare what exists with what is declared.  Locations that would be connected are looked at.

    prune: budgets that are not declared, of the organizations that the file names, are removed.

    Raises NotFound for an organization that neither exists nor is declared, BadConfiguration for one that is being
    removed, and for a location that cannot be read.
    """
    existing = {slug: rt.documents.get(organization_path(slug)) for slug in declaration.org_slugs}
    _check_organizations(rt, declaration, existing)
    budgets = {slug: _budgets(rt, slug) for slug in declaration.org_slugs}
    steps = [_organization_step(one, existing[one.org_slug]) for one in declaration.organizations]
    steps += [_integration_step(rt, one) for one in declaration.integrations]
    budget_steps = [
        _with_channels(rt, _budget_step(one, budgets[one.org_slug].get(one.name)), one, existing[one.org_slug])
        for one in declaration.budgets
    ]
    steps += budget_steps
    if prune:
        named = {(one.org_slug, one.name) for one in declaration.budgets}
        steps += [
            Step(Action.REMOVE, "budget", slug, name, budget_id=document["budget_id"])
            for slug, found in budgets.items()
            for name, document in found.items()
            if (slug, name) not in named
        ]
    return Plan(tuple(steps), tuple(_warnings(rt, budget_steps)))


def _check_organizations(rt: Runtime, declaration: Declaration, existing: Mapping[str, Document | None]) -> None:
    declared = {one.org_slug for one in declaration.organizations}
    for slug, document in existing.items():
        if document is None and slug not in declared and slug != DEFAULT:
            known = [DEFAULT, *declared, *(one for one, _ in rt.documents.list("orgs"))]
            raise NotFound(
                f"there is no organization {slug}; declare it under [[organizations]], or correct org{did_you_mean(slug, known)}"
            )
        if document is not None and document.get("removal_began_at"):
            raise BadConfiguration(
                f"organization {slug} is being removed; costwire tenants remove {slug} --yes completes the removal"
            )


def _organization_step(wanted: DeclaredOrganization, document: Document | None) -> Step:
    found = None if document is None else {"name": document.get("name"), "plan": document.get("plan")}
    return _step(wanted, found, {})


def _integration_step(rt: Runtime, declared: DeclaredIntegration) -> Step:
    wanted = replace(declared, location=location_uri(rt, declared.location))
    document = rt.documents.get(integration_path(wanted.org_slug, wanted.name))
    found = None
    if document is not None:
        config = document["config"]
        found = integration_fields(
            document["provider"],
            str(config["location"]),
            bool(config.get(ALLOW_OVERLAP)),
            document["status"] == DISABLED,
            is_one_off(document),
        )
    remove = f"costwire integrations remove {wanted.name} --org {wanted.org_slug}"
    obstacles = {"provider": f"an integration has one provider; choose another id, or run {remove}"}
    if found is not None and found["allow_overlap"] == "true":
        obstacles["allow_overlap"] = f"what it shows may be shown twice already; run {remove} first, or declare true"
    step = _step(wanted, found, obstacles)
    changed = {one.field for one in step.differences}
    if step.action == Action.CREATE or (step.action == Action.CHANGE and changed & set(RECONNECTS)):
        try:
            asked = Connection(
                wanted.org_slug, wanted.provider, wanted.location, wanted.name, allow_overlap=wanted.allow_overlap
            )
            look_at(rt, asked)
        except Permanent as error:
            raise BadConfiguration(f"{step}: {error}; nothing was applied") from None
    return step


def _budget_step(wanted: DeclaredBudget, document: Document | None) -> Step:
    if document is None:
        return _step(wanted, None, {})
    why = (
        "alerts of another measure would be those of another budget; choose another name, or run "
        f"costwire budgets remove '{wanted.name}' --org {wanted.org_slug} first"
    )
    step = _step(wanted, budget_fields(from_document(document)), dict.fromkeys(_MEASURES, why))
    return replace(step, budget_id=document["budget_id"])


def _with_channels(rt: Runtime, step: Step, wanted: DeclaredBudget, organization: Document | None) -> Step:
    """The step; one that is not possible where the budget would be set with a channel that does not exist."""
    missing = missing_channels(rt.documents, step.org_slug, wanted.request.channels)
    if not missing or step.action == Action.UNCHANGED:
        return step
    obstacle = "; ".join(missing_words(rt.documents, step.org_slug, name) for name in missing)
    if organization is None and step.org_slug != DEFAULT:
        obstacle += f"; first costwire tenants add NAME --slug {step.org_slug}"
    known = {one.field: one for one in step.differences}
    channels = known.get("channels") or Difference("channels", wanted.fields()["channels"], wanted.fields()["channels"])
    differences = {**known, "channels": replace(channels, obstacle=obstacle)}
    return replace(step, action=Action.REFUSED, differences=tuple(differences.values()))


def _step(wanted: Declared, found: Fields | None, obstacles: Mapping[str, str]) -> Step:
    fields = wanted.fields()
    if found is None:
        new = [Difference(name, None, value) for name, value in fields.items() if value not in _UNREMARKABLE]
        return Step(Action.CREATE, wanted.kind, wanted.org_slug, wanted.name, tuple(new), wanted)
    differences = tuple(
        Difference(name, found[name], value, obstacles.get(name))
        for name, value in fields.items()
        if found[name] != value
    )
    refused = any(one.obstacle for one in differences)
    action = Action.REFUSED if refused else Action.CHANGE if differences else Action.UNCHANGED
    return Step(action, wanted.kind, wanted.org_slug, wanted.name, differences, wanted)


def _budgets(rt: Runtime, org_slug: str) -> dict[str, Document]:
    """Name -> document."""
    return {document["name"]: document for _, document in rt.documents.list(below(org_slug, "budgets"))}


def _warnings(rt: Runtime, steps: list[Step]) -> list[str]:
    """Of values without charges, and of channels that are gone; organizations that do not exist yet have no warehouse to ask."""
    found = []
    for step in steps:
        if step.action == Action.UNCHANGED and isinstance(step.declared, DeclaredBudget):
            missing = missing_channels(rt.documents, step.org_slug, step.declared.request.channels)
            found += [f"{step}: there is no channel {name}; its alerts go to the default channels" for name in missing]
        if step.action in (Action.CREATE, Action.CHANGE) and isinstance(step.declared, DeclaredBudget):
            if rt.documents.get(organization_path(step.org_slug)) is None:
                continue
            found += [f"{step}: {one}" for one in scope_warnings(rt, step.org_slug, step.declared.budget)]
    return found
