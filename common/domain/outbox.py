"""The outbox: notifications, written in one transaction with the state they tell of, each sent once to each recipient.

A recipient is one place that a channel leads to: a mail address, Slack's webhook, a folder.  Each is claimed, tried and recorded
by itself, under the key that `unit` makes:

    pending --claim--> sending --sent-------> sent
       ^                  |------refused----> refused      (the channel will never take it)
       |--not_sent, or ---|------not_sent---> exhausted    (its tries are used up)
          claim passed

Tries belong to the notification, however many messages announce it.  `reopened` gives new ones where a user asks for them.
Everything here is a pure change of a document; the caller reads and writes it in a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

PENDING, SENDING, SENT, FAILED = "pending", "sending", "sent", "failed"
REFUSED, EXHAUSTED = "refused", "exhausted"
_LOST = frozenset({REFUSED, EXHAUSTED, FAILED})  # failed: as earlier releases recorded a refusal
_OVER = _LOST | {SENT}
CLAIM_SECONDS = 30
"""How long one worker may take to hand a message to one recipient before another may try."""
MAX_TRIES = 5
"""Tries of one notification at one recipient, whichever message leads to them."""
MAX_UNANSWERED = 2
"""Tries whose answer was lost, after which no more copy is risked: what was handed over may have arrived each time."""

Document = dict[str, Any]


def new_notification(
    alert_id: str,
    number: int,
    state: str,
    facts: Mapping[str, Any],
    created_at: datetime,
    channels: Iterable[str] = (),
    budget_id: str | None = None,
) -> Document:
    """The document of an alert's `number`-th message.  channels: those wanted, empty for all that are configured.

    facts: what the message says, plain types only; `type` chooses its template.
    """
    return {
        "notification_id": f"{alert_id}_{number}",
        "alert_id": alert_id,
        "budget_id": budget_id,
        "number": number,
        "state": state,
        "status": PENDING,
        "wanted": list(channels),
        "channels": {},
        "facts": dict(facts),
        "created_at": created_at.isoformat(),
    }


def unit(channel: str, recipient: str = "") -> str:
    """The key of one recipient of a channel; the channel's own name where it leads to one place only."""
    return f"{channel}:{recipient}" if recipient else channel


def in_words(key: str) -> str:
    """A recipient for people: `slack`, `email to ada@example.com`."""
    channel, _, recipient = key.partition(":")
    return f"{channel} to {recipient}" if recipient else channel


def is_sent(document: Document, key: str) -> bool:
    """Whether this recipient has the message."""
    return bool(_entry(document, key).get("status") == SENT)


def is_over(document: Document, key: str) -> bool:
    """Whether nothing is left to do for this recipient: it has the message, or will not be tried again."""
    return _entry(document, key).get("status") in _OVER


def is_used_up(document: Document, key: str) -> bool:
    """Whether this recipient has had all its tries."""
    return int(_entry(document, key).get("tries", 0)) >= MAX_TRIES


def held_until(document: Document, channel: str, now: datetime) -> datetime | None:
    """Until when another worker may be sending to this channel, or None where nobody is."""
    entry = _entry(document, channel)
    if entry.get("status") != SENDING:
        return None
    until = datetime.fromisoformat(entry["claimed_until"])
    return until if until > now else None


def holder(document: Document, channel: str) -> str:
    """The worker that has claimed the channel last, "" where it gave no name."""
    return str(_entry(document, channel).get("holder", ""))


def shortened(document: Document, channel: str, now: datetime) -> Document | None:
    """The document with a claim that lasts longer than any can cut to one from now: the clock was put back.  None for all others."""
    until, longest = held_until(document, channel, now), now + timedelta(seconds=CLAIM_SECONDS)
    if until is None or until <= longest:
        return None
    return _with(document, channel, {**_entry(document, channel), "claimed_until": longest.isoformat()})


def claimed(document: Document, channel: str, now: datetime, holder: str = "") -> Document:
    """The document with the channel claimed for CLAIM_SECONDS.  holder: names the worker, for others to see whether it is gone."""
    tries = int(_entry(document, channel).get("tries", 0)) + 1
    until = now + timedelta(seconds=CLAIM_SECONDS)
    claim = {"status": SENDING, "claimed_until": until.isoformat(), "holder": holder, "tries": tries}
    return _with(document, channel, claim)


def sent(document: Document, key: str, now: datetime, where: str) -> Document:
    """The document with the recipient done.  where: where the message went, in words."""
    return _ended(document, key, {"status": SENT, "sent_at": now.isoformat(), "where": where})


def refused(document: Document, key: str, reason: str) -> Document:
    """The document with the recipient given up, since its channel will never take the message."""
    return _ended(document, key, {"status": REFUSED, "reason": reason})


def not_sent(document: Document, key: str, reason: str, unanswered: bool = False) -> Document:
    """The document with the claim given back, to be tried again while there are tries left.

    unanswered: whether the message was handed over and the answer was lost, so that it may have arrived.
    """
    lost = int(_entry(document, key).get("unanswered", 0)) + unanswered
    entry = {"status": PENDING, "reason": reason, "unanswered": lost}
    if lost >= MAX_UNANSWERED:
        entry |= {"status": EXHAUSTED, "reason": f"{reason}; it may have arrived, so it is not repeated again"}
    elif is_used_up(document, key):
        entry |= {"status": EXHAUSTED, "reason": f"{reason}; given up after {MAX_TRIES} tries"}
    return _ended(document, key, entry)


def given_up(document: Document, key: str) -> Document:
    """The document with the recipient given up, whose last try nobody recorded."""
    reason = f"given up after {MAX_TRIES} tries, the last of which ended before its outcome was recorded: it may have arrived"
    return _ended(document, key, {"status": EXHAUSTED, "reason": reason})


def settled(document: Document, keys: Sequence[str]) -> Document:
    """The document with its overall status: sent when all of these recipients have it, failed when one will not."""
    standing = {_entry(document, key).get("status", PENDING) for key in keys}
    status = PENDING
    if standing <= _OVER:
        status = FAILED if standing & _LOST else SENT
    return {**document, "status": status}


def losses(document: Document) -> Iterator[tuple[str, str]]:
    """(key, reason) of each recipient that is not tried any more and does not have the message."""
    for key, entry in document["channels"].items():
        if entry["status"] in _LOST:
            yield key, str(entry["reason"])


def reopened(document: Document) -> Document:
    """The document to be sent with new tries to every recipient that was given up; what is sent stays sent."""
    for key, reason in losses(document):
        document = _with(document, key, {"status": PENDING, "reason": reason, "tries": 0, "unanswered": 0})
    return {**document, "status": PENDING}


def chosen(document: Document, configured: Sequence[str]) -> list[str]:
    """The channels that get this message: those wanted of those configured, or all configured where none of them is."""
    wanted = [channel for channel in configured if channel in document["wanted"]]
    return wanted or list(configured)


def _entry(document: Document, key: str) -> Mapping[str, Any]:
    """What is recorded of a recipient; where it is nothing, what an earlier release recorded of its whole channel."""
    channels: Mapping[str, Mapping[str, Any]] = document["channels"]
    return channels.get(key) or channels.get(key.partition(":")[0], {})


def _ended(document: Document, key: str, entry: Mapping[str, Any]) -> Document:
    if is_sent(document, key):
        return document  # a worker that comes late cannot undo what another was told
    return _with(document, key, {**entry, "tries": _entry(document, key).get("tries", 1)})


def _with(document: Document, key: str, entry: Mapping[str, Any]) -> Document:
    before = _entry(document, key)
    kept = {"unanswered": before["unanswered"]} if before.get("unanswered") else {}
    return {**document, "channels": {**document["channels"], key: {**kept, **entry}}}
