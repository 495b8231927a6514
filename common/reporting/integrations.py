"""Integrations as users see them: where bills come from, whether that works, and when it was tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.domain.freshness import Freshness
from common.domain.integrations import FETCHED, Change
from common.ports import Document, Runtime
from common.records.arrivals import Arrivals, arrivals_of, is_watched
from common.records.integrations import SPLIT_NODES, is_one_off, load_integration
from common.records.organizations import below
from common.tenancy.node_splits import has_nodes
from common.tenancy.schedules import next_sync_at

_NOT_TOLD = ("credential_ref", "listed", "landing")


@dataclass(frozen=True)
class IntegrationReport:
    """One integration.  one_off: its bills were imported by hand, so no schedule fetches them.

    next_sync: when the schedule fetches it, None where none does.  history: its latest changes, oldest first.
    error: why the last fetch failed; waiting: why it found nothing complete yet.  has_credential: one is stored, encrypted.  deliveries:
    how many it has by state.  document: what is recorded, without where the credential lies and what
    landing keeps there.  freshness: of what it delivered, None before the first delivery; is_late: its next delivery is overdue.
    splits_nodes: whether charges for a cluster's nodes are split; None where it is no cluster's.
    """

    integration_id: str
    provider: str
    status: str
    location: str
    one_off: bool
    last_sync: datetime | None
    next_sync: datetime | None
    error: str | None
    waiting: str | None
    has_credential: bool
    deliveries: dict[str, int]
    history: tuple[Change, ...]
    document: Document
    freshness: Freshness | None
    is_late: bool
    splits_nodes: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            **self.document,
            "next_sync": self.next_sync.isoformat() if self.next_sync else None,
            "history": [dict(one.__dict__) for one in self.history],
            "one_off": self.one_off,
            "has_credential": self.has_credential,
            "deliveries": self.deliveries,
            "freshness": _freshness(self.freshness, self.is_late) if self.freshness else None,
            **({} if self.splits_nodes is None else {SPLIT_NODES: self.splits_nodes}),
        }


def list_integrations(rt: Runtime, org_slug: str) -> list[IntegrationReport]:
    """The integrations by name."""
    found = rt.documents.list(below(org_slug, "integrations"))
    counts: dict[str, dict[str, int]] = {}
    for _, delivery in rt.documents.list(below(org_slug, "deliveries")):
        by_state = counts.setdefault(delivery["integration_id"], {})
        by_state[delivery["state"]] = by_state.get(delivery["state"], 0) + 1
    next_sync = next_sync_at(rt, org_slug) if found else None
    arrivals, now = arrivals_of(rt.documents, org_slug), rt.clock.now()
    return [_report(document, counts.get(name, {}), next_sync, arrivals.get(name), now) for name, document in found]


def show_integration(rt: Runtime, org_slug: str, integration_id: str) -> IntegrationReport:
    """One integration.  Raises NotFound that lists the ones there are."""
    load_integration(rt.documents, org_slug, integration_id)
    (found,) = (one for one in list_integrations(rt, org_slug) if one.integration_id == integration_id)
    return found


def _report(
    document: Document, deliveries: dict[str, int], next_sync: datetime | None, arrivals: Arrivals | None, now: datetime
) -> IntegrationReport:
    fetched = document["status"] in FETCHED and not is_one_off(document)
    last_sync = document.get("last_sync")
    freshness = arrivals.freshness if arrivals else None
    return IntegrationReport(
        integration_id=document["integration_id"],
        provider=document["provider"],
        status=document["status"],
        location=str(document["config"]["location"]),
        one_off=is_one_off(document),
        last_sync=datetime.fromisoformat(last_sync) if last_sync else None,
        next_sync=next_sync if fetched else None,
        error=document.get("error_message"),
        waiting=document.get("waiting_for"),
        has_credential=document.get("credential_ref") is not None,
        deliveries=dict(sorted(deliveries.items())),
        history=tuple(Change(**one) for one in document.get("history", ())),
        document={name: value for name, value in document.items() if name not in _NOT_TOLD},
        freshness=freshness,
        is_late=freshness is not None and is_watched(document) and freshness.is_late(now),
        splits_nodes=bool(document.get(SPLIT_NODES)) if has_nodes(document["provider"]) else None,
    )


def _freshness(found: Freshness, is_late: bool) -> dict[str, Any]:
    pattern = found.pattern
    return {
        "newest_delivery": found.newest_delivery.isoformat(),
        "newest_data": _text(found.newest_data),
        "expected_next": _text(found.expected_next),
        "late_from": _text(found.late_from),
        "late": is_late,
        "interval_hours": _hours(pattern.interval),
        "longest_interval_hours": _hours(pattern.longest_interval),
        "lag_median_hours": _hours(pattern.lag_median),
        "lag_hours": _hours(pattern.lag),
        "learned_from": {"intervals": pattern.intervals, "days": pattern.days},
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _hours(span: timedelta | None) -> int | None:
    """Rounded up."""
    return None if span is None else -(-span // timedelta(hours=1))
