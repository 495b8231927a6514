"""The outbox: notifications, written in one transaction with the state that they announce, each sent once to each recipient.

A recipient is one place that a channel leads to: a mail address, a Slack webhook, a folder.  Each is claimed, tried and recorded
by itself, under the key that `unit` makes:

    pending --claim--> sending --sent-------> sent
       ^                  |------refused----> refused      (the channel will never take it)
       |-----not_sent-----|------not_sent---> exhausted    (its tries are used up)
                       ^  |
                       |--|  taken over, once: the claim has passed, or its worker died

Tries belong to the notification, however many messages announce it.  `reopened` gives new ones where a user asks for them.
A claim that is taken over may have led to an acceptance that nobody recorded, so it counts as a try whose answer was lost.
Everything here is a pure change of a document; the caller reads and writes it in a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from common.domain.channels import EMAIL

PENDING, SENDING, SENT, FAILED = "pending", "sending", "sent", "failed"
REFUSED, EXHAUSTED = "refused", "exhausted"
_LOST = frozenset({REFUSED, EXHAUSTED, FAILED})  # failed: as earlier releases recorded a refusal
_OVER = _LOST | {SENT}
CLAIM_SECONDS = 30
"""How long one worker may take to hand a message to one recipient before another may try."""
MAX_TRIES = 5
"""Tries of one notification at one recipient, whichever message leads to them."""
MAX_UNANSWERED = 2
"""Tries that may have arrived, after which no more copy is risked: their answer was lost, or their worker before it could record it."""

Document = dict[str, Any]


def new_notification(
    alert_id: str,
    number: int,
    state: str,
    facts: Mapping[str, Any],
    created_at: datetime,
    channels: Iterable[str] = (),
    budget_id: str | None = None,
    is_trial: bool = False,
) -> Document:
    """The document of an alert's `number`-th message.  channels: names of those wanted, empty for the defaults.

    facts: what the message says, plain types only; `type` chooses its template.  is_trial: a user tries a channel; each recipient is tried
    once, and a failure is that user's to see.
    """
    trial = {"is_trial": True} if is_trial else {}
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
        **trial,
    }


def is_trial(document: Document) -> bool:
    """Whether it is no alert's message, but a test of a channel."""
    return bool(document.get("is_trial"))


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
    """Whether this recipient has had all its tries, that of a claim which would be taken over now included."""
    return int(_entry(document, key).get("tries", 0)) >= MAX_TRIES or _unanswered(document, key) >= MAX_UNANSWERED


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


def claimed(document: Document, key: str, now: datetime, holder: str = "", claim: str = "") -> Document:
    """The document with the recipient claimed for CLAIM_SECONDS, if need be from a worker that has not ended its claim.

    holder: names the worker, for others to see whether it is gone.  claim: names the claim, to tell it from one that took it over.
    """
    entry = {
        "status": SENDING,
        "claimed_until": (now + timedelta(seconds=CLAIM_SECONDS)).isoformat(),
        "holder": holder,
        "claim": claim,
        "tries": int(_entry(document, key).get("tries", 0)) + 1,
        "unanswered": _unanswered(document, key),
    }
    return _with(document, key, entry)


def sent(document: Document, key: str, now: datetime, where: str) -> Document:
    """The document with the recipient done, whoever holds it by now.  where: where the message went, in words."""
    return _ended(document, key, {"status": SENT, "sent_at": now.isoformat(), "where": where})


def refused(document: Document, key: str, reason: str, claim: str = "") -> Document:
    """The document with the recipient given up, since its channel will never take the message."""
    return _ended(document, key, {"status": REFUSED, "reason": reason}, claim)


def not_sent(document: Document, key: str, reason: str, unanswered: bool = False, claim: str = "") -> Document:
    """The document with the claim given back, to be tried again while there are tries left.

    unanswered: whether the message was handed over and the answer was lost, so that it may have arrived.
    """
    lost = int(_entry(document, key).get("unanswered", 0)) + unanswered
    entry = {"status": PENDING, "reason": reason, "unanswered": lost}
    if lost >= MAX_UNANSWERED:
        entry |= {"status": EXHAUSTED, "reason": f"{reason}; it may have arrived, so it is not repeated again"}
    elif int(_entry(document, key).get("tries", 0)) >= MAX_TRIES:
        entry |= {"status": EXHAUSTED, "reason": f"{reason}; given up after {MAX_TRIES} tries"}
    return _ended(document, key, entry, claim)


def given_up(document: Document, key: str) -> Document:
    """The document with the recipient given up, whose last try nobody recorded."""
    tries = int(_entry(document, key).get("tries", 0))
    reason = (
        f"given up after {tries} tries, the last of which ended before its outcome was recorded: it may have arrived"
    )
    return _with(document, key, {"status": EXHAUSTED, "reason": reason, "tries": tries})


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


def chosen(document: Document, configured: Sequence[str], own: Mapping[str, bool] | None = None) -> list[str]:
    """The channels that get this message: those wanted, else the organization's defaults, else all that the deployment configures.

    own: the organization's channels, and whether each is a default.  What is wanted and does not exist is left out, so that the message
    reaches somebody.
    """
    own = own or {}
    wanted = [name for name in (*own, *configured) if name in document["wanted"]]
    return wanted or [name for name, is_default in own.items() if is_default] or list(configured)


def _entry(document: Document, key: str) -> Mapping[str, Any]:
    """What is recorded of a recipient; for a mail address without a record, what an earlier release recorded of all addresses."""
    channels: Mapping[str, Mapping[str, Any]] = document["channels"]
    return channels.get(key) or (channels.get(EMAIL, {}) if key.startswith(f"{EMAIL}:") else {})


def _unanswered(document: Document, key: str) -> int:
    """Tries that may have arrived, that of a claim which nobody has ended included."""
    entry = _entry(document, key)
    return int(entry.get("unanswered", 0)) + (entry.get("status") == SENDING)


def _ended(document: Document, key: str, entry: Mapping[str, Any], claim: str | None = None) -> Document:
    """The end of a try.  claim: which must still be that of the recipient, as another's must not be ended; None for any."""
    before = _entry(document, key)
    if before.get("status") == SENT or claim not in (None, before.get("claim", claim)):
        return document
    own = {"claim": before["claim"]} if before.get("claim") else {}
    return _with(document, key, {**own, **entry, "tries": before.get("tries", 1)})


def _with(document: Document, key: str, entry: Mapping[str, Any]) -> Document:
    before = _entry(document, key)
    kept = {"unanswered": before["unanswered"]} if before.get("unanswered") else {}
    return {**document, "channels": {**document["channels"], key: {**kept, **entry}}}
