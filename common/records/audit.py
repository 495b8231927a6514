"""Audit records: `orgs/<org>/audit/<id>`, and `audit/<id>` for what concerns the platform or an organization that is gone.

A record is one operation: a request, a command or a message, with every change that it made of one organization.  `RULES` lists the
collections that are audited, and of each the fields that may be shown; all other fields stay out of the log.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.domain.audit import PROGRAM, Actor, Fields, difference
from common.ports import Document, DocumentStore, Order, Runtime
from common.records.organizations import organization_path

COLLECTION = "audit"
PLATFORM = ""
"""Instead of an organization's slug: the platform itself."""
MOST_CHANGES = 100
"""Changes that a record lists; of more it says how many."""
MOST_CHARACTERS = 400_000
"""Of these changes as JSON, so that a record fits in a document."""
PAGE = 200
"""Records that are read at once."""
ORGANIZATION = "organization"


@dataclass(frozen=True)
class Rule:
    """What may be shown of a document.  one: what a document is called in `action`.  reads: the top-level fields that it is made of.

    by_hand: only what users do is recorded.  together: fields that are all shown where one of them differs.
    """

    one: str
    reads: frozenset[str]
    shown: Callable[[Document], Fields]
    by_hand: bool = False
    together: frozenset[str] = frozenset()


def _rule(one: str, *names: str, by_hand: bool = False, together: frozenset[str] = frozenset()) -> Rule:
    """These fields, as they are."""
    return Rule(one, frozenset(names), lambda document: {name: document.get(name) for name in names}, by_hand, together)


_INTEGRATION = ("provider", "display_name", "account_identifier", "status", "split_nodes")
_CONFIG = ("regions", "filters", "billing_dataset_id", "billing_account_id", "allow_overlap")


def _integration(document: Document) -> Fields:
    config = document.get("config") or {}
    shown = {name: document.get(name) for name in _INTEGRATION}
    shown["location"] = str(config.get("location") or "").partition("?")[0]
    return shown | {name: config[name] for name in _CONFIG if name in config}


_SUBSCRIPTION = (
    "vendor", "plan", "category", "cycle", "price", "currency", "start", "seats", "every", "anchor_day", "seat_changes", "price_changes",
    "discount_percent", "discount_until", "tax_percent", "end", "renews", "cancelled_on", "cancels", "credits", "contract_months",
    "notice_days", "mode", "pauses", "invoices", "account", "tags",
)  # fmt: skip


def _subscription(document: Document) -> Fields:
    """The newest version."""
    newest = (document.get("versions") or [{}])[-1].get("subscription") or {}
    return {name: newest[name] for name in _SUBSCRIPTION if name in newest}


_SETTINGS = (
    "default_currency", "sync_interval_hours", "threshold_check_minutes", "retention_days", "rejected_retention_days",
    "withdrawn_retention_days", "restatements_retention_days", "past_deliveries_retention_days", "runs_retention_days",
    "alerts_retention_days", "notifications_retention_days", "audit_retention_days",
)  # fmt: skip


def _settings(document: Document) -> Fields:
    """Of a table that users give as CSV: how long it is and its digest, since it may be large."""
    text = document.get("csv")
    if not isinstance(text, str):
        return {name: document[name] for name in _SETTINGS if name in document}
    return {"rows": max(len(text.splitlines()) - 1, 0), "sha256": hashlib.sha256(text.encode()).hexdigest()}


_RULES = (
    (
        ORGANIZATION,
        _rule(
            "organization",
            *("name", "plan", "status", "trial_ends_at", "limits", "currency", "time_zone", "stripe_customer_id", "removal_began_at"),
            together=frozenset({"plan", "status"}),
        ),
    ),
    ("api_keys", _rule("key", "name", "role", "fingerprint", "expires_at", "revoked_at", "replaced_by")),
    ("members", _rule("member", "email", "name", "role", "state")),
    ("integrations", Rule("integration", frozenset({*_INTEGRATION, "config"}), _integration)),
    ("credentials", _rule("credential", "provider", "credential_type", "fingerprint", "key_version")),
    ("webhooks", _rule("webhook", "fingerprint", "sender")),
    ("channels", _rule("channel", "kind", "recipients", "fingerprint", "is_default")),
    (
        "budgets",
        _rule(
            "budget",
            *("name", "amount", "currency", "period", "scope", "metric", "thresholds", "forecast_thresholds", "owner", "channels"),
            *("starts_on", "ends_on"),
        ),
    ),
    ("subscriptions", Rule("subscription", frozenset({"versions"}), _subscription)),
    ("hierarchy", _rule("hierarchy", "number", "valid_from", "what")),
    ("meter_files", _rule("meter log", "name", "meter", "first_day", "last_day", "calls", by_hand=True)),
    ("settings", Rule("settings", frozenset({*_SETTINGS, "csv"}), _settings)),
    ("alerts", _rule("alert", "acknowledged_by", "snoozed_until", by_hand=True)),
    ("deliveries", _rule("delivery", "state", "reason", by_hand=True)),
)  # fmt: skip
RULES: Mapping[str, Rule] = dict(_RULES)
"""Collection -> what of it is recorded."""


@dataclass
class Operation:
    """What one request, message or command does.  action: its stable name, "" where the changes name it.

    written: organization -> the record's path, once it is stored.  erasing: the organization whose documents go all at once.
    """

    actor: Actor = PROGRAM
    action: str = ""
    request_id: str = ""
    written: dict[str, str] = field(default_factory=dict)
    erasing: str | None = None


_current: ContextVar[Operation | None] = ContextVar("operation", default=None)


def current() -> Operation:
    """The present operation; one of its own for what nobody asked for."""
    return _current.get() or Operation()


@contextmanager
def acting(operation: Operation) -> Iterator[Operation]:
    """What is changed meanwhile is recorded as this operation's."""
    token = _current.set(operation)
    try:
        yield operation
    finally:
        _current.reset(token)


@contextmanager
def erasing(org_slug: str) -> Iterator[None]:
    """Documents of an organization that go meanwhile are not recorded one by one: the end of the organization is."""
    operation = current()
    before, operation.erasing = operation.erasing, org_slug
    with acting(operation):
        try:
            yield
        finally:
            operation.erasing = before


@dataclass(frozen=True)
class Place:
    """A document that is audited.  org_slug: whose; PLATFORM for none.  target: how records name it, as `budgets/cloud`."""

    org_slug: str
    target: str
    rule: Rule


def place_of(path: str) -> Place | None:
    """What is audited at a path; None for what is not."""
    steps = path.split("/")
    if steps[0] == "settings" and len(steps) == 2:
        return Place(PLATFORM, path, RULES["settings"])
    if steps[0] != "orgs" or len(steps) not in (2, 4):
        return None
    if len(steps) == 2:
        return Place(steps[1], ORGANIZATION, RULES[ORGANIZATION])
    rule = RULES.get(steps[2])
    return None if rule is None else Place(steps[1], "/".join(steps[2:]), rule)


def change_of(place: Place, before: Document | None, after: Document | None) -> Document | None:
    """The entry of a record; None where nothing of it that is shown differs."""
    old, new = (None if one is None else place.rule.shown(one) for one in (before, after))
    found = difference(old, new, place.rule.together)
    return None if found is None else {"target": place.target, "before": found[0], "after": found[1]}


def collection(org_slug: str) -> str:
    """Where records lie."""
    return f"{above(org_slug)}{COLLECTION}"


def above(org_slug: str) -> str:
    """What stands before the collection's name in its path."""
    return f"{organization_path(org_slug)}/" if org_slug != PLATFORM else ""


def new_path(org_slug: str, now: datetime) -> str:
    """Where a new record goes: its id sorts by time."""
    return f"{collection(org_slug)}/{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}"


def new_record(
    operation: Operation, org_slug: str, now: datetime, changes: list[Document], target: str = "", action: str = ""
) -> Document:
    """A record in plain types."""
    return {
        "at": now.isoformat(timespec="microseconds"),
        "org_slug": org_slug or None,
        "actor": operation.actor.as_document(),
        "action": operation.action or action or _named_by(changes),
        "target": target or (changes[0]["target"] if changes else ""),
        "request_id": operation.request_id or None,
        **_listed(changes),
    }


def with_changes(record: Document, changes: list[Document]) -> Document:
    """The record of an operation that goes on to change something."""
    target = record["target"] or (changes[0]["target"] if changes else "")
    listed = _listed([*record["changes"], *changes])
    return {**record, "target": target, **listed, "more_changes": record["more_changes"] + listed["more_changes"]}


def _listed(changes: list[Document]) -> Document:
    """As many changes as a record may list, and how many are left out."""
    length, count = 0, 0
    for change in changes[:MOST_CHANGES]:
        length += len(json.dumps(change))
        if length > MOST_CHARACTERS:
            break
        count += 1
    return {"changes": changes[:count], "more_changes": len(changes) - count}


def _named_by(changes: list[Document]) -> str:
    if not changes:
        return ""
    first: Mapping[str, Any] = changes[0]
    collection_name = first["target"].partition("/")[0]
    rule = RULES.get(collection_name)
    verb = "create" if first["before"] is None else "remove" if first["after"] is None else "change"
    return f"{rule.one if rule else collection_name}.{verb}"


def record_done(rt: Runtime, operation: Operation, org_slug: str, target: str = "") -> None:
    """Record an operation that is done and changed nothing that is audited, as a synchronization; right after it, not with it."""
    if operation.written:
        return
    now = rt.clock.now()
    path = new_path(org_slug, now)
    rt.documents.create(path, new_record(operation, org_slug, now, [], target))
    operation.written[org_slug] = path


def note_event(
    documents: DocumentStore, now: datetime, org_slug: str, action: str, event_id: str, target: str = ORGANIZATION
) -> None:
    """Record an event from outside that changes nothing by itself, as a refund or a webhook's call.  Safe to repeat."""
    path = f"{collection(org_slug)}/{event_id}"
    if documents.get(path) is None:
        operation = Operation(current().actor, action, event_id)
        documents.set(path, new_record(operation, org_slug, now, [], target))


def paths_before(documents: DocumentStore, org_slug: str, moment: datetime) -> list[str]:
    """Where the records of before a moment lie.  Younger ones are not read: most are."""
    found: list[str] = []
    after = None
    while True:
        page = documents.list(f"{above(org_slug)}audit", order=Order("at"), limit=PAGE, after=after)
        old = [name for name, one in page if one["at"] < moment.isoformat(timespec="microseconds")]
        found += [f"{collection(org_slug)}/{name}" for name in old]
        if not page or len(old) < len(page):
            return found
        after = page[-1]
