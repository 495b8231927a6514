"""What is said of days that a source still fills: a day's lines continue to arrive for days, so the newest look cheaper than they are.

Which days these are is decided in completeness.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
