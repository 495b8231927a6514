"""A provider calls: new files under an integration's location start the synchronization of their months, once for many calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from common.domain.integrations import DISABLED
from common.domain.names import integration_id_fault, org_slug_fault
from common.domain.places import Place
from common.ingestion.calls import KINDS, Call
from common.ingestion.requesting import new_request_id, run_id_of
from common.messages import SyncRequested
from common.ports import Document, Runtime, Transaction
from common.ports.senders import NotGenuine
from common.providers.notices import Notice, month_wanted
from common.records.integrations import integration_path, is_one_off
from common.records.listed import listed_of
from common.records.organizations import may_run, organization_path
from common.records.runs import QUEUED, WEBHOOK, load_run
from common.records.webhooks import load_webhook

STARTED, JOINED, REPEATED, IGNORED, CONFIRMED, HANDSHAKE = (
    "started", "joined", "repeated", "ignored", "confirmed", "handshake",
)  # fmt: skip
"""What became of a call: a new run; a run that had not begun; an event that was seen; nothing to do; a subscription; a first question."""
KEPT = timedelta(days=8)
"""Longer than any provider repeats an event: Pub/Sub 7 days, EventBridge and Event Grid 1 day, SNS 1 hour."""
MOST_MONTHS = 12
"""A call that names more months asks for whatever is new."""
_FUNCTION = "provider_webhook"


@dataclass(frozen=True)
class Received:
    """What became of a call.  answer, headers: what its sender waits for, where not just for success.  run_ids: that will fetch."""

    outcome: str
    sender: str
    run_ids: Sequence[str] = ()
    answer: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def receive(rt: Runtime, call: Call) -> Received:
    """Do what an authenticated call asks for.  Safe to repeat.

    Raises NotGenuine for a call that nobody sent who may send it, of which an integration that does not exist is not told apart;
    Retryable where it could not be checked or done.
    """
    if org_slug_fault(call.org_slug) or integration_id_fault(call.integration_id):
        raise NotGenuine("the address is not one of an integration")
    # both are read in any case, so that the time of an answer does not show which integrations exist
    integration = rt.documents.get(integration_path(call.org_slug, call.integration_id))
    webhook = load_webhook(rt.documents, call.org_slug, call.integration_id)
    if integration is None or webhook is None:
        raise NotGenuine("there is no such integration, or it has no webhook")
    kind = KINDS.get(Place.of(str(integration["config"]["location"])).scheme)
    if kind is None:
        raise NotGenuine("the integration's place cannot call")
    heard = kind.hear(rt, webhook, call)
    if heard.visit:
        rt.senders.visit(heard.visit)
        return Received(CONFIRMED, heard.sender)
    if heard.is_handshake:
        return Received(HANDSHAKE, heard.sender, answer=heard.answer, headers=heard.headers)
    outcome, run_ids = _started(rt, call, integration, heard.notices)
    return Received(outcome, heard.sender, run_ids)


def _started(rt: Runtime, call: Call, integration: Document, notices: Sequence[Notice]) -> tuple[str, Sequence[str]]:
    months = _months(integration, notices)
    organization = rt.documents.get(organization_path(call.org_slug)) or {}
    if (
        not months
        or integration["status"] == DISABLED
        or is_one_off(integration)
        or not may_run(organization, rt.settings.plans)
    ):
        return IGNORED, ()
    events = [_path(call, "event", one.event_id) for one in notices]
    if not any(_is_over(rt, rt.processed.get(one)) for one in events):
        return REPEATED, ()
    found = [_request(rt, call, month) for month in months]
    for path in events:
        rt.processed.set(path, _note(rt.clock.now()))
    return STARTED if any(is_new for _, is_new in found) else JOINED, tuple(run_id for run_id, _ in found)


def _months(integration: Document, notices: Iterable[Notice]) -> list[str]:
    """What is to be looked at: months; the empty one stands for whatever is new, and for all others."""
    location, before = str(integration["config"]["location"]), listed_of(integration)
    has_manifests = before is not None and bool(before.months)
    named = (month_wanted(location, uri, has_manifests) for notice in notices for uri in notice.written)
    found = sorted({month for month in named if month is not None})
    return [""] if "" in found or len(found) > MOST_MONTHS else found


def _request(rt: Runtime, call: Call, month: str) -> tuple[str, bool]:
    """The run that will look at a month, and whether it is a new one: a run that has not begun sees this file too."""
    path = _path(call, "month", month)
    before, is_new = rt.processed.get(path), False
    known = before
    if known is None or _has_begun(rt, call, known):
        fresh = {**_note(rt.clock.now()), "request_id": new_request_id()}
        known = rt.processed.transact(lambda transaction: _replaced(transaction, path, before, fresh))
        is_new = known == fresh
    request_id = str(known["request_id"])
    run_id = run_id_of(request_id, call.integration_id)
    # published again as long as it has no run: whoever made the request may have died before
    if load_run(rt.documents, call.org_slug, run_id) is None:
        months = (month,) if month else ()
        rt.bus.publish(SyncRequested(request_id, WEBHOOK, call.org_slug, call.integration_id, months))
    return run_id, is_new


def _replaced(transaction: Transaction, path: str, before: Document | None, fresh: Document) -> Document:
    """The request of the month: this one, unless another call has just made one."""
    now = transaction.get(path)
    if now is not None and now != before:
        return now
    transaction.set(path, fresh)
    return fresh


def _has_begun(rt: Runtime, call: Call, known: Document) -> bool:
    if _is_over(rt, known):
        return True
    run = load_run(rt.documents, call.org_slug, run_id_of(str(known["request_id"]), call.integration_id))
    return run is not None and run.status != QUEUED


def _is_over(rt: Runtime, note: Document | None) -> bool:
    return note is None or datetime.fromisoformat(note["expires_at"]) <= rt.clock.now()


def _note(now: datetime) -> Document:
    return {"function": _FUNCTION, "expires_at": (now + KEPT).isoformat()}


def _path(call: Call, what: str, name: str) -> str:
    words = "\n".join((call.org_slug, call.integration_id, what, name))
    return f"processed/{_FUNCTION}.{hashlib.sha256(words.encode(errors='surrogatepass')).hexdigest()}"
