"""Making organizations what this release expects: what is missing is created, what an earlier release wrote is migrated.

Every step looks first and says what it did, so that a second run says nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.domain.audit import Actor, ActorKind
from common.ports import Document, Runtime, Transaction
from common.records import audit
from common.records.audit import Operation
from common.records.integrations import is_one_off
from common.records.organizations import DEFAULT, below, ensure_default, limits_of, may_run, organization_path, plans
from common.tenancy.schedules import ensure_budget_check, ensure_clean_up, ensure_plans, ensure_schedule
from common.tenancy.schedules import shown_sync_schedule as shown_schedule

PLAN_CHANGES = "plan_changes"
"""Where an earlier release wrote how plans changed."""


def bootstrap(rt: Runtime) -> list[str]:
    """Create what the platform lacks, then bring every organization up to date; returns what was done, in sentences.

    Embedded these are the organization `default` and the platform's own schedules; in the cloud Terraform makes those.
    """
    done = []
    if rt.settings.runtime == "embedded":
        if rt.documents.get(organization_path(DEFAULT)) is None:
            ensure_default(rt.documents, rt.clock.now())
            done.append(f"organization {DEFAULT} is created")
        before = {one.name: one for one in rt.scheduler.list()}
        ensure_budget_check(rt)
        ensure_clean_up(rt)
        ensure_plans(rt)
        changed = [one.name for one in rt.scheduler.list() if before.get(one.name) != one]
        done += [f"schedule {name} is set" for name in changed]
    return done + sync_organizations(rt)


def sync_organizations(rt: Runtime) -> list[str]:
    """Bring every organization up to date; returns what was done, in sentences.  One that is being removed is left alone."""
    done = []
    for org_slug, organization in rt.documents.list("orgs"):
        if not organization.get("removal_began_at"):
            done += [f"{org_slug}: {words}" for words in _sync(rt, org_slug, organization)]
    return done


def _sync(rt: Runtime, org_slug: str, organization: Document) -> list[str]:
    done = []
    if names := _complete(rt, org_slug):
        done.append(f"added {', '.join(names)}")
    if count := _migrate_plan_changes(rt, org_slug):
        done.append(f"moved {count} changes of the plan to the audit log")
    integrations = [one for _, one in rt.documents.list(below(org_slug, "integrations"))]
    if may_run(organization, rt.settings.plans) and not all(is_one_off(one) for one in integrations):
        shown = shown_schedule(rt, org_slug)
        if shown.cron != shown.expected_cron:
            ensure_schedule(rt, org_slug)
            done.append(f"set the schedule of synchronizations to {shown.expected_cron or 'never'}")
    return done


def _defaults(organization: Document) -> dict[str, Any]:
    """What every organization has, as `common.records.organizations.add` writes it."""
    plan = organization.get("plan")
    return {
        "currency": "USD",
        "time_zone": "UTC",
        "trial_ends_at": None,
        "stripe_customer_id": None,
        "stripe": {"subscription_id": None, "price_id": None, "status": None, "seen_at": None},
        "limits": limits_of(plan) if plan in plans() else {},
    }


def _complete(rt: Runtime, org_slug: str) -> list[str]:
    """Add the fields that an organization lacks; their names."""
    path, now = organization_path(org_slug), rt.clock.now().isoformat()

    def work(transaction: Transaction) -> list[str]:
        document = transaction.get(path)
        if document is None:
            return []
        defaults = _defaults(document)
        missing = {name: value for name, value in defaults.items() if name not in document}
        limits = {**defaults["limits"], **document.get("limits", {})}
        if limits != document.get("limits", limits):
            missing["limits"] = limits
        if missing:
            transaction.set(path, {**document, **missing, "updated_at": now})
        return sorted(missing)

    return rt.documents.transact(work)


def _migrate_plan_changes(rt: Runtime, org_slug: str) -> int:
    """Each becomes an audit record of its own moment, in the transaction that removes it."""
    found = rt.documents.list(below(org_slug, PLAN_CHANGES))
    for name, old in found:
        path, record = below(org_slug, PLAN_CHANGES, name), _record_of(org_slug, old)
        target = f"{audit.collection(org_slug)}/{name}"

        def work(transaction: Transaction, path: str = path, record: Document = record, target: str = target) -> None:
            if transaction.get(path) is not None:
                transaction.set(target, record)
                transaction.delete(path)

        rt.documents.transact(work)
    return len(found)


def _record_of(org_slug: str, old: Document) -> Document:
    kinds = {"stripe": ActorKind.STRIPE, "clock": ActorKind.JOB, "operator": ActorKind.PROGRAM}
    by, before = str(old["by"]), old.get("before")
    actor = Actor(kinds.get(by, ActorKind.STRIPE), by)
    changes = [] if before is None else [{"target": audit.ORGANIZATION, "before": before, "after": old["after"]}]
    action = "" if changes else f"stripe.{by}"
    operation = Operation(actor, action, str(old.get("event_id") or ""))
    return audit.new_record(operation, org_slug, datetime.fromisoformat(old["at"]), changes, audit.ORGANIZATION)
