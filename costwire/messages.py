"""The state of notifications, in words: who received them, who is waiting, who will not receive one and why."""

from __future__ import annotations

from common.ports import Runtime
from common.reporting.messages import Fate, MessageOutcome, lost_messages, message_outcomes

WAITING = "not sent yet"
AGAIN = "once the cause is fixed, costwire replay sends it"


def messages_sent(rt: Runtime, org: str, budget_id: str | None = None) -> list[str]:
    """What became of each message about a budget, or about all of them, for each recipient.

    Each reads `sent: <where>`, `not sent yet by <whom>: <why>` (it will be retried) or `not sent by <whom>: <why>` (it is not).
    """
    return [in_words(one) for one in message_outcomes(rt, org, budget_id)]


def messages_lost(rt: Runtime, org: str) -> list[tuple[str, str, str]]:
    """(alert id, whom, why) of everybody who does not have a message and will not get it without `costwire replay`."""
    return [(one.alert_id, one.recipient, str(one.reason)) for one in lost_messages(rt, org)]


def in_words(one: MessageOutcome) -> str:
    """One message at one recipient, as `messages_sent` has it."""
    if one.fate is Fate.SENT:
        return f"sent: {one.where}"
    if one.fate is Fate.LOST:
        return f"not sent by {one.recipient}: {one.reason}; {AGAIN}"
    return f"{WAITING} by {one.recipient}: {one.reason}"
