"""Drain the outbox of one alert: claim, send, mark as sent; each message once to each channel, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from common.domain import outbox
from common.errors import CostError, NotFound, Permanent, Retryable
from common.messages import AlertRaised
from common.ports import Clock, Document, DocumentStore, Notification, Notifier, Transaction
from common.telemetry import counted, skipped, span

from .rendering import render


def send_waiting(message: AlertRaised, documents: DocumentStore, notifiers: Sequence[Notifier], clock: Clock) -> None:
    """Send all messages of an alert that some channel lacks, whatever state the message names.

    A channel that fails keeps no other from its messages, and gets its own later ones only after that one.  Raises
    Retryable where one is to be tried again, else Permanent where one never will; replaying tries a failed one again.
    """
    problems: list[CostError] = []
    stalled: set[str] = set()
    collection = f"orgs/{message.org_slug}/notifications"
    waiting = _waiting(documents, collection, message.alert_id)
    if not waiting:
        skipped()
    for document_id, document in waiting:
        names = outbox.chosen(document, [notifier.channel for notifier in notifiers])
        made = render(document, message.org_slug)
        for notifier in notifiers:
            if notifier.channel in names and notifier.channel not in stalled:
                path = f"{collection}/{document_id}"
                found = _send_once(path, made, notifier, documents, names, clock)
                stalled.update(notifier.channel for problem in found if isinstance(problem, Retryable))
                problems += found
    _raise_worst(problems)


def _waiting(documents: DocumentStore, collection: str, alert_id: str) -> list[tuple[str, Document]]:
    found = documents.list(collection, where={"alert_id": alert_id})
    waiting = [(name, document) for name, document in found if document["status"] != outbox.SENT]
    return sorted(waiting, key=lambda pair: int(pair[1]["number"]))


def _send_once(
    path: str,
    made: Notification,
    notifier: Notifier,
    documents: DocumentStore,
    names: Sequence[str],
    clock: Clock,
) -> list[CostError]:
    channel = notifier.channel
    held = documents.transact(lambda transaction: _claim(transaction, path, channel, clock.now()))
    if held == _DONE:
        return []
    if held:
        return [Retryable(f"{channel} message {made.notification_id} is being sent by another worker until {held}")]
    try:
        with span("send", channel=channel, notification_id=made.notification_id):
            where = notifier.send(made)
    except CostError as error:
        again, reason = isinstance(error, Retryable), str(error)
        _change(documents, path, lambda document: outbox.not_sent(document, channel, reason, again), names)
        counted(notifications_failed=1)
        return [error]
    _change(documents, path, lambda document: outbox.sent(document, channel, clock.now(), where), names)
    counted(notifications_sent=1)
    return []


_DONE = "done"


def _claim(transaction: Transaction, path: str, channel: str, now: datetime) -> str:
    """Claim the channel; says `done`, until when another worker has it, or nothing when it is ours now."""
    document = transaction.get(path)
    if document is None:
        raise NotFound(f"notification {path} is gone; nothing is sent")
    if outbox.is_sent(document, channel):
        return _DONE
    until = outbox.held_until(document, channel, now)
    if until is not None:
        return until.isoformat()
    transaction.set(path, outbox.claimed(document, channel, now))
    return ""


def _change(documents: DocumentStore, path: str, change: Callable[[Document], Document], names: Sequence[str]) -> None:
    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None:
            transaction.set(path, outbox.settled(change(document), names))

    documents.transact(work)


def _raise_worst(problems: Sequence[CostError]) -> None:
    if not problems:
        return
    reasons = "; ".join(dict.fromkeys(str(problem) for problem in problems))
    if any(isinstance(problem, Retryable) for problem in problems):
        raise Retryable(reasons)
    raise Permanent(reasons)
