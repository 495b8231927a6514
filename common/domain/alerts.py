"""The life of an alert, whatever it is about: the states it passes through, and which of them users are told of.

    (none) --crossed--> open --acknowledge--> acknowledged
                         | \\--snooze--------> snoozed --snooze_passed--> open
    open, acknowledged, snoozed --cleared--> retracted --crossed--> open
    what it is about has ended, or is removed --lapsed--> resolved

The table below is the whole life cycle; a pair that it does not name leaves the alert as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

OPEN, ACKNOWLEDGED, SNOOZED, RESOLVED, RETRACTED = "open", "acknowledged", "snoozed", "resolved", "retracted"
STATES = (OPEN, ACKNOWLEDGED, SNOOZED, RESOLVED, RETRACTED)
ACTIVE = (OPEN, ACKNOWLEDGED, SNOOZED)

CROSSED, CLEARED, LAPSED, SNOOZE_PASSED = "crossed", "cleared", "lapsed", "snooze_passed"
ACKNOWLEDGE, SNOOZE = "acknowledge", "snooze"
EVENTS = (CROSSED, CLEARED, LAPSED, SNOOZE_PASSED, ACKNOWLEDGE, SNOOZE)

TRANSITIONS: dict[tuple[str | None, str], str] = {
    (None, CROSSED): OPEN,
    (RETRACTED, CROSSED): OPEN,
    (SNOOZED, SNOOZE_PASSED): OPEN,
    (OPEN, CLEARED): RETRACTED,
    (ACKNOWLEDGED, CLEARED): RETRACTED,
    (SNOOZED, CLEARED): RETRACTED,
    (RESOLVED, CLEARED): RETRACTED,
    (OPEN, LAPSED): RESOLVED,
    (ACKNOWLEDGED, LAPSED): RESOLVED,
    (SNOOZED, LAPSED): RESOLVED,
    (OPEN, ACKNOWLEDGE): ACKNOWLEDGED,
    (SNOOZED, ACKNOWLEDGE): ACKNOWLEDGED,
    (OPEN, SNOOZE): SNOOZED,
    (ACKNOWLEDGED, SNOOZE): SNOOZED,
    (SNOOZED, SNOOZE): SNOOZED,
}
NOTIFIED = frozenset({OPEN, RETRACTED})
"""States that people are told of.  The others are made by a person, or by a period that ends, and stay quiet."""


def next_state(state: str | None, event: str | None) -> str | None:
    """The state after an event; the same where the table has no such transition, or nothing happened."""
    return state if event is None else TRANSITIONS.get((state, event), state)


@dataclass(frozen=True)
class Change:
    """What happened to an alert.  at: UTC, ISO 8601.  by: a person, or None for an evaluation."""

    state: str
    at: str
    by: str | None = None
    current_spend: str | None = None
    as_of: str | None = None


@dataclass(frozen=True)
class Life:
    """Where an alert stands.  notifications: how many messages it has had; snoozed_until: UTC, ISO 8601."""

    state: str | None = None
    notifications: int = 0
    triggered_at: str | None = None
    acknowledged_by: str | None = None
    snoozed_until: str | None = None
    history: tuple[Change, ...] = ()


def advance(
    life: Life, event: str | None, change: Change, snoozed_until: str | None = None, quiet: bool = False
) -> tuple[Life, bool]:
    """The life after an event, and whether people must be told.  `change` gives the facts; its state is overwritten.

    quiet: another alert's message says it too.
    """
    state = next_state(life.state, event)
    repeats_snooze = event == SNOOZE and state == SNOOZED and snoozed_until != life.snoozed_until
    if state is None or (state == life.state and not repeats_snooze):
        return life, False
    told = state in NOTIFIED and not quiet
    opened = state == OPEN
    return (
        replace(
            life,
            state=state,
            notifications=life.notifications + told,
            triggered_at=change.at if opened else life.triggered_at,
            acknowledged_by=change.by if state == ACKNOWLEDGED else (None if opened else life.acknowledged_by),
            snoozed_until=snoozed_until if state == SNOOZED else None,
            history=(*life.history, replace(change, state=state)),
        ),
        told,
    )


def life_of(document: dict[str, Any] | None) -> Life:
    """Where the alert of a document stands; a life not begun without one."""
    if document is None:
        return Life()
    return Life(
        state=document["state"],
        notifications=document["notifications"],
        triggered_at=document["triggered_at"],
        acknowledged_by=document["acknowledged_by"],
        snoozed_until=document["snoozed_until"],
        history=tuple(Change(**change) for change in document["history"]),
    )


def life_fields(life: Life) -> dict[str, Any]:
    """The fields of a document that tell where its alert stands."""
    return {
        "state": life.state,
        "notifications": life.notifications,
        "triggered_at": life.triggered_at,
        "acknowledged_by": life.acknowledged_by,
        "snoozed_until": life.snoozed_until,
        "history": [dict(change.__dict__) for change in life.history],
    }
