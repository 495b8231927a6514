"""Ticks of budget checks: each asks for the organizations whose minute has come; missed, repeated and late ones do no harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadConfiguration
from common.messages import BudgetCheckRequested
from common.messages.cloudevent import decode
from common.records import organizations as tenants
from functions.evaluate_budgets.main import evaluate_budgets
from tests.support import Laptop, laptop

ORGS = [f"org_{number}" for number in range(40)]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        for org in ORGS:
            tenants.add(made.documents, made.clock.now(), org, org)
        made.bus.subscribe("budget-check-requested", "checks")
        tick(made, "first")  # which asks for all
        yield made


def tick(rt: Laptop, check_id: str = "check") -> list[str]:
    """The organizations that a tick asks for now."""
    evaluate_budgets(BudgetCheckRequested(check_id))
    found = []
    while delivery := rt.bus.pull(["checks"]):
        message = decode(delivery.event)
        assert isinstance(message, BudgetCheckRequested) and message.org_slug
        found.append(message.org_slug)
        rt.bus.ack(delivery)
    return found


def ticks(rt: Laptop, number: int, minutes: int) -> list[list[str]]:
    found = []
    for _ in range(number):
        rt.clock.sleep(minutes * 60)
        found.append(tick(rt))
    return found


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_round_of_ticks_asks_for_each_once_and_never_for_all_at_once(rt: Laptop, minutes: int) -> None:
    found = ticks(rt, 15 // minutes, minutes)
    assert Counter(org for asked in found for org in asked) == Counter(ORGS)
    assert max(map(len, found)) <= len(ORGS) / 2
    assert found == ticks(rt, 15 // minutes, minutes)  # the same minutes in each round


def test_the_next_tick_makes_up_for_missed_ones(rt: Laptop) -> None:
    first, second = ticks(rt, 2, 5)
    ticks(rt, 1, 5)
    rt.clock.sleep(5 * 60)  # nobody ticks
    assert Counter(ticks(rt, 1, 5)[0]) == Counter([*first, *second])
    rt.clock.sleep(3 * 3600)
    assert Counter(tick(rt)) == Counter(ORGS)


def test_a_repeated_tick_asks_for_nothing_more(rt: Laptop) -> None:
    assert ticks(rt, 1, 5)[0] and tick(rt) == []


def test_a_tick_that_died_before_its_note_asks_once_more_for_the_same_work(rt: Laptop) -> None:
    before = rt.documents.get("settings/budget_checks")
    rt.clock.sleep(5 * 60)
    asked = tick(rt, "check-7")
    assert before is not None
    rt.documents.set("settings/budget_checks", before)
    rt.clock.sleep(30)
    assert set(tick(rt, "check-7")) == set(asked)


def test_a_clock_that_was_put_back_leaves_nobody_out(rt: Laptop) -> None:
    rt.documents.set("settings/budget_checks", {"until": "2999-01-01T00:00:00+00:00"})
    assert Counter(tick(rt)) == Counter(ORGS)
    assert tick(rt) == []


def test_who_may_not_run_is_not_asked_for(rt: Laptop) -> None:
    tenants.suspend(rt.documents, rt.clock.now(), "org_7")
    rt.clock.sleep(3600)
    assert set(tick(rt)) == set(ORGS) - {"org_7"}


def test_the_platform_s_interval_counts(rt: Laptop) -> None:
    rt.documents.set("settings/general", {"threshold_check_minutes": 60})
    assert len([org for asked in ticks(rt, 11, 5) for org in asked]) < len(ORGS)
    assert Counter(org for asked in ticks(rt, 12, 5) for org in asked) == Counter(ORGS)
    rt.documents.set("settings/general", {"threshold_check_minutes": 7})
    with pytest.raises(BadConfiguration, match="expected one of 5, 10, 15, 20, 30, 60"):
        tick(rt)
