"""Drain the outbox of one alert: claim, send, record; each message once to each recipient of each channel, in order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from common.alerts.rendering import render
from common.domain import outbox
from common.errors import CostError, Held, NotFound, Permanent, Retryable, Unanswered
from common.messages import AlertRaised
from common.ports import Channel, Clock, Document, DocumentStore, Notification, Notifier, Transaction, Workers
from common.records.channels import channels_of
from common.records.organizations import below
from common.telemetry import counted, skipped, span


def send_waiting(
    message: AlertRaised,
    documents: DocumentStore,
    notifiers: Sequence[Notifier],
    clock: Clock,
    workers: Workers | None = None,
    open_channel: Callable[[Channel], Notifier] | None = None,
    public_url: str | None = None,
) -> None:
    """Send all messages of an alert that some recipient lacks, whatever state the message names.

    A recipient that fails keeps no other from its messages, and gets its own later ones only after that one.  Raises Retryable where
    one is to be tried again, else Held where another worker is sending one, else Permanent where one is given up; that one is left
    alone until `costwire replay` reopens it.

    notifiers: the deployment's own channels.  workers: tells which claims are those of the dead; without it time alone does.
    open_channel: opens a channel of the organization; without it there are none.
    public_url: of the dashboard, for a link to the alert; None where users cannot open it.
    """
    problems: list[CostError] = []
    stalled: set[str] = set()
    collection = below(message.org_slug, "notifications")
    waiting = _waiting(documents, collection, message.alert_id)
    if not waiting:
        skipped()
    own = channels_of(documents, message.org_slug) if waiting and open_channel else {}
    for document_id, document in waiting:
        path = f"{collection}/{document_id}"
        keys = _keys(document, notifiers, own, open_channel)
        made = render(document, message.org_slug, public_url)
        for key, (notifier, recipient) in keys.items():
            if key not in stalled:
                found = _send_once(
                    path, key, made, notifier, recipient, documents, clock, workers, outbox.is_trial(document)
                )
                stalled.update(key for problem in found if isinstance(problem, Retryable))
                problems += found
        lost = _record_sent(documents, path, tuple(keys))
        problems += [] if outbox.is_trial(document) else lost
    _raise_worst(problems)


def _keys(
    document: Document,
    notifiers: Sequence[Notifier],
    own: Mapping[str, Channel],
    open_channel: Callable[[Channel], Notifier] | None,
) -> dict[str, tuple[Notifier, str]]:
    """Key in the outbox -> what sends to it, and to whom.  An address that two channels have is one key."""
    configured = {notifier.channel: notifier for notifier in notifiers}
    names = outbox.chosen(document, list(configured), {name: one.is_default for name, one in own.items()})
    opened = [open_channel(own[name]) if open_channel and name in own else configured[name] for name in names]
    return {
        outbox.unit(notifier.channel, recipient): (notifier, recipient)
        for notifier in opened
        for recipient in notifier.recipients
    }


def _waiting(documents: DocumentStore, collection: str, alert_id: str) -> list[tuple[str, Document]]:
    found = documents.list(collection, where={"alert_id": alert_id, "status": outbox.PENDING})
    return sorted(found, key=lambda pair: int(pair[1]["number"]))


def _send_once(
    path: str,
    channel: str,
    made: Notification,
    notifier: Notifier,
    recipient: str,
    documents: DocumentStore,
    clock: Clock,
    workers: Workers | None,
    once: bool,
) -> list[CostError]:
    """One try for one recipient; `channel` is its key in the outbox.  What is returned is to be tried again."""
    claim = uuid.uuid4().hex
    held = documents.transact(lambda transaction: _claim(transaction, path, channel, claim, clock.now(), workers))
    if held == _DONE:
        return []
    if isinstance(held, datetime):
        words = f"{notifier.channel} message {made.notification_id} is being sent by another worker until {held.isoformat()}"
        return [Held(words, held)]
    try:
        with span("send", channel=notifier.channel, notification_id=made.notification_id):
            where = notifier.send(made, recipient)
    except CostError as error:
        counted(notifications_failed=1)
        return _not_sent(documents, path, channel, claim, error, once)
    _change(documents, path, lambda document: outbox.sent(document, channel, clock.now(), where))
    counted(notifications_sent=1)
    return []


def _not_sent(
    documents: DocumentStore, path: str, key: str, claim: str, error: CostError, once: bool
) -> list[CostError]:
    """Record a failed try; the error, where there will be another, as there is not for a message that is tried once."""
    reason = str(error)
    if not isinstance(error, Retryable) or once:
        _change(documents, path, lambda document: outbox.refused(document, key, reason, claim))
        return []
    unanswered = isinstance(error, Unanswered)
    after = _change(documents, path, lambda document: outbox.not_sent(document, key, reason, unanswered, claim))
    return [] if after is None or outbox.is_over(after, key) else [error]


_DONE = "done"


def _claim(
    transaction: Transaction, path: str, channel: str, claim: str, now: datetime, workers: Workers | None
) -> str | datetime | None:
    """Claim the recipient; `_DONE`, until when another worker has it, or None when it is ours now."""
    document = transaction.get(path)
    if document is None:
        raise NotFound(f"notification {path} no longer exists; nothing is sent")
    if outbox.is_over(document, channel):
        return _DONE
    until = outbox.held_until(document, channel, now)
    if until is not None and not (workers and workers.is_gone(outbox.holder(document, channel))):
        shortened = outbox.shortened(document, channel, now)
        if shortened is None:
            return until
        transaction.set(path, shortened)
        return outbox.held_until(shortened, channel, now)
    if outbox.is_used_up(document, channel):  # the last worker died with it
        transaction.set(path, outbox.given_up(document, channel))
        return _DONE
    transaction.set(path, outbox.claimed(document, channel, now, workers.this() if workers else "", claim))
    return None


def _change(documents: DocumentStore, path: str, change: Callable[[Document], Document]) -> Document | None:
    """The document after a change; None where it is gone, as with its tenant."""

    def work(transaction: Transaction) -> Document | None:
        document = transaction.get(path)
        if document is None:
            return None
        changed = change(document)
        if changed != document:
            transaction.set(path, changed)
        return changed

    return documents.transact(work)


def _record_sent(documents: DocumentStore, path: str, keys: Sequence[str]) -> list[CostError]:
    """Note whether the message is done, and why some recipient will not get it."""
    after = _change(documents, path, lambda document: outbox.settled(document, keys))
    if after is None or after["status"] != outbox.FAILED:
        return []
    return [Permanent(reason) for key, reason in outbox.losses(after) if key in keys]


def _raise_worst(problems: Sequence[CostError]) -> None:
    if not problems:
        return
    reasons = "; ".join(dict.fromkeys(str(problem) for problem in problems))
    held = [problem.until for problem in problems if isinstance(problem, Held)]
    if any(isinstance(problem, Retryable) and not isinstance(problem, Held) for problem in problems):
        raise Retryable(reasons)
    if held:
        raise Held(reasons, max(held))
    raise Permanent(reasons)
