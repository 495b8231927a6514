"""Days that a source still fills: a day's lines continue to arrive for days, so the newest days look cheaper than they are.

The days are counted back from the source's own newest delivery, never from today: a source that has stopped delivering
left its last days as they were at its last delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

DAYS_FILLING: Mapping[str, int] = {"aws": 2, "oci": 2}
"""Provider -> days before that of a delivery whose lines are still arriving.  Stated, not learned: no provider promises one."""
DAYS_FILLING_OTHERS = 3
STOPPED_AFTER_DAYS = 7
"""A source whose newest delivery is so many days older than another one's has stopped: it may be closed, and is not forecast."""


def days_filling(provider: str | None) -> int:
    """How many days before that of its delivery a provider still fills."""
    return DAYS_FILLING.get(provider or "", DAYS_FILLING_OTHERS)


def first_filling_day(provider: str | None, delivered_on: date) -> date:
    """The first day of which a delivery made on `delivered_on` (UTC) may lack lines; the days before it are whole."""
    return delivered_on - timedelta(days=days_filling(provider))


def filling_notes(facts: Mapping[str, Any]) -> list[str]:
    """What a budget's standing has to say of days that are not whole, in sentences; none where all are.

    facts: `filling_from`, `filling`, `period_open`, `projected`, `forecast`, as functions/evaluate_budgets writes them;
    standings and messages of earlier versions have no word of it.
    """
    notes = []
    first = facts.get("filling_from")
    if first:
        notes.append(f"Days from {first} on {_state(facts)}{_by_provider(facts)}.")
    if facts.get("period_open"):
        notes += [
            f"Not forecast: {one['provider']}, last delivered on {one['delivered_on']}."
            for one in facts.get("filling", ())
            if one["stopped"]
        ]
    return notes


def _state(facts: Mapping[str, Any]) -> str:
    if not facts["period_open"]:
        return "were still being reported at the last delivery"
    forecast = facts["projected"] is not None or facts["forecast"] is not None
    return f"are still being reported{' and are forecast' if forecast else ''}"


def _by_provider(facts: Mapping[str, Any]) -> str:
    """Who fills since when, where that is not the same for all."""
    named = {
        (one["provider"], one["filling_from"])
        for one in facts["filling"]
        if not (one["stopped"] and facts["period_open"])
    }
    if len({since for _, since in named}) < 2:
        return ""
    return f" ({', '.join(f'{provider} from {since}' for provider, since in sorted(named))})"
