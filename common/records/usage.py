"""Counters of runs: `orgs/<org>/usage/<month>` counts those that started, by day; `usage/in_progress` names those that have not ended.

A run is counted in the transaction that queues it, so that a repeated request counts once and a refused one not at all.  Nothing counts
down: who finds no room looks which of the named runs have ended, and drops them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from common.domain import quotas
from common.domain.plan_status import TRIAL
from common.domain.quotas import Limits, Refusal, Usage
from common.errors import BadConfiguration, NotFound, QuotaExceeded
from common.ports import Clock, Document, DocumentStore, Transaction
from common.records.batches import delete_all
from common.records.organizations import below, check_running, organization_path
from common.records.runs import ENDED, WAITING, Run, run_path

IN_PROGRESS = "in_progress"
LIFE = timedelta(days=90)
"""How long counters are kept, as common/retention/lives.py says."""
_TURNS = tuple(threading.Lock() for _ in range(64))
"""Threads of one process take turns: Firestore lets transactions on the same counters fail and repeat, a hundred of them for a minute."""


def start_runs(documents: DocumentStore, clock: Clock, plans: bool, runs: Sequence[Run]) -> list[str]:
    """Queue runs of one organization and count them, all or none; returns the ids of those that are to be worked on.

    One that is known already is not counted again, and is to be worked on unless it ended as waiting.  plans: the setting; without plans
    nothing is counted.  Raises QuotaExceeded, NotFound for an organization that does not exist, BadConfiguration for one that may not run.
    """
    if not runs:
        return []
    org_slug = runs[0].org_slug

    def work(transaction: Transaction) -> list[str]:
        now = clock.now()
        organization = transaction.get(organization_path(org_slug))
        if organization is None:
            raise NotFound(f"there is no organization {org_slug}; costwire tenants list shows them")
        check_running(organization, plans)
        known = {run.run_id: transaction.get(run_path(org_slug, run.run_id)) for run in runs}
        new = [run for run in runs if known[run.run_id] is None]
        counted = _counted(transaction, organization, new, now) if plans and new else {}
        for run in new:
            transaction.set(run_path(org_slug, run.run_id), run.as_document())
        for path, document in counted.items():
            transaction.set(path, document)
        return [name for name, one in known.items() if one is None or one["status"] != WAITING]

    with _turn(org_slug):
        return documents.transact(work)


def check(refusal: Refusal | None) -> None:
    """Raises QuotaExceeded where something is refused."""
    if refusal is not None:
        raise QuotaExceeded(refusal.reason, refusal.limit, refusal.used, refusal.resets_at)


def limits_now(organization: Document) -> Limits:
    """What an organization's plan allows."""
    found = organization.get("limits", {})
    return Limits(**{name: found[name] for name in Limits.__dataclass_fields__ if name in found})


def usage_of(documents: DocumentStore, org_slug: str, now: datetime) -> Usage:
    """What counts now."""
    month = documents.get(month_path(org_slug, now)) or {}
    named = documents.get(_in_progress_path(org_slug)) or {}
    open_ones = _open(org_slug, named.get("runs", {}), now, documents)
    return Usage(month.get("days", {}).get(quotas.day_of(now), 0), month.get("runs", 0), len(open_ones))


def month_path(org_slug: str, moment: datetime) -> str:
    """Where the runs of a month are counted."""
    return below(org_slug, "usage", quotas.month_of(moment))


def forget_usage(documents: DocumentStore, org_slug: str, now: datetime) -> tuple[int, int]:
    """Remove months past their life, and names of runs that ended or are stale; how many of each.  Safe to repeat."""
    oldest = quotas.month_of(now - LIFE)
    collection = below(org_slug, "usage")
    old = [name for name, _ in documents.list(collection) if name != IN_PROGRESS and name < oldest]
    delete_all(documents, [f"{collection}/{name}" for name in old])
    path = _in_progress_path(org_slug)

    def work(transaction: Transaction) -> int:
        named: Mapping[str, str] = (transaction.get(path) or {}).get("runs", {})
        left = _open(org_slug, named, now, transaction)
        if left != named:
            transaction.set(path, {"runs": left})
        return len(named) - len(left)

    return len(old), documents.transact(work)


def _counted(
    transaction: Transaction, organization: Document, new: Sequence[Run], now: datetime
) -> dict[str, Document]:
    """Path -> the counters with these runs.  Raises QuotaExceeded."""
    org_slug, limits = organization["org_slug"], limits_now(organization)
    _check_trial(organization, now)
    month = transaction.get(month_path(org_slug, now)) or {}
    path = _in_progress_path(org_slug)
    named: Mapping[str, str] = (transaction.get(path) or {}).get("runs", {})
    if limits.concurrent_runs is None or len(named) + len(new) > limits.concurrent_runs:
        named = _open(org_slug, named, now, transaction)
    day, days = quotas.day_of(now), month.get("days", {})
    usage = Usage(days.get(day, 0), month.get("runs", 0), len(named))
    check(quotas.refused_runs(str(organization["plan"]), limits, usage, len(new), now))
    return {
        month_path(org_slug, now): {
            "runs": usage.this_month + len(new),
            "days": {**days, day: usage.today + len(new)},
        },
        path: {"runs": {**named, **{run.run_id: now.isoformat() for run in new}}},
    }


def _check_trial(organization: Document, now: datetime) -> None:
    """A trial without a subscription ends on time, whenever its status is written down."""
    if trial_is_over(organization, now):
        ended = str(organization["trial_ends_at"])[:10]
        raise BadConfiguration(
            f"organization {organization['org_slug']} is expired: its trial ended on {ended}; a paid subscription activates it"
        )


def trial_is_over(organization: Document, now: datetime) -> bool:
    """Whether a trial has ended that no subscription continues: of one that has a subscription, Stripe says when it ends."""
    ends = organization.get("trial_ends_at")
    subscribed = (organization.get("stripe") or {}).get("subscription_id")
    return (
        organization.get("status") == TRIAL
        and ends is not None
        and not subscribed
        and datetime.fromisoformat(ends) <= now
    )


def _open(
    org_slug: str, named: Mapping[str, str], now: datetime, documents: DocumentStore | Transaction
) -> dict[str, str]:
    """Those of the named runs that have not ended, and are not stale."""
    return {name: began for name, began in _young(named, now) if _goes_on(documents.get(run_path(org_slug, name)))}


def _young(named: Mapping[str, str], now: datetime) -> Iterable[tuple[str, str]]:
    return ((name, began) for name, began in named.items() if datetime.fromisoformat(began) > now - quotas.STALE)


def _goes_on(run: Document | None) -> bool:
    return run is not None and run["status"] not in ENDED


def _turn(org_slug: str) -> AbstractContextManager[object]:
    return _TURNS[hash(org_slug) % len(_TURNS)]


def _in_progress_path(org_slug: str) -> str:
    return below(org_slug, "usage", IN_PROGRESS)
