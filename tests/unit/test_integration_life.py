"""The life of an integration: its states, the bound of its history, and the tick that fetches it next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.domain.integrations import (
    ACTIVE,
    CONNECTED,
    DISABLED,
    ERROR,
    EVENTS,
    FAILED,
    MOST_CHANGES,
    PAUSED,
    PENDING,
    RESUMED,
    STATES,
    SUCCEEDED,
    VALIDATING,
    WAITS,
    Change,
    next_state,
    with_change,
)
from common.tenancy.schedules import HOURS, next_tick, sync_schedule


@pytest.mark.parametrize(
    ("events", "states"),
    [
        ((CONNECTED, SUCCEEDED, FAILED, SUCCEEDED), (VALIDATING, ACTIVE, ERROR, ACTIVE)),
        ((CONNECTED, WAITS, WAITS, SUCCEEDED, WAITS), (VALIDATING, PENDING, PENDING, ACTIVE, ACTIVE)),
        ((CONNECTED, FAILED, CONNECTED), (VALIDATING, ERROR, VALIDATING)),
        ((CONNECTED, SUCCEEDED, PAUSED, FAILED, SUCCEEDED, RESUMED), (VALIDATING, ACTIVE, *[DISABLED] * 3, VALIDATING)),
        ((CONNECTED, FAILED, RESUMED), (VALIDATING, ERROR, ERROR)),
        ((CONNECTED, PAUSED, CONNECTED), (VALIDATING, DISABLED, VALIDATING)),
    ],
)
def test_an_integration_passes_through_its_states(events: tuple[str, ...], states: tuple[str, ...]) -> None:
    state, seen = None, []
    for event in events:
        state = next_state(state, event)
        seen.append(state)
    assert tuple(seen) == states


def test_every_event_has_a_state_in_every_state() -> None:
    assert {next_state(state, event) for state in (None, *STATES) for event in EVENTS} <= set(STATES)


def test_a_history_has_the_latest_changes_and_no_text_without_end() -> None:
    history: list[dict[str, str]] = []
    for number in range(MOST_CHANGES + 3):
        history = with_change(history, Change("2026-04-10T12:00:00+00:00", "a test", f"{number} " + "x" * 600, ACTIVE))
    assert len(history) == MOST_CHANGES
    assert (history[0]["what"][:2], history[-1]["what"][:3]) == ("3 ", "52 ")
    assert {len(one["what"]) for one in history} == {500}


@pytest.mark.parametrize("hours", HOURS)
def test_the_next_tick_is_one_of_the_schedules_and_no_other_lies_before_it(hours: int) -> None:
    minute, hour_words = sync_schedule("acme_1", hours).cron.split()[:2]
    first = 0 if hour_words == "*" else int(hour_words.partition("-")[0])
    for now in (datetime(2026, 4, 10, hour, 59, 59, tzinfo=UTC) for hour in range(24)):
        tick = next_tick("acme_1", hours, now)
        assert now < tick <= now + timedelta(hours=hours)
        assert (tick.minute, tick.hour % hours) == (int(minute), first)
