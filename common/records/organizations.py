"""Tenants: the document `orgs/<org_slug>`, how it is created, and which may run."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from common.domain.names import make_slug
from common.domain.plan_status import ACTIVE, CANCELLED, MAY_RUN, SUSPENDED, TRIAL
from common.errors import AlreadyExists, BadConfiguration, NotFound
from common.ports import Document, DocumentStore, Transaction
from common.records.names import check_org_slug

TRIAL_DAYS = 14
DEFAULT = "default"
"""The organization that every installation has, without anybody adding it."""
_LONGEST_NAME = 200
_LIMITS = ("runs_per_day", "runs_per_month", "concurrent_runs", "seats", "providers")


@cache
def plans() -> dict[str, dict[str, Any]]:
    """Plan -> its price and limits."""
    return tomllib.loads(files("common.records").joinpath("plans.toml").read_text(encoding="utf-8"))


def organization_path(org_slug: str) -> str:
    """Where a tenant's own document lies.  Raises BadConfiguration for what is no slug."""
    return f"orgs/{check_org_slug(org_slug)}"


def below(org_slug: str, *steps: str) -> str:
    """The path of a collection or a document of a tenant, as `below("acme_1x", "budgets", "cloud")`."""
    return "/".join((organization_path(org_slug), *steps))


def org_option(org_slug: str) -> str:
    """What a command needs to be about this organization, with a space before it; nothing for `default`."""
    return "" if org_slug == DEFAULT else f" --org {org_slug}"


def add(
    documents: DocumentStore,
    now: datetime,
    name: str,
    slug: str | None = None,
    plan: str = "Starter",
    status: str = TRIAL,
) -> Document:
    """Add a tenant, on trial unless its status says otherwise.  Where the deployment has no plans it is to be ACTIVE.

    Raises AlreadyExists for a slug that is taken, BadConfiguration for a name or a plan that is not valid.
    """
    check_terms(name, plan)
    org_slug = slug or make_slug(name, now)
    document = {
        "org_slug": org_slug,
        "name": name.strip(),
        "plan": plan,
        "status": status,
        "trial_ends_at": (now + timedelta(days=TRIAL_DAYS)).isoformat() if status == TRIAL else None,
        "limits": limits_of(plan),
        "currency": "USD",
        "time_zone": "UTC",
        "stripe_customer_id": None,
        "stripe": {"subscription_id": None, "price_id": None, "status": None, "seen_at": None},
        "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
    }
    try:
        documents.create(organization_path(org_slug), document)
    except AlreadyExists:
        raise AlreadyExists(f"organization {org_slug} already exists; choose another --slug") from None
    return document


def check_terms(name: str, plan: str) -> None:
    """Raises BadConfiguration for a name or a plan that no organization can have."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadConfiguration(f"the name has {len(name)} characters, expected 1 to {_LONGEST_NAME} printable ones")
    if plan not in plans():
        raise BadConfiguration(f"plan is '{plan}', expected one of {', '.join(plans())}")


def change_terms(documents: DocumentStore, now: datetime, org_slug: str, name: str, plan: str) -> Document:
    """Give a tenant another name, and another plan with its limits.  Again changes nothing.  Raises NotFound, BadConfiguration."""
    check_terms(name, plan)

    def change(organization: Document) -> None:
        if organization.get("plan") != plan:
            organization |= {"plan": plan, "limits": limits_of(plan)}
        organization["name"] = name.strip()

    return change_document(documents, now, org_slug, change)


def ensure_default(documents: DocumentStore, now: datetime) -> Document:
    """The organization `default`, added where it is missing.  Safe to repeat, and beside others who do the same."""
    known = documents.get(organization_path(DEFAULT))
    if known is not None:
        return known
    try:
        return add(documents, now, DEFAULT, DEFAULT, "Scale", ACTIVE)
    except AlreadyExists:
        return load(documents, DEFAULT)


def open_tenant(documents: DocumentStore, now: datetime, org_slug: str) -> None:
    """The one door to a tenant for whatever may write below it; `default` is added when it is first opened.

    Raises BadConfiguration for what is not a slug, NotFound that names the next step for an organization that nobody has added.
    """
    check_known(documents, org_slug)
    if org_slug == DEFAULT:
        ensure_default(documents, now)


def check_known(documents: DocumentStore, org_slug: str) -> None:
    """The same door for whatever only reads: nothing is written, and of `default` nothing needs to be there yet."""
    path = organization_path(org_slug)
    if org_slug != DEFAULT and documents.get(path) is None:
        raise NotFound(f"{_nobody(org_slug)}, costwire tenants add NAME --slug {org_slug} creates it")


def load(documents: DocumentStore, org_slug: str) -> Document:
    """The tenant.  Raises NotFound."""
    document = documents.get(organization_path(org_slug))
    if document is None:
        raise NotFound(_nobody(org_slug))
    return document


def status_of(organization: Document, plans: bool) -> str:
    """The status that counts.  plans: the setting; without plans only an operator suspends, and only a removal cancels."""
    status = str(organization.get("status"))
    by_operator = "status_before" in organization or organization.get("removal_began_at")
    return status if plans or by_operator else ACTIVE


def shown(organization: Document, plans: bool) -> Document:
    """The document as users see it: without plans it has no trial and no limits."""
    if plans:
        return organization
    unlimited = dict.fromkeys(organization.get("limits", {}))
    return {**organization, "status": status_of(organization, plans), "trial_ends_at": None, "limits": unlimited}


def may_run(organization: Document, plans: bool) -> bool:
    """Whether bills of this tenant may be fetched.  plans: the setting."""
    return status_of(organization, plans) in MAY_RUN


def check_may_run(documents: DocumentStore, org_slug: str, plans: bool) -> None:
    """Raises NotFound for a tenant that is not there, BadConfiguration for one that may not run."""
    check_running(load(documents, org_slug), plans)


def check_running(organization: Document, plans: bool) -> None:
    """Raises BadConfiguration for a tenant that may not run."""
    org_slug, status = organization["org_slug"], status_of(organization, plans)
    if status in MAY_RUN:
        return
    fix = ""
    if organization.get("removal_began_at") is None:
        suspended = "status_before" in organization
        fix = (
            f"; costwire tenants resume {org_slug} reactivates it"
            if suspended
            else "; a paid subscription activates it"
        )
    raise BadConfiguration(f"organization {org_slug} is {status.lower()}{fix}")


def suspend(documents: DocumentStore, now: datetime, org_slug: str) -> Document:
    """Nothing new starts for the tenant; what it has stays readable.  Again changes nothing."""

    def change(organization: Document) -> None:
        if "status_before" not in organization and not organization.get("removal_began_at"):
            organization |= {"status_before": organization["status"], "status": SUSPENDED}

    return change_document(documents, now, org_slug, change)


def resume(documents: DocumentStore, now: datetime, org_slug: str) -> Document:
    """The tenant is what it was before it was suspended, or ACTIVE.  Raises BadConfiguration while it is being removed."""

    def change(organization: Document) -> None:
        if organization.get("removal_began_at"):
            raise BadConfiguration(
                f"organization {org_slug} is being removed; costwire tenants remove {org_slug} --yes completes the removal"
            )
        if "status_before" in organization or organization["status"] not in MAY_RUN:
            organization["status"] = organization.pop("status_before", None) or ACTIVE

    return change_document(documents, now, org_slug, change)


def begin_removal(documents: DocumentStore, now: datetime, org_slug: str) -> bool:
    """From now on nothing starts for the tenant and nobody can resume it; False where it has no document (any more)."""

    def change(organization: Document) -> None:
        organization |= {"status": CANCELLED, "removal_began_at": organization.get("removal_began_at", now.isoformat())}

    try:
        change_document(documents, now, org_slug, change)
    except NotFound:
        return False
    return True


def limits_of(plan: str) -> Document:
    """What a plan allows."""
    return {limit: plans()[plan][limit] for limit in _LIMITS}


def change_document(
    documents: DocumentStore,
    now: datetime,
    org_slug: str,
    change: Callable[[Document], None],
) -> Document:
    """Change a tenant's document that others may be changing meanwhile; returns it.  Raises NotFound."""
    path = organization_path(org_slug)

    def work(transaction: Transaction) -> Document:
        before = transaction.get(path)
        if before is None:
            raise NotFound(_nobody(org_slug))
        after = dict(before)
        change(after)
        if after != before:
            after["updated_at"] = now.isoformat()
            transaction.set(path, after)
        return after

    return documents.transact(work)


def _nobody(org_slug: str) -> str:
    return f"there is no organization {org_slug}; costwire tenants list shows them"
