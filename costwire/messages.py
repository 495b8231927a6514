"""What became of notifications, in words: to whom they went, who still waits, who will not get one and why."""

from __future__ import annotations

from decimal import Decimal

from common.domain import outbox
from common.messages import AlertRaised
from common.ports import Document, Runtime, Transaction
from common.records.organizations import below

WAITING = "not sent yet"
AGAIN = "once the cause is gone, costwire replay sends it"


def messages_sent(rt: Runtime, org: str, budget_id: str | None = None) -> list[str]:
    """What became of each message about a budget, or about all of them, for each recipient.

    Each reads `sent: <where>`, `not sent yet by <whom>: <why>` (it is tried again) or `not sent by <whom>: <why>` (it is not).
    """
    where = {"budget_id": budget_id} if budget_id else None
    documents = [document for _, document in rt.documents.list(below(org, "notifications"), where=where)]
    documents.sort(key=lambda document: (document["created_at"], _percent(document["facts"])))
    return [_outcome(document, key) for document in documents for key in document["channels"]]


def messages_lost(rt: Runtime, org: str) -> list[tuple[str, str, str]]:
    """(alert id, whom, why) of everybody who does not have a message and will not get it without `costwire replay`."""
    found = rt.documents.list(below(org, "notifications"), where={"status": outbox.FAILED})
    return [
        (str(document["alert_id"]), outbox.in_words(key), reason)
        for _, document in found
        for key, reason in outbox.losses(document)
    ]


def reopen(rt: Runtime, org: str) -> int:
    """Give every message of an organization that was given up new tries, and announce it; returns how many messages."""
    announced: dict[str, AlertRaised] = {}
    found = rt.documents.list(below(org, "notifications"), where={"status": outbox.FAILED})
    for name, document in found:
        _reopen(rt, below(org, "notifications", name))
        announced[document["alert_id"]] = AlertRaised(org, document["alert_id"], document["state"])
    for message in announced.values():
        rt.bus.publish(message)
    return len(found)


def _reopen(rt: Runtime, path: str) -> None:
    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document["status"] == outbox.FAILED:
            transaction.set(path, outbox.reopened(document))

    rt.documents.transact(work)


def _outcome(document: Document, key: str) -> str:
    entry = document["channels"][key]
    if entry["status"] == outbox.SENT:
        return f"sent: {entry['where']}"
    why = entry.get("reason", entry["status"])
    if key in dict(outbox.losses(document)):
        return f"not sent by {outbox.in_words(key)}: {why}; {AGAIN}"
    return f"{WAITING} by {outbox.in_words(key)}: {why}"


def _percent(facts: Document) -> Decimal:
    return Decimal(str(facts.get("threshold_percent", 0)))
