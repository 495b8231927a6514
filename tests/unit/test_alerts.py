"""The alert life cycle: the table, and that repeats and order do no harm."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from common.domain.alerts import (
    ACKNOWLEDGE,
    ACKNOWLEDGED,
    ACTIVE,
    CLEARED,
    CROSSED,
    EVENTS,
    LAPSED,
    NOTIFIED,
    OPEN,
    RESOLVED,
    RETRACTED,
    SNOOZE,
    SNOOZE_PASSED,
    SNOOZED,
    STATES,
    TRANSITIONS,
    Change,
    Life,
    advance,
    life_fields,
    life_of,
    next_state,
)
from common.domain.budget_alerts import observe

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHANGE = Change("", NOW.isoformat())
LATER = (NOW + timedelta(days=1)).isoformat()


def lived(*events: str) -> tuple[Life, int]:
    life, told = Life(), 0
    for event in events:
        life, tells = advance(life, event, CHANGE, LATER if event == SNOOZE else None)
        told += tells
    return life, told


def test_the_table_names_known_states_and_events_and_every_state_can_be_reached() -> None:
    for (before, event), after in TRANSITIONS.items():
        assert before is None or before in STATES
        assert event in EVENTS and after in STATES
    assert set(TRANSITIONS.values()) == set(STATES)


@given(st.lists(st.sampled_from(EVENTS)), st.sampled_from(EVENTS))
def test_the_same_event_again_changes_nothing_and_tells_nobody(before: list[str], event: str) -> None:
    once, told = lived(*before, event)
    again, told_again = lived(*before, event, event)
    assert (again, told_again) == (once, told)


@given(st.lists(st.sampled_from(EVENTS)))
def test_people_are_told_once_for_each_open_and_each_retraction_on_record(events: list[str]) -> None:
    life, told = lived(*events)
    assert told == life.notifications == sum(change.state in NOTIFIED for change in life.history)
    states = [change.state for change in life.history]
    assert all(before != after or after == SNOOZED for before, after in pairwise(states))
    assert life.state == (states[-1] if states else None)


@given(st.lists(st.sampled_from((CROSSED, CLEARED)), min_size=1))
def test_evaluations_alone_end_in_what_the_last_one_saw(events: list[str]) -> None:
    life, _ = lived(*events)
    assert life.state == OPEN if events[-1] == CROSSED else life.state in (None, RETRACTED)


@given(st.lists(st.sampled_from((CROSSED, ACKNOWLEDGE, SNOOZE, SNOOZE_PASSED))))
def test_what_is_over_its_threshold_stays_active(events: list[str]) -> None:
    assert lived(CROSSED, *events)[0].state in ACTIVE


def test_acknowledged_and_snoozed_bear_more_crossings() -> None:
    assert lived(CROSSED, ACKNOWLEDGE, CROSSED)[0].state == ACKNOWLEDGED
    assert lived(CROSSED, SNOOZE, CROSSED)[0].state == SNOOZED


def test_a_retracted_alert_that_crosses_again_is_a_fresh_one() -> None:
    life, told = lived(CROSSED, ACKNOWLEDGE, CLEARED, CROSSED)
    assert (life.state, life.acknowledged_by, told) == (OPEN, None, 3)


def test_resolved_is_left_only_by_a_retraction() -> None:
    assert [event for event in EVENTS if next_state(RESOLVED, event) != RESOLVED] == [CLEARED]


def test_a_snooze_that_began_while_the_clock_was_ahead_ends_once_it_is_put_back() -> None:
    ahead = NOW + timedelta(days=400)
    life = Life(
        SNOOZED, snoozed_until=(ahead + timedelta(days=1)).isoformat(), history=(Change(SNOOZED, ahead.isoformat()),)
    )
    assert observe(life, "actual", True, True, NOW) == SNOOZE_PASSED
    assert observe(life, "actual", True, True, ahead - timedelta(minutes=30)) == CROSSED, "a small step back ends none"


def test_a_longer_snooze_replaces_the_first() -> None:
    life, _ = advance(lived(CROSSED, SNOOZE)[0], SNOOZE, CHANGE, (NOW + timedelta(days=9)).isoformat())
    assert life.snoozed_until == (NOW + timedelta(days=9)).isoformat()


def test_observations() -> None:
    snoozed = Life(SNOOZED, snoozed_until=NOW.isoformat())
    assert observe(snoozed, "actual", True, True, NOW - timedelta(seconds=1)) == CROSSED
    assert observe(snoozed, "actual", True, True, NOW) == SNOOZE_PASSED
    assert observe(snoozed, "actual", False, True, NOW) == CLEARED
    assert observe(Life(OPEN), "forecast", True, False, NOW) == LAPSED
    assert observe(Life(OPEN), "forecast", None, True, NOW) is None
    assert observe(Life(OPEN), "actual", True, False, NOW) == CROSSED
    assert observe(Life(ACKNOWLEDGED), "actual", True, False, NOW) == LAPSED
    assert observe(Life(ACKNOWLEDGED), "actual", False, False, NOW) == CLEARED


@given(st.lists(st.sampled_from(EVENTS), min_size=1))
def test_a_document_gives_back_the_life(events: list[str]) -> None:
    life, _ = lived(CROSSED, *events)
    assert life_of(life_fields(life)) == life
