"""A check by the clock asks the warehouse nothing while nothing has changed, and ends in what asking always would have."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from budget_world import ORG, World, charge, each_day
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.alerts.acknowledging import acknowledge, snooze
from common.budgets import answers
from common.budgets.evaluation import evaluate_all
from common.domain.budgets import Scope
from common.errors import Permanent
from common.messages import ChargesNormalized
from common.records.charges_version import current_version, note_change

NOVEMBER = "2026-11"
KEPT = f"orgs/{ORG}/budget_status/platform-1a2b-answers"


class Asked:
    """The warehouse, with its questions counted; `before` runs once, when the next question comes."""

    def __init__(self, world: World) -> None:
        self._query = world.warehouse.query
        self.questions: list[str] = []
        self.before: Callable[[], object] | None = None

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        before, self.before = self.before, None
        if before is not None:
            before()
        self.questions.append(_name(sql))
        return self._query(org_slug, sql, parameters)

    def since(self) -> list[str]:
        """The questions since the last look."""
        found, self.questions = self.questions, []
        return found


def _name(sql: str) -> str:
    names = {"first_charge": "days", "charge_day": "by day", "previous_spend": "by service", "counted_at": "latest"}
    return next(name for word, name in names.items() if word in sql)


ONCE = ["days", "by day", "by service"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.warehouse = Asked(made)  # type: ignore[assignment]
    made.warehouse.replace_slice = World(tmp_path).warehouse.replace_slice  # type: ignore[method-assign]
    return made


@pytest.fixture
def asked(world: World) -> Asked:
    assert isinstance(world.warehouse, Asked)
    return world.warehouse


def check(world: World) -> None:
    evaluate_all(ORG, world.documents, world.warehouse, world.bus, world.clock)
    world.send()


def spend(world: World, period: str = NOVEMBER) -> str:
    document = world.documents.get(f"orgs/{ORG}/budget_status/platform-1a2b-{period}")
    assert document is not None
    return str(document["facts"]["current_spend"])


def test_a_check_after_a_delivery_was_evaluated_asks_nothing(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000))
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    assert asked.since() == ONCE
    for _ in range(3):
        world.clock.move(minutes=15)
        check(world)
    assert asked.since() == []
    assert spend(world) == "900"


def test_a_delivery_that_was_not_evaluated_yet_is_seen_by_the_next_check(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(100),), forecast_thresholds=())
    check(world)
    check(world)
    asked.since()
    world.deliver(NOVEMBER, each_day(NOVEMBER, 11, "100"))
    check(world)
    assert asked.since() == ONCE
    assert world.states() == {"2026-11-actual-100": "open"}


def test_a_message_about_a_delivery_always_asks(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000))
    message = world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    for _ in range(2):
        world.evaluate(message)
        assert asked.since() == ONCE


def test_a_new_day_asks_once(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000))
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    asked.since()
    world.clock.move(days=1)
    check(world)
    check(world)
    assert asked.since() == ONCE


def test_a_changed_budget_asks_and_its_neighbour_does_not(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000), forecast_thresholds=())
    world.budget(amount=Decimal(1000), budget_id="other", name="other", forecast_thresholds=())
    world.bill(NOVEMBER, [*each_day(NOVEMBER, 4, "100"), charge(date(2026, 11, 4), "1", ServiceName="Storage")])
    assert asked.since() == [*ONCE, "by day", "by service"]  # where charges lie is asked once for all budgets
    world.budget(amount=Decimal(1000), scope=Scope(services=("Storage",)), forecast_thresholds=())
    check(world)
    assert asked.since() == ["by day", "by service"]
    assert spend(world) == "1"
    world.budget(amount=Decimal(1), scope=Scope(services=("Storage",)), forecast_thresholds=())
    check(world)
    assert asked.since() == []  # the amount is none of the warehouse's business
    assert world.states()["2026-11-actual-100"] == "open"


def test_what_time_alone_does_is_done_without_a_question(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50),))
    world.bill(NOVEMBER, each_day(NOVEMBER, 20, "50"))
    asked.since()
    now = world.clock.now()
    snooze(world.documents, ORG, "platform-1a2b-2026-11-actual-50", datetime(2026, 11, 20, 13, tzinfo=UTC), "ada", now)
    check(world)
    assert world.states()["2026-11-actual-50"] == "snoozed"
    world.clock.move(hours=1)
    check(world)
    assert world.states() == {"2026-11-actual-50": "open", "2026-11-forecast-100": "open"}
    assert asked.since() == []
    assert len(world.email.sent) == 3  # two alerts, and one of them again


def test_messages_that_an_earlier_run_left_behind_are_announced_without_a_question(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    world.evaluate(world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "100")))
    while (delivery := world.bus.pull()) is not None:
        world.bus.ack(delivery)  # lost
    asked.since()
    check(world)
    assert (len(world.email.sent), asked.since()) == (1, [])


def test_a_charge_of_the_future_counts_from_its_moment_on(world: World) -> None:
    world.budget(amount=Decimal(1000))
    late = datetime(2026, 11, 20, 18, tzinfo=UTC)
    world.bill(NOVEMBER, [*each_day(NOVEMBER, 9, "10"), charge(date(2026, 11, 20), "10", ChargePeriodStart=late)])
    path = f"orgs/{ORG}/budget_status/platform-1a2b-{NOVEMBER}"
    seen = []
    for _ in range(2):
        check(world)
        seen.append((world.documents.get(path) or {})["facts"]["days_elapsed"])
        world.clock.move(hours=7)
    assert seen == [9, 20]


def test_a_swap_between_the_look_at_the_mark_and_the_question_is_not_missed(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(10_000), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    world.clock.move(days=1)
    asked.before = lambda: world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "200"))
    check(world)
    check(world)
    assert spend(world) == "1800"


def test_a_swap_whose_mark_comes_after_the_answer_is_not_missed(world: World, asked: Asked) -> None:
    world.budget(amount=Decimal(10_000), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    world.clock.move(days=1)
    check(world)
    world.swap(NOVEMBER, each_day(NOVEMBER, 9, "200"))
    check(world)
    assert spend(world) == "900"  # shown, and nobody told yet
    note_change(world.documents, ORG)
    check(world)
    assert spend(world) == "1800"


class Delaying:
    """The documents, before whose next transaction something else happens: a check that is held up before its ticket."""

    def __init__(self, world: World, meanwhile: Callable[[], object]) -> None:
        self._documents, self._meanwhile = world.documents, [meanwhile]

    def __getattr__(self, name: str) -> Any:
        if name == "transact" and self._meanwhile:
            self._meanwhile.pop()()
        return getattr(self._documents, name)


def test_a_check_that_is_held_up_before_its_ticket_does_not_undo_a_delivery(world: World) -> None:
    world.budget(amount=Decimal(10_000), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    slow = Delaying(world, lambda: world.bill(NOVEMBER, each_day(NOVEMBER, 9, "200")))
    evaluate_all(ORG, slow, world.warehouse, world.bus, world.clock)  # type: ignore[arg-type]
    assert spend(world) == "1800"


def test_an_older_answer_that_is_kept_late_is_not_believed(world: World, asked: Asked) -> None:
    """A slow check keeps its answer after a delivery has been evaluated: under the mark it had looked at before."""
    world.budget(amount=Decimal(10_000), forecast_thresholds=())
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    old = world.documents.get(KEPT)
    assert old is not None
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "200"))
    world.documents.set(KEPT, old)
    check(world)
    assert spend(world) == "1800"


def test_no_two_marks_are_alike(world: World) -> None:
    marks = set()
    for _ in range(3):
        note_change(world.documents, ORG)
        marks.add(current_version(world.documents, ORG))
    assert len(marks) == 3


def test_answers_too_long_for_a_document_are_asked_again(
    world: World, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_BYTES", 200)
    world.budget(amount=Decimal(1000))
    world.bill(NOVEMBER, each_day(NOVEMBER, 9, "100"))
    asked.since()
    check(world)
    assert (asked.since(), world.documents.get(KEPT)) == (ONCE, None)


def test_what_is_kept_does_not_grow(world: World) -> None:
    world.budget(amount=Decimal(1000))
    for month in range(1, 12):
        world.swap(f"2026-{month:02}", each_day(f"2026-{month:02}", 2, "1"))
    note_change(world.documents, ORG)
    for month in range(1, 12):
        world.evaluate(ChargesNormalized(ORG, "aws-main", f"2026-{month:02}", f"d{month}", 1))
    kept = world.documents.get(KEPT)
    assert kept is not None and len(answers._decoded(kept["answers"])) == answers.MAX_ANSWERS


def test_an_answer_comes_back_in_its_own_types() -> None:
    rows = [
        {
            "cost": Decimal("0.000000000000000000000001"),
            "at": datetime(2026, 11, 1, 2, tzinfo=UTC),
            "day": date(2026, 11, 1),
            "charges": 3,
            "in_period": True,
            "service": 'Ünïcode {"decimal": 1}',
            "none": None,
        }
    ]
    assert answers._decoded(answers._encoded({"q": rows})) == {"q": rows}
    with pytest.raises(TypeError, match="contains a bytes"):
        answers._encoded({"q": [{"raw": b"x"}]})


def test_a_late_correction_is_counted_with_its_invoice(world: World) -> None:
    """Questions read only the days between which charges of their billing periods lie; here they lie far away."""
    world.budget(amount=Decimal(1000))
    world.bill("2026-09", each_day("2026-09", 9, "1"))
    world.bill(
        NOVEMBER, [charge(date(2026, 1, 15), "40", period=NOVEMBER), charge(date(2027, 2, 1), "2", period=NOVEMBER)]
    )
    assert spend(world) == "42"
    world.clock.move(days=1)
    check(world)
    assert spend(world) == "42"


@pytest.mark.parametrize(("months_ago", "newest"), [(1, "2026-10"), (3, "2026-08"), (8, "2026-03"), (None, NOVEMBER)])
def test_the_newest_period_of_a_scope_is_found_however_old(
    world: World, asked: Asked, months_ago: int | None, newest: str
) -> None:
    world.budget(amount=Decimal(1000), scope=Scope(services=("Storage",)))
    for month in range(1, 12):
        rows = each_day(f"2026-{month:02}", 2, "1")
        if months_ago is not None and month <= 11 - months_ago:
            rows.append(charge(date(2025, 6, 1), "5", period=f"2026-{month:02}", ServiceName="Storage"))
        world.deliver(f"2026-{month:02}", rows)
    check(world)
    assert spend(world, newest) == ("0" if months_ago is None else "5")
    looked = asked.since().count("latest")
    assert looked == (1 if months_ago == 1 else 2)


def conjuncts(sql: str) -> set[str]:
    """What the rows of the charges that are read must all fulfil, as BigQuery SQL."""
    found = [
        one for one in sqlglot.parse_one(sql, read="bigquery").find_all(sqlglot.exp.Select) if one.args.get("where")
    ]
    (where,) = [one.args["where"] for one in found if "daily_charges" in one.args["from_"].sql()]
    return {one.sql("bigquery") for one in where.this.flatten()}


@pytest.mark.parametrize("period", ["monthly", "custom"])
def test_every_question_of_a_budget_lets_partitions_be_pruned(world: World, period: str) -> None:
    """BigQuery prunes by comparisons of the bare partition column with constants and parameters alone.

    Source: https://cloud.google.com/bigquery/docs/querying-partitioned-tables
    """
    seen: list[tuple[str, Mapping[str, Any]]] = []

    class Noting:
        def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
            seen.append((sql, parameters or {}))
            return world.warehouse.query(org_slug, sql, parameters)

    days = {"starts_on": date(2026, 10, 15), "ends_on": date(2026, 12, 2)} if period == "custom" else {}
    world.budget(amount=Decimal(1000), period=period, scope=Scope(services=("Storage",)), **days)
    for month in ("2026-07", "2026-08", "2026-09", "2026-10", NOVEMBER):
        world.deliver(month, each_day(month, 2, "1"))
    evaluate_all(ORG, world.documents, Noting(), world.bus, world.clock)  # type: ignore[arg-type]
    asked = [(sql, parameters) for sql, parameters in seen if _name(sql) != "days"]
    assert {_name(sql) for sql, _ in asked} >= {"by day", "by service"}
    for sql, parameters in asked:
        assert {"ChargePeriodStart >= @charged_from", "ChargePeriodStart <= @charged_until"} <= conjuncts(sql)
        assert parameters["charged_from"] <= parameters["charged_until"]
    by_day = next(parameters for sql, parameters in asked if _name(sql) == "by day")
    if period == "monthly":
        assert (by_day["charged_from"].date(), by_day["charged_until"].date()) == (date(2026, 9, 1), date(2026, 11, 2))


class Always(World):
    """A world in which every evaluation asks."""

    def forget(self) -> None:
        for kept, _ in self.documents.list(f"orgs/{ORG}/budget_status"):
            if kept.endswith("-answers"):
                self.documents.delete(f"orgs/{ORG}/budget_status/{kept}")

    def evaluate(self, message: ChargesNormalized) -> None:
        self.forget()
        super().evaluate(message)


COSTS = st.sampled_from(("5", "30", "60", "90"))
STEP = st.one_of(
    st.tuples(
        st.just("deliver"), st.sampled_from(("2026-10", NOVEMBER, "2026-12")), COSTS, st.sampled_from((4, 12, 27))
    ),
    st.tuples(st.just("handle"), st.integers(0, 5)),
    st.tuples(st.just("check")),
    st.tuples(st.just("edit"), st.sampled_from(("500", "1000")), st.sampled_from(("monthly", "quarterly", "custom"))),
    st.tuples(st.just("move"), st.sampled_from((1, 7, 24, 24 * 12))),
    st.tuples(st.just("acknowledge"), st.integers(0, 5)),
    st.tuples(st.just("snooze"), st.integers(0, 5), st.sampled_from((1, 30))),
)


def play(world: World, steps: list[tuple[Any, ...]]) -> None:
    """Take the steps; messages are handled late, repeatedly and in any order, each at least once in the end."""
    messages: list[ChargesNormalized] = []
    for step in [("edit", "1000", "monthly"), *steps]:
        take(world, step, messages)
    for message in messages:
        world.evaluate(message)
    take(world, ("check",), messages)


def take(world: World, step: tuple[Any, ...], messages: list[ChargesNormalized]) -> None:
    kind, *values = step
    if kind == "deliver":
        messages.append(world.deliver(values[0], each_day(values[0], values[2], values[1])))
    elif kind == "handle" and messages:
        world.evaluate(messages[values[0] % len(messages)])
    elif kind == "check":
        if isinstance(world, Always):
            world.forget()
        evaluate_all(ORG, world.documents, world.warehouse, world.bus, world.clock)
    elif kind == "edit":
        days = {"starts_on": date(2026, 10, 15), "ends_on": date(2026, 12, 2)} if values[1] == "custom" else {}
        world.budget(amount=Decimal(values[0]), period=values[1], **days)
    elif kind == "move":
        world.clock.move(hours=values[0])
    elif kind in ("acknowledge", "snooze"):
        act(world, kind, values)


def act(world: World, kind: str, values: list[Any]) -> None:
    found = [alert_id for alert_id, _ in world.documents.list(f"orgs/{ORG}/alerts")]
    if not found:
        return
    alert_id, now = found[values[0] % len(found)], world.clock.now()
    try:
        if kind == "acknowledge":
            acknowledge(world.documents, ORG, alert_id, "ada", now)
        else:
            snooze(
                world.documents,
                ORG,
                alert_id,
                datetime.fromtimestamp(now.timestamp() + values[1] * 3600, UTC),
                "ada",
                now,
            )
    except Permanent:
        return  # it is over


def outcome(world: World) -> dict[str, Any]:
    """All that people can see."""
    found = {name: dict(world.documents.list(f"orgs/{ORG}/{name}")) for name in ("alerts", "notifications")}
    standings = world.documents.list(f"orgs/{ORG}/budget_status")
    return found | {"standings": {name: one for name, one in standings if not name.endswith("-answers")}}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=2, max_size=9))
def test_whatever_happens_in_whatever_order_people_see_what_asking_always_would_show(
    steps: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        kept, always = World(Path(first)), Always(Path(second))
        for world in (kept, always):
            play(world, steps)
        assert outcome(kept) == outcome(always)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(COSTS, st.sampled_from(("swap", "mark", "handle", "check", "check while swapped"))), max_size=9)
)
def test_however_swaps_marks_messages_and_checks_interleave_the_end_is_what_the_warehouse_shows(
    steps: list[tuple[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        warehouse = world.warehouse
        asked = Asked(world)
        asked.replace_slice = warehouse.replace_slice  # type: ignore[attr-defined]
        world.warehouse = asked  # type: ignore[assignment]
        world.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
        unmarked: list[ChargesNormalized] = []
        messages: list[ChargesNormalized] = []
        cost = "5"

        def swap(each: str) -> None:
            unmarked.append(world.swap(NOVEMBER, each_day(NOVEMBER, 10, each)))

        def mark() -> None:
            while unmarked:
                note_change(world.documents, ORG)
                messages.append(unmarked.pop())

        def evaluate_some() -> None:
            if messages:
                world.evaluate(messages[len(steps) % len(messages)])

        swap(cost)
        for each, kind in steps:
            if kind == "check while swapped":
                asked.before = lambda each=each: swap(each)  # type: ignore[misc]
            if kind == "swap":
                swap(each)
            elif kind == "mark":
                mark()
            elif kind == "handle":
                evaluate_some()
            else:
                check(world)
            if asked.before is None and kind in ("swap", "check while swapped"):
                cost = each
            asked.before = None
        mark()
        check(world)
        assert spend(world) == str(Decimal(cost) * 10)
        assert (world.states().get("2026-11-actual-50") == "open") == (Decimal(cost) * 10 >= 500)
