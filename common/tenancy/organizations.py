"""The organizations of a deployment: adding and changing one, and listing all with their integrations and last synchronization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.domain.plan_status import ACTIVE, TRIAL
from common.ports import Document, Runtime
from common.records import organizations
from common.records.organizations import below


@dataclass(frozen=True)
class OrganizationReport:
    """One organization.  integrations: how many it has.  last_sync: the newest of any of them, None before the first.

    name, plan, status: empty where nothing is recorded.  document: all that is recorded.
    """

    org_slug: str
    name: str
    plan: str
    status: str
    trial_ends_at: datetime | None
    integrations: int
    last_sync: datetime | None
    document: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For programs: the document, and what was counted."""
        return {
            **self.document,
            "org_slug": self.org_slug,
            "integrations": self.integrations,
            "last_sync": self.last_sync.isoformat() if self.last_sync else None,
        }


def add_organization(rt: Runtime, name: str, org_slug: str | None, plan: str) -> Document:
    """Add an organization, on trial where there are plans; returns its document.  org_slug None: built from name and time.

    Raises AlreadyExists for a slug that is taken, BadConfiguration for a name, slug or plan that is not valid.
    """
    status = TRIAL if rt.settings.plans else ACTIVE
    document = organizations.add(rt.documents, rt.clock.now(), name, org_slug, plan, status)
    return organizations.shown(document, rt.settings.plans)


def change_organization(rt: Runtime, org_slug: str, name: str, plan: str) -> Document:
    """Change an organization's display name and plan; returns its document.  Raises NotFound, BadConfiguration."""
    document = organizations.change_terms(rt.documents, rt.clock.now(), org_slug, name, plan)
    return organizations.shown(document, rt.settings.plans)


def check_organization(rt: Runtime, org_slug: str, writes: bool = False) -> None:
    """The door of a request to an organization; `default` is added by the first one that writes.

    Raises BadConfiguration for what is not a slug, NotFound for an organization that nobody has added.
    """
    if writes:
        organizations.open_tenant(rt.documents, rt.clock.now(), org_slug)
    else:
        organizations.check_known(rt.documents, org_slug)


def list_organizations(rt: Runtime) -> list[OrganizationReport]:
    """Every organization, by slug."""
    return [_report(rt, org_slug, document) for org_slug, document in rt.documents.list("orgs")]


def show_organization(rt: Runtime, org_slug: str) -> OrganizationReport:
    """One organization.  Raises NotFound."""
    return _report(rt, org_slug, organizations.load(rt.documents, org_slug))


def _report(rt: Runtime, org_slug: str, document: Document) -> OrganizationReport:
    document = organizations.shown(document, rt.settings.plans)
    integrations = [one for _, one in rt.documents.list(below(org_slug, "integrations"))]
    synchronized = [datetime.fromisoformat(one["last_sync"]) for one in integrations if one.get("last_sync")]
    ends = document.get("trial_ends_at")
    return OrganizationReport(
        org_slug=org_slug,
        name=str(document.get("name", "")),
        plan=str(document.get("plan", "")),
        status=str(document.get("status", "")),
        trial_ends_at=datetime.fromisoformat(ends) if ends else None,
        integrations=len(integrations),
        last_sync=max(synchronized, default=None),
        document=document,
    )
