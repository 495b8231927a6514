"""What became of notifications: to whom they went, who still waits, who will not get one and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from common.domain import outbox
from common.ports import Document, Runtime
from common.records.organizations import below


class Fate(StrEnum):
    """What became of a message at one recipient.  WAITING: it will be retried.  LOST: it is not, until it is replayed."""

    SENT = "sent"
    WAITING = "waiting"
    LOST = "lost"


@dataclass(frozen=True)
class MessageOutcome:
    """One message at one recipient.

    recipient: as `email to ada@example.com`.  where: where a sent one went.  reason: why one was not sent, or not yet.
    """

    alert_id: str
    recipient: str
    fate: Fate
    where: str | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def message_outcomes(
    rt: Runtime, org_slug: str, budget_id: str | None = None, alert_id: str | None = None
) -> list[MessageOutcome]:
    """What became of each message about a budget, an alert, or all of them, at each recipient it was tried at; the oldest first."""
    asked = {"budget_id": budget_id, "alert_id": alert_id}
    where = {name: value for name, value in asked.items() if value}
    documents = [document for _, document in rt.documents.list(below(org_slug, "notifications"), where=where or None)]
    documents.sort(key=lambda document: (document["created_at"], _threshold_percent(document["facts"])))
    return list(_outcomes(documents))


def lost_messages(rt: Runtime, org_slug: str) -> list[MessageOutcome]:
    """Everybody who does not have a message and will not get it unless it is replayed."""
    found = rt.documents.list(below(org_slug, "notifications"), where={"status": outbox.FAILED})
    return [
        one
        for one in _outcomes(document for _, document in found if not outbox.is_trial(document))
        if one.fate is Fate.LOST
    ]


def _outcomes(documents: Iterable[Document]) -> Iterator[MessageOutcome]:
    for document in documents:
        lost = dict(outbox.losses(document))
        for key, entry in document["channels"].items():
            alert_id, recipient = str(document["alert_id"]), outbox.in_words(key)
            if entry["status"] == outbox.SENT:
                yield MessageOutcome(alert_id, recipient, Fate.SENT, where=entry["where"])
            else:
                fate = Fate.LOST if key in lost else Fate.WAITING
                yield MessageOutcome(alert_id, recipient, fate, reason=entry.get("reason", entry["status"]))


def _threshold_percent(facts: Document) -> Decimal:
    return Decimal(str(facts.get("threshold_percent", 0)))
