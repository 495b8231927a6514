"""Days that a source still fills: billed as they are, left out of the pace, forecast with the days to come."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from budget_world import ORG, World, charge, each_day

from common.budgets.evaluation import evaluate_all
from common.budgets.sources import sources_of
from common.domain.budgets import Scope

NOVEMBER = "2026-11"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def at(day: int, hour: int = 6, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def days(costs: Sequence[str | int], first: date = date(2026, 11, 1), **values: Any) -> list[dict[str, Any]]:
    """A charge a day."""
    return [charge(first + timedelta(days=number), str(cost), **values) for number, cost in enumerate(costs)]


def standing(world: World, period: str = NOVEMBER) -> dict[str, Any]:
    document = world.documents.get(f"orgs/{ORG}/budget_status/platform-1a2b-{period}")
    assert document is not None
    facts: dict[str, Any] = document["facts"]
    return facts


def test_days_half_filled_do_not_pull_the_projection_and_the_forecast_down(world: World) -> None:
    world.budget(amount=Decimal(3000))
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    facts = standing(world)
    assert facts["current_spend"] == "1370"  # all that is billed
    assert facts["projected"] == "3000"  # 1200 / 12 days x 30
    assert facts["forecast"]["expected"] == "3000"
    assert facts["filling_from"] == "2026-11-13"
    assert facts["filling"] == [
        {"provider": "aws", "delivered_on": "2026-11-15", "filling_from": "2026-11-13", "stopped": False}
    ]
    assert world.states()["2026-11-forecast-100"] == "open"


def test_thresholds_on_spend_count_what_is_billed_on_days_still_filling(world: World) -> None:
    world.budget(amount=Decimal(1370), thresholds=(Decimal(100),), forecast_thresholds=())
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    assert world.states() == {"2026-11-actual-100": "open"}


def test_a_late_line_moves_the_projection_only_once_its_day_is_seen_above_the_pace(world: World) -> None:
    world.budget(amount=Decimal(9000))
    projected = []
    for last in (20, 55, 100, 250):
        world.bill(NOVEMBER, days([100] * 14 + [last]), delivered_at=at(15, hour=len(projected) + 1))
        projected.append(standing(world)["projected"])
    assert projected == ["3000", "3000", "3000", "3150"]


def test_the_next_delivery_makes_days_whole_and_kept_answers_follow(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    world.deliver(NOVEMBER, days([100] * 12 + [130, 130, 130, 20]), delivered_at=at(18))
    evaluate_all(ORG, world.documents, world.warehouse, world.bus, world.clock)
    facts = standing(world)
    assert (facts["filling_from"], facts["current_spend"]) == ("2026-11-16", "1610")
    assert facts["projected"] == "3180"  # (1200 + 390) / 15 x 30


def test_a_source_that_has_stopped_fills_the_days_before_its_last_delivery_whatever_today_is(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    world.clock.moment = at(29)
    evaluate_all(ORG, world.documents, world.warehouse, world.bus, world.clock)
    assert (standing(world)["filling_from"], standing(world)["projected"]) == ("2026-11-13", "3000")


def test_each_provider_fills_its_own_days(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    google = days([10] * 9 + [5, 3, 1, 1], x_Provider="gcp")
    world.bill(NOVEMBER, google, integration="gcp-main", delivered_at=at(13))
    facts = standing(world)
    assert facts["projected"] == "3300"  # 100 a day over 12 days, 10 a day over 9
    assert [(one["provider"], one["filling_from"]) for one in facts["filling"]] == [
        ("aws", "2026-11-13"),
        ("gcp", "2026-11-10"),
    ]
    assert facts["filling_from"] == "2026-11-10"


def test_an_earlier_month_that_is_delivered_again_makes_no_day_of_this_one_whole(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.bill("2026-10", each_day("2026-10", 31, "100"), delivered_at=at(1))
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    world.bill("2026-10", each_day("2026-10", 31, "101"), delivered_at=at(19))
    evaluate_all(ORG, world.documents, world.warehouse, world.bus, world.clock)
    facts = standing(world)
    assert [one["filling_from"] for one in facts["filling"]] == ["2026-11-13"]
    assert (facts["current_spend"], facts["projected"]) == ("1370", "3000")


def test_a_closed_month_is_whole_once_the_next_one_has_been_delivered(world: World) -> None:
    world.budget(amount=Decimal(9000))
    message = world.deliver(NOVEMBER, days([100] * 30), delivered_at=at(30))
    world.clock.moment = at(5, month=12)
    world.evaluate(message)
    assert (standing(world)["filling_from"], standing(world)["period_open"]) == ("2026-11-28", False)
    world.deliver("2026-12", days([100] * 4, first=date(2026, 12, 1)), delivered_at=at(4, month=12))
    world.evaluate(message)
    assert standing(world)["filling_from"] is None


def test_a_copied_file_that_is_newer_than_its_charges_makes_no_free_days(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.bill(NOVEMBER, days([100] * 10), delivered_at=at(20))
    assert standing(world)["projected"] == "3000"


def test_days_without_a_charge_in_scope_are_free_while_the_source_has_charges(world: World) -> None:
    world.budget(amount=Decimal(9000), scope=Scope(services=("Batch",)))
    batch = [charge(date(2026, 11, number), "30", ServiceName="Batch") for number in (1, 3, 5, 7, 9)]
    world.bill(NOVEMBER, [*days([100] * 15), *batch], delivered_at=at(18))
    assert standing(world)["projected"] == "300"  # 150 / 15 days x 30, not / 9


def test_currencies_never_add_up_in_a_forecast(world: World) -> None:
    world.budget(amount=Decimal(9000))
    euros = days([70] * 15, BillingCurrency="EUR")
    world.bill(NOVEMBER, [*days([100] * 15), *euros], delivered_at=at(15))
    assert standing(world)["projected"] == "3000"
    assert standing(world)["forecast"]["expected"] == "3000"


def test_the_start_of_a_month_has_a_forecast_from_the_weeks_before_and_no_projection(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.clock.moment = at(3)
    world.bill("2026-10", each_day("2026-10", 31, "100"), delivered_at=at(3))
    world.bill(NOVEMBER, days([70, 20]), delivered_at=at(3, hour=7))
    facts = standing(world)
    assert (facts["projected"], facts["filling_from"]) == (None, "2026-11-01")
    assert facts["forecast"]["expected"] == "3000"


def test_growth_is_told_from_whole_days_against_as_many_days_before(world: World) -> None:
    world.budget(amount=Decimal(9000))
    world.bill("2026-10", each_day("2026-10", 31, "100"), delivered_at=at(3))
    world.bill(NOVEMBER, days([110] * 12 + [60, 40, 10]), delivered_at=at(15))
    (driver,) = standing(world)["drivers"]
    assert (driver["spend"], driver["previous"], driver["change"]) == ("1430", "1200", "120")


def test_messages_say_which_days_are_still_being_reported(world: World) -> None:
    world.budget(amount=Decimal(2500))
    world.bill(NOVEMBER, days([100] * 12 + [90, 60, 20]), delivered_at=at(15))
    assert any("is projected to reach" in subject for subject in world.email.subjects)
    for sent in world.email.sent:
        assert "Days from 2026-11-13 on are still being reported and are forecast." in sent.text


def test_rows_without_a_slice_count_as_delivered_on_their_newest_day() -> None:
    rows = [
        {"provider": "aws", "integration_id": None, "delivered_at": None, "charged_until": None, "charge_day": date(2026, 11, number),
         "spend": Decimal(100), "in_period": True}
        for number in range(1, 16)
    ]  # fmt: skip
    (source,) = sources_of(rows, {})
    assert source.complete_through == date(2026, 11, 12)
