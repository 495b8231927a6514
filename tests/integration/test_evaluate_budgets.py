"""evaluate_budgets over the embedded adapters: what counts, which alerts live and die, and what people are told."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from budget_world import ORG, World, charge, each_day

from common.alerts.acknowledging import acknowledge, snooze
from common.budgets.evaluation import evaluate_all, evaluate_budget_now, evaluate_period
from common.budgets.questions import read_spend
from common.budgets.recording import resolve_all
from common.domain.budgets import Scope
from common.errors import BadConfiguration, NotFound, Permanent

NOVEMBER = "2026-11"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def standing(world: World, period: str = NOVEMBER) -> dict[str, Any]:
    document = world.documents.get(f"orgs/{ORG}/budget_status/platform-1a2b-{period}")
    assert document is not None
    facts: dict[str, Any] = document["facts"]
    return facts


def test_every_threshold_that_is_reached_has_one_alert_and_the_highest_its_message(world: World) -> None:
    world.budget(amount=Decimal(1000), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 4, "200"))
    assert world.states() == {"2026-11-actual-50": "open", "2026-11-actual-80": "open"}
    assert world.email.subjects == ['[Costwire] Cloud budget "platform" at 80 % (800.00 of 1,000.00 USD)']


def test_a_threshold_is_crossed_at_exactly_its_share_and_not_a_cent_fraction_before(world: World) -> None:
    world.budget(amount=Decimal("0.3"), thresholds=(Decimal(100),), forecast_thresholds=())
    world.bill(NOVEMBER, [charge(date(2026, 11, 1), "0.299999999999999999999999")])
    assert world.states() == {}
    world.bill(NOVEMBER, [charge(date(2026, 11, 1), "0.1"), charge(date(2026, 11, 2), "0.2")])
    assert world.states() == {"2026-11-actual-100": "open"}


def test_a_repeated_message_changes_nothing(world: World) -> None:
    world.budget(amount=Decimal(1000))
    message = world.deliver(NOVEMBER, each_day(NOVEMBER, 12, "50"))
    world.evaluate(message)
    world.send()
    alerts, sent = world.documents.list(f"orgs/{ORG}/alerts"), len(world.email.sent)
    for _ in range(3):
        world.evaluate(message)
        world.send()
    assert world.documents.list(f"orgs/{ORG}/alerts") == alerts
    assert len(world.email.sent) == sent == 2  # 50 % spent, 100 % projected


def test_a_restatement_that_takes_spend_back_retracts_and_says_so_once(world: World) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(80),), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 4, "210"))
    for _ in range(2):
        world.bill(NOVEMBER, each_day(NOVEMBER, 4, "190"))
    assert world.states() == {"2026-11-actual-80": "retracted"}
    assert world.email.subjects[1:] == [
        '[Costwire] Retracted: cloud budget "platform" is back under 80 % (760.00 of 1,000.00 USD)'
    ]
    world.bill(NOVEMBER, each_day(NOVEMBER, 4, "220"))
    alert = world.alert("actual-80")
    assert alert is not None and [change["state"] for change in alert["history"]] == ["open", "retracted", "open"]
    assert [change["current_spend"] for change in alert["history"]] == ["840", "760", "880"]
    assert len(world.email.sent) == 3


def test_currencies_are_reported_and_never_added(world: World) -> None:
    world.budget(amount=Decimal(1000), forecast_thresholds=())
    euros = each_day(NOVEMBER, 3, "900.25", BillingCurrency="EUR")
    world.bill(NOVEMBER, each_day(NOVEMBER, 3, "100") + euros + [charge(date(2026, 11, 1), "7", BillingCurrency="INR")])
    facts = standing(world)
    assert facts["current_spend"] == "300"
    assert facts["not_counted"] == [
        {"currency": "EUR", "spend": "2700.75", "charges": 3},
        {"currency": "INR", "spend": "7", "charges": 1},
    ]
    world.bill(NOVEMBER, each_day(NOVEMBER, 5, "100") + euros)
    assert "Not counted: 3 charges of 2,700.75 EUR in scope, since the budget is in USD." in world.email.sent[0].text


def test_amounts_come_through_to_the_last_digit(world: World) -> None:
    world.budget(amount=Decimal(1), thresholds=(Decimal(1),), forecast_thresholds=())
    world.bill(
        NOVEMBER, [charge(date(2026, 11, 1), "0.100000000000000000000001"), charge(date(2026, 11, 2), "99999999999999")]
    )
    alert = world.alert("actual-1")
    assert alert is not None and alert["current_spend"] == "99999999999999.100000000000000000000001"


def test_monthly_budgets_count_by_invoice_and_custom_ones_by_day(world: World) -> None:
    november_on_december_invoice = charge(date(2026, 11, 30), "40", period="2026-12")
    october_on_november_invoice = charge(date(2026, 10, 31), "2", period=NOVEMBER)
    monthly = world.budget(amount=Decimal(1000))
    custom = world.budget(
        amount=Decimal(1000), budget_id="launch", name="launch", period="custom",
        starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 1),
    )  # fmt: skip
    world.bill(NOVEMBER, [charge(date(2026, 11, 5), "100"), october_on_november_invoice])
    world.bill("2026-12", [november_on_december_invoice])
    now = world.clock.now()
    by_invoice = read_spend(world.warehouse, ORG, monthly, monthly.period_of(date(2026, 11, 5)), now)
    by_day = read_spend(world.warehouse, ORG, custom, custom.period_of(date(2026, 11, 5)), now)
    assert (by_invoice.total, by_day.total) == (Decimal(102), Decimal(140))
    launch = world.documents.get(f"orgs/{ORG}/budget_status/launch-2026-11-01_2026-12-01")
    assert launch is not None and launch["facts"]["current_spend"] == "140"


@pytest.mark.parametrize(
    ("period", "months", "total", "key"),
    [
        ("monthly", ["2026-09", "2026-10", "2026-11"], "10", "2026-11"),
        ("quarterly", ["2026-09", "2026-10", "2026-11"], "20", "2026-Q4"),
        ("yearly", ["2025-12", "2026-01", "2026-11"], "20", "2026"),
    ],
)
def test_a_period_counts_its_own_months(world: World, period: str, months: list[str], total: str, key: str) -> None:
    world.budget(amount=Decimal(1000), period=period)
    for month in months:
        world.bill(month, each_day(month, 1, "10"))
    assert standing(world, key)["current_spend"] == total


TAGS = '{"team": "platform", "app.kubernetes.io/name": "shop", "aws:cost\\"odd\\\\key": "x", "spot": true}'


@pytest.mark.parametrize(
    ("scope", "total"),
    [
        (Scope(), "1111"),
        (Scope(providers=("aws",)), "1011"),
        (Scope(providers=("aws", "gcp")), "1111"),
        (Scope(providers=("gcp",), services=("Compute",)), "0"),
        (Scope(services=("Storage",)), "110"),
        (Scope(accounts=("account-2",)), "10"),
        (Scope(accounts=("payer-2",)), "1000"),
        (Scope(regions=("us-east-1",)), "1000"),
        (Scope(regions=("Frankfurt",)), "1"),
        (Scope(tags={"team": ("platform",)}), "10"),
        (Scope(tags={"team": ("platform", "data")}), "110"),
        (Scope(tags={"team": ("platform", "data"), "app.kubernetes.io/name": ("shop",)}), "10"),
        (Scope(tags={'aws:cost"odd\\key': ("x",)}), "10"),
        (Scope(tags={"spot": ("true",)}), "10"),
        (Scope(tags={"app": ("shop",)}), "0"),
        (Scope(services=("x') or ('1' = '1",)), "0"),
    ],
)
def test_scope_is_and_between_dimensions_and_or_within(world: World, scope: Scope, total: str) -> None:
    world.budget(amount=Decimal(10_000), scope=scope)
    day = date(2026, 11, 3)
    world.bill(
        NOVEMBER,
        [
            charge(day, "1", RegionName="Frankfurt"),
            charge(day, "10", SubAccountId="account-2", ServiceName="Storage", Tags=TAGS),
            charge(day, "100", x_Provider="gcp", ServiceName="Storage", SubAccountId=None, Tags='{"team": "data"}'),
            charge(day, "1000", BillingAccountId="payer-2", RegionId="us-east-1", Tags=None),
        ],
    )
    assert standing(world)["current_spend"] == total


def test_each_metric_sums_its_own_column(world: World) -> None:
    row = charge(date(2026, 11, 3), "1", EffectiveCost="2", ListCost="4", ContractedCost="3")
    message = world.deliver(NOVEMBER, [row])
    for metric, total in (("BilledCost", "1"), ("EffectiveCost", "2"), ("ListCost", "4"), ("ContractedCost", "3")):
        world.budget(amount=Decimal(1000), metric=metric)
        world.evaluate(message)
        assert standing(world)["current_spend"] == total


def test_a_projection_waits_for_five_days_and_is_spend_per_day_elapsed_times_days(world: World) -> None:
    world.budget(amount=Decimal(2900))
    world.bill(NOVEMBER, each_day(NOVEMBER, 4, "100"))
    assert standing(world)["projected"] is None
    world.bill(NOVEMBER, [*each_day(NOVEMBER, 4, "100"), charge(date(2026, 11, 7), "300")])
    assert standing(world)["projected"] == "3000"  # 700 / 7 days x 30
    assert world.states() == {"2026-11-forecast-100": "open"}
    assert world.email.subjects == [
        '[Costwire] Cloud budget "platform" is projected to reach 103 % (3,000.00 of 2,900.00 USD projected)'
    ]


def test_a_projection_that_falls_back_is_retracted(world: World) -> None:
    world.budget(amount=Decimal(2900))
    world.bill(NOVEMBER, each_day(NOVEMBER, 10, "100"))
    world.bill(NOVEMBER, each_day(NOVEMBER, 12, "80"))
    assert world.states() == {"2026-11-forecast-100": "retracted"}
    assert "is no longer projected to reach 100 %" in world.email.subjects[-1]


def test_a_closed_period_has_no_projection_and_its_forecast_alerts_are_resolved_quietly(world: World) -> None:
    world.budget(amount=Decimal(2900), thresholds=(Decimal(100),))
    world.bill(NOVEMBER, each_day(NOVEMBER, 10, "100"))
    world.clock.moment = datetime(2026, 12, 3, tzinfo=UTC)
    world.bill(NOVEMBER, each_day(NOVEMBER, 30, "100"))
    assert world.states() == {"2026-11-forecast-100": "resolved", "2026-11-actual-100": "open"}
    assert len(world.email.sent) == 2
    assert standing(world)["projected"] is None
    assert "2026-11-01 to 2026-11-30, closed" in world.email.sent[-1].text
    assert "The period is closed" in world.email.sent[-1].text and "still open" in world.email.sent[0].text


def test_the_next_period_resolves_what_has_run_out_in_the_last(world: World) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50), Decimal(80)))
    world.bill(NOVEMBER, each_day(NOVEMBER, 10, "90"))
    acknowledge(world.documents, ORG, "platform-1a2b-2026-11-actual-50", "ada", world.clock.now())
    world.clock.moment = datetime(2026, 12, 3, tzinfo=UTC)
    world.bill("2026-12", each_day("2026-12", 2, "1"))
    assert world.states() == {
        "2026-11-actual-50": "resolved",
        "2026-11-actual-80": "open",
        "2026-11-forecast-100": "resolved",
    }


def test_acknowledged_and_snoozed_survive_repeats_and_a_passed_snooze_tells_again(world: World) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50), Decimal(80)), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    now = world.clock.now()
    acknowledge(world.documents, ORG, "platform-1a2b-2026-11-actual-50", "ada", now)
    snooze(world.documents, ORG, "platform-1a2b-2026-11-actual-80", datetime(2026, 11, 21, tzinfo=UTC), "ada", now)
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "101"))
    assert world.states() == {"2026-11-actual-50": "acknowledged", "2026-11-actual-80": "snoozed"}
    assert len(world.email.sent) == 1  # of both that opened at once
    world.clock.move(days=1)
    for _ in range(2):
        world.bill(NOVEMBER, each_day(NOVEMBER, 9, "102"))
    assert world.states() == {"2026-11-actual-50": "acknowledged", "2026-11-actual-80": "open"}
    assert len(world.email.sent) == 2


def test_a_snooze_runs_out_by_schedule_without_new_charges(world: World) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    until = datetime(2026, 11, 21, tzinfo=UTC)
    snooze(world.documents, ORG, "platform-1a2b-2026-11-actual-50", until, "ada", world.clock.now())
    for expected in ("snoozed", "open", "open"):
        evaluate_all(ORG, world.documents, world.warehouse, world.bus, world.clock)
        assert world.states() == {"2026-11-actual-50": expected}
        world.send()
        world.clock.move(days=1)
    assert len(world.email.sent) == 2


def test_a_budget_without_charges_stands_at_nothing(world: World) -> None:
    world.budget(amount=Decimal(1000))
    facts = evaluate_budget_now(ORG, "platform-1a2b", world.documents, world.warehouse, world.bus, world.clock)
    assert (facts["period"], facts["current_spend"], facts["percent"], facts["as_of"]) == (NOVEMBER, "0", "0", None)
    assert world.states() == {}


def test_an_alert_that_is_over_cannot_be_taken_on(world: World) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "1"))
    with pytest.raises(Permanent, match="is retracted: there is nothing to acknowledge"):
        acknowledge(world.documents, ORG, "platform-1a2b-2026-11-actual-50", "ada", world.clock.now())
    with pytest.raises(NotFound, match="no alert nowhere"):
        acknowledge(world.documents, ORG, "nowhere", "ada", world.clock.now())


class StoppingWarehouse:
    """Answers a question by day, then lets something happen before the answer is used: an evaluation slower than another."""

    def __init__(self, world: World, meanwhile: Any) -> None:
        self._world, self._meanwhile = world, meanwhile

    def query(self, *arguments: Any) -> Any:
        answer = self._world.warehouse.query(*arguments)
        if "charge_day" not in arguments[1]:
            return answer
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return answer


def test_a_slow_evaluation_does_not_undo_a_later_one(world: World) -> None:
    budget = world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    slow = StoppingWarehouse(world, meanwhile=lambda: world.bill(NOVEMBER, each_day(NOVEMBER, 9, "10")))
    period = budget.period_of(date(2026, 11, 1))
    evaluate_period(ORG, budget, period, world.documents, slow, world.bus, world.clock)  # type: ignore[arg-type]
    assert world.states() == {}
    assert standing(world)["current_spend"] == "90"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_messages_in_any_order_end_in_what_the_warehouse_shows(world: World, order: tuple[int, ...]) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    messages = [world.deliver(NOVEMBER, each_day(NOVEMBER, 9, cost)) for cost in ("100", "10", "90")]
    for position in (*order, *order):
        world.evaluate(messages[position])
        world.send()
    assert world.states() == {"2026-11-actual-50": "open"}
    assert len(world.email.sent) == 1


class DeadBus:
    """A bus that dies before it takes a message."""

    def publish(self, message: object) -> str:
        raise ConnectionError("the bus is away")


def test_a_death_between_the_transaction_and_the_publication_is_healed_by_redelivery(world: World) -> None:
    from common.budgets.evaluation import evaluate

    world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    message = world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    with pytest.raises(ConnectionError):
        evaluate(message, world.documents, world.warehouse, DeadBus(), world.clock)
    assert world.states() == {"2026-11-actual-50": "open"}
    world.send()
    assert world.email.sent == []
    world.evaluate(message)
    world.send()
    assert len(world.email.sent) == 1


def test_a_budget_that_cannot_be_read_is_named_and_keeps_no_other_from_its_evaluation(world: World) -> None:
    world.budget(amount=Decimal(1000))
    world.documents.set(f"orgs/{ORG}/budgets/broken", {"budget_id": "broken", "name": "broken", "amount": "-1"})
    with pytest.raises(BadConfiguration, match="broken"):
        world.evaluate(world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "100")))
    assert world.states()["2026-11-actual-80"] == "open"


def test_drivers_are_the_dearest_services_and_growth_is_against_the_same_days(world: World) -> None:
    world.budget(amount=Decimal(1000))
    world.bill("2026-10", [*each_day("2026-10", 31, "20"), *each_day("2026-10", 31, "1", ServiceName="Storage")])
    november = [*each_day(NOVEMBER, 10, "21"), *each_day(NOVEMBER, 10, "7", ServiceName="Storage")]
    world.bill(NOVEMBER, november)
    facts = standing(world)
    assert facts["drivers"] == [
        {"service": "Compute", "spend": "210", "previous": "200", "change": "10"},
        {"service": "Storage", "spend": "70", "previous": "10", "change": "60"},
    ]
    assert facts["largest_increase"]["service"] == "Storage"


def test_without_an_earlier_period_no_growth_is_made_up(world: World) -> None:
    world.budget(amount=Decimal(1000))
    world.bill(NOVEMBER, each_day(NOVEMBER, 10, "21"))
    facts = standing(world)
    assert facts["drivers"] == [{"service": "Compute", "spend": "210", "previous": None, "change": None}]
    assert facts["largest_increase"] is None


def test_a_new_budget_is_evaluated_over_the_newest_period_with_charges(world: World) -> None:
    world.deliver("2026-03", each_day("2026-03", 20, "100"))
    world.deliver("2026-02", each_day("2026-02", 20, "100"))
    world.budget(amount=Decimal(1000), thresholds=(Decimal(100),))
    facts = evaluate_budget_now(ORG, "platform-1a2b", world.documents, world.warehouse, world.bus, world.clock)
    assert (facts["period"], facts["current_spend"], facts["period_open"]) == ("2026-03", "2000", False)
    assert world.states() == {"2026-03-actual-100": "open"}


def test_a_removed_budget_leaves_resolved_alerts_and_is_not_evaluated_into_life(world: World) -> None:
    budget = world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    world.documents.delete(f"orgs/{ORG}/budgets/platform-1a2b")
    resolve_all(ORG, "platform-1a2b", world.documents, world.clock.now(), by="ada")
    evaluate_period(
        ORG, budget, budget.period_of(date(2026, 11, 1)), world.documents, world.warehouse, world.bus, world.clock
    )
    assert world.states() == {"2026-11-actual-50": "resolved"}
    assert world.documents.list(f"orgs/{ORG}/budget_status") == []
