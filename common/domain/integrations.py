"""The life of an integration: the states it passes through, and the history of its changes.

    (none) --connected--> validating --succeeded--> active --failed--> error --succeeded--> active
                          validating --waits------> pending --succeeded--> active
    any --paused--> disabled --resumed--> validating --...

validating: it was connected or resumed, and the next synchronization shows whether it works.  pending: its provider has delivered nothing
complete yet.  What a synchronization finds changes no integration that was paused while it ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PENDING, VALIDATING, ACTIVE, ERROR, DISABLED = "pending", "validating", "active", "error", "disabled"
STATES = (PENDING, VALIDATING, ACTIVE, ERROR, DISABLED)
FETCHED = (PENDING, VALIDATING, ACTIVE, ERROR)
"""States in which its bills are fetched."""

CONNECTED, PAUSED, RESUMED = "connected", "paused", "resumed"
SUCCEEDED, FAILED, WAITS = "succeeded", "failed", "waits"
EVENTS = (CONNECTED, PAUSED, RESUMED, SUCCEEDED, FAILED, WAITS)
_AFTER = {CONNECTED: VALIDATING, PAUSED: DISABLED, SUCCEEDED: ACTIVE, FAILED: ERROR}

MOST_CHANGES = 50
"""How many changes are stored for an integration: the latest."""
_LONGEST = 500


def next_state(state: str | None, event: str) -> str:
    """The state after an event.  state: None before it is connected."""
    if event == RESUMED:
        return VALIDATING if state in (None, DISABLED) else state
    if state == DISABLED and event in (SUCCEEDED, FAILED, WAITS):
        return DISABLED
    if event == WAITS:
        return ACTIVE if state == ACTIVE else PENDING
    return _AFTER[event]


@dataclass(frozen=True)
class Change:
    """One change of an integration.  at: UTC, ISO 8601; by: a user or what did it; what: in words; status: afterwards."""

    at: str
    by: str
    what: str
    status: str


def with_change(history: Sequence[dict[str, str]], change: Change) -> list[dict[str, str]]:
    """The history with one more change, in plain types, oldest first; the oldest go where there are too many."""
    short = change.what if len(change.what) <= _LONGEST else change.what[: _LONGEST - 1] + "…"
    return [*history, {**change.__dict__, "what": short}][-MOST_CHANGES:]
