"""The outbox: notifications, written in one transaction with the state they tell of, sent once to each channel.

    pending --claim--> sending --sent--> sent
       ^                  |----failed--> failed     (claimed again when the alert's message is replayed)
       |--released/claim passed--|

Everything here is a pure change of a document; the caller reads and writes it in a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

PENDING, SENDING, SENT, FAILED = "pending", "sending", "sent", "failed"
CLAIM_SECONDS = 30
"""How long one worker may take to hand a message to one channel before another may try."""

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


def is_sent(document: Document, channel: str) -> bool:
    """Whether this channel has the message."""
    return bool(_entry(document, channel).get("status") == SENT)


def held_until(document: Document, channel: str, now: datetime) -> datetime | None:
    """Until when another worker may be sending to this channel, or None where nobody is."""
    entry = _entry(document, channel)
    if entry.get("status") != SENDING:
        return None
    until = datetime.fromisoformat(entry["claimed_until"])
    return until if until > now else None


def claimed(document: Document, channel: str, now: datetime) -> Document:
    """The document with the channel claimed for CLAIM_SECONDS."""
    tries = int(_entry(document, channel).get("tries", 0)) + 1
    until = now + timedelta(seconds=CLAIM_SECONDS)
    return _with(document, channel, {"status": SENDING, "claimed_until": until.isoformat(), "tries": tries})


def sent(document: Document, channel: str, now: datetime, where: str) -> Document:
    """The document with the channel done.  where: where the message went, in words."""
    tries = _entry(document, channel).get("tries", 1)
    return _with(document, channel, {"status": SENT, "sent_at": now.isoformat(), "where": where, "tries": tries})


def not_sent(document: Document, channel: str, reason: str, again: bool) -> Document:
    """The document with the claim given back.  again: whether it is to be tried again without a person's doing."""
    tries = _entry(document, channel).get("tries", 1)
    return _with(document, channel, {"status": PENDING if again else FAILED, "reason": reason, "tries": tries})


def settled(document: Document, channels: Sequence[str]) -> Document:
    """The document with its overall status: sent when all of these channels have it, failed when one never will."""
    standing = {_entry(document, channel).get("status", PENDING) for channel in channels}
    status = PENDING
    if standing <= {SENT, FAILED}:
        status = FAILED if FAILED in standing else SENT
    return {**document, "status": status}


def chosen(document: Document, configured: Sequence[str]) -> list[str]:
    """The channels that get this message: those wanted of those configured, or all configured where none of them is."""
    wanted = [channel for channel in configured if channel in document["wanted"]]
    return wanted or list(configured)


def _entry(document: Document, channel: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = document["channels"].get(channel, {})
    return entry


def _with(document: Document, channel: str, entry: Mapping[str, Any]) -> Document:
    return {**document, "channels": {**document["channels"], channel: dict(entry)}}
