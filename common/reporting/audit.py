"""The audit log: who changed what, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.domain.audit import Actor
from common.ports import Document, Order, Runtime
from common.records.audit import PLATFORM, above

MOST_RECORDS = 1_000
_LOOKED_AT_ONCE = 200


@dataclass(frozen=True)
class AuditQuestion:
    """Which records.  since: from this moment on.  action: its name, or the part before the dot.  actor: of the kind or the name.

    target: all of it, or what stands before its slash.  after: the record behind which to go on, (at, record_id).
    """

    since: datetime | None = None
    action: str | None = None
    actor: str | None = None
    target: str | None = None
    after: tuple[str, str] | None = None
    limit: int = 100


@dataclass(frozen=True)
class Changed:
    """One document that a record's operation changed.  before, after: what differs; None where it did not exist."""

    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class AuditRecord:
    """One operation.  request_id: of the request or the message, None on the command line.  more_changes: how many are not listed."""

    record_id: str
    at: str
    org_slug: str | None
    actor: Actor
    action: str
    target: str
    request_id: str | None
    changes: tuple[Changed, ...]
    more_changes: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**vars(self), "actor": self.actor.as_document(), "changes": [dict(vars(one)) for one in self.changes]}


def list_audit(rt: Runtime, org_slug: str | None, question: AuditQuestion) -> tuple[list[AuditRecord], bool]:
    """(records, the newest first; whether there are more).  org_slug: None for the platform's own log."""
    found: list[AuditRecord] = []
    for record_id, document in _newest(rt, org_slug or PLATFORM, question):
        record = _read(record_id, document)
        if question.since is not None and datetime.fromisoformat(record.at) < question.since:
            break
        if not _asked(record, question):
            continue
        if len(found) == question.limit:
            return found, True
        found.append(record)
    return found, False


def _newest(rt: Runtime, org_slug: str, question: AuditQuestion) -> Iterator[tuple[str, Document]]:
    after = None if question.after is None else (question.after[1], {"at": question.after[0]})
    while True:
        page = rt.documents.list(
            f"{above(org_slug)}audit", order=Order("at", descending=True), limit=_LOOKED_AT_ONCE, after=after
        )
        yield from page
        if len(page) < _LOOKED_AT_ONCE:
            return
        after = page[-1]


def _asked(record: AuditRecord, question: AuditQuestion) -> bool:
    actor, targets = record.actor, {record.target, *(one.target for one in record.changes)}
    return (
        question.action in (None, record.action, record.action.partition(".")[0])
        and question.actor in (None, actor.kind.value, actor.name, actor.key_id)
        and (question.target is None or any(question.target in (one, one.partition("/")[0]) for one in targets))
    )


def _read(record_id: str, document: Document) -> AuditRecord:
    return AuditRecord(
        record_id,
        document["at"],
        document["org_slug"],
        Actor.from_document(document["actor"]),
        document["action"],
        document["target"],
        document["request_id"],
        tuple(Changed(**one) for one in document["changes"]),
        document["more_changes"],
    )
