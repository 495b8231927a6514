"""The platform's own bill: what each organization took, noted once a day is over, as proved rows of the operator's organization."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadConfiguration, Contention, NotReady
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.messages import CleanUpRequested
from common.ports import Source
from common.records import organizations
from common.records.asked import Asked, AskedCounter, asked_on, counting, note_asked, note_query
from common.records.platform_usage import TakenDay, days_of, note_days, usage_path
from common.records.sizes import Size, note_sizes
from common.reporting.costs import CostsQuestion, ask_costs
from common.retention.cleaning import clean_up
from common.running_costs import noting
from common.running_costs.bill import bill_of, cost_of, kinds
from common.running_costs.noting import note_usage, on_clean_up
from common.running_costs.prices import load_prices
from common.tenancy.data import COLLECTIONS, remove
from common.warehouse.cost_report import Metric
from common.warehouse.dimensions import SHORT
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import NOW, Laptop, cur_line, cur_text, laptop
from web.api.access import OpenDoor
from web.api.app import Service, create_app
from web.api.routes import ROUTES

OPERATOR, TENANT = "operator_1", "default"
PLACE = f"costwire://{OPERATOR}/costwire"
TODAY = NOW.date()
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an operator, and a tenant that has a bill of three lines since the tenth of April."""
    folder = tmp_path_factory.mktemp("platform")
    with laptop(folder / "home") as rt:
        organizations.add(rt.documents, rt.clock.now(), "Operator", OPERATOR)
        path = folder / "bill.csv"
        path.write_text(cur_text([cur_line(number, "1.25") for number in range(3)]), encoding="utf-8")
        rt.bring(path, "aws-main")
    return folder


@pytest.fixture
def rt(filled: Path, tmp_path: Path) -> Iterator[Laptop]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with laptop(tmp_path / "home", operator_org=OPERATOR) as made:
        made.clock.moment = NOW + DAY
        subscribe_all(made)
        yield made


def noted(rt: Laptop, month: str = "2026-04") -> dict[tuple[str, str], TakenDay]:
    return {(one.org_slug, one.day.isoformat()): one for one in days_of(rt.documents, OPERATOR, month)}


def taken(org_slug: str, day: date, units: str = "1000") -> TakenDay:
    return TakenDay(org_slug, day, {"runs": 1}, {"request": Decimal(units)})


def synced(rt: Laptop) -> Any:
    outcome = wait(rt, sync(rt, OPERATOR))
    assert outcome.reasons == ()
    return outcome


def connected(rt: Laptop) -> None:
    connect(rt, Connection(OPERATOR, "focus", PLACE, "costwire"))


def estimated(rt: Laptop, *by: str) -> dict[tuple[str | None, ...], Decimal]:
    group = tuple(SHORT[name] for name in by)
    found = ask_costs(rt, OPERATOR, CostsQuestion(group=group, metric=Metric.ESTIMATED_COST))
    return {
        one.keys: one.amounts.total for currency in found.currencies for one in currency.groups if one.amounts.total
    }


def test_a_day_is_noted_once_it_is_over_from_what_was_recorded(rt: Laptop) -> None:
    note_asked(rt.documents, TENANT, NOW, Asked(3, 7_000_000))
    note_sizes(rt.documents, TENANT, TODAY, {"raw": Size(1, 500), "focus": Size(2, 250)})
    assert note_usage(rt, TENANT) == [TODAY]
    found = noted(rt)[TENANT, "2026-04-10"]
    assert dict(found.counts) == {
        "deliveries": 1, "lines": 3, "chunks": 1, "rows_shown": 3, "runs": 1, "integrations": 1, "budgets": 0, "notifications": 0,
        "questions": 3, "scanned_bytes": 7_000_000, "stored_bytes": 750,
    }  # fmt: skip
    assert found.unknown == () and found.units["vcpu_second"] > 0 and found.units["scheduler_job"] > 0


def test_what_is_not_known_is_left_out_and_said(rt: Laptop) -> None:
    note_usage(rt, TENANT)
    found = noted(rt)[TENANT, "2026-04-10"]
    assert (
        found.unknown == ("stored_bytes",)
        and "stored_bytes" not in found.counts
        and "bucket_gib_month" not in found.units
    )
    assert b",stored_bytes," in bill_of([found], "prod")


def test_nothing_is_noted_without_an_operator_or_of_today_or_of_nobody(rt: Laptop, tmp_path: Path) -> None:
    rt.clock.moment = NOW
    assert note_usage(rt, TENANT) == [TODAY - DAY]  # not today
    assert note_usage(rt, "nobody_1") == []
    with laptop(tmp_path / "home") as without:
        without.clock.moment = NOW + 2 * DAY
        assert note_usage(without, TENANT) == []
    with laptop(tmp_path / "home", operator_org="nobody_1") as other:
        other.clock.moment = NOW + 2 * DAY
        assert note_usage(other, TENANT) == []


def test_days_that_nobody_noted_are_caught_up_with_once_each(rt: Laptop) -> None:
    note_usage(rt, TENANT)
    first = noted(rt)
    rt.clock.moment = NOW + 4 * DAY
    assert note_usage(rt, TENANT) == [TODAY + n * DAY for n in (1, 2, 3)]
    assert note_usage(rt, TENANT) == []
    after = noted(rt)
    assert first.items() <= after.items() and len(after) == 4
    assert after[TENANT, "2026-04-12"].counts["deliveries"] == 0
    rt.clock.moment = NOW + 90 * DAY
    assert len(note_usage(rt, TENANT)) == 1  # after months without clean-up nobody knows where to begin


def test_clean_up_notes_before_it_removes_and_what_was_killed_between_is_noted_alike(
    rt: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Contention("killed")

    with monkeypatch.context() as patch:
        patch.setattr(noting, "note_days", killed)
        with pytest.raises(Contention):
            on_clean_up(CleanUpRequested("a", TENANT), rt)
    assert noted(rt) == {} and rt.deliveries()
    with monkeypatch.context() as patch:
        patch.setattr(noting, "on_request", killed)
        with pytest.raises(Contention):
            on_clean_up(CleanUpRequested("a", TENANT), rt)
    once = noted(rt)
    on_clean_up(CleanUpRequested("a", TENANT), rt)
    on_clean_up(CleanUpRequested("b", TENANT), rt)
    assert noted(rt) == once and len(once) == 1


def test_a_day_that_is_noted_stays_as_it_is(rt: Laptop) -> None:
    note_days(rt.documents, OPERATOR, [taken(TENANT, TODAY, "5")])
    note_days(rt.documents, OPERATOR, [taken(TENANT, TODAY, "6"), taken(TENANT, TODAY + DAY, "7")])
    assert [one.units["request"] for one in noted(rt).values()] == [5, 7]


def test_days_in_any_order_give_the_same_bill() -> None:
    days = [taken(org, TODAY + n * DAY, str(n + 1)) for org in ("b_org", "a_org") for n in range(5)]
    shuffled = list(days)
    random.Random(7).shuffle(shuffled)
    assert bill_of(days, "prod") == bill_of(shuffled, "prod")


def test_costs_are_exact_and_every_unit_that_is_taken_belongs_to_one_kind(rt: Laptop) -> None:
    prices, _ = load_prices()
    assert cost_of({"request": Decimal(3), "pubsub_byte": Decimal(1)}, prices) == Decimal(
        "0.000001200036379788070917"  # 0.40 x 3 / 10^6 + 40 / 2^40, rounded once
    )
    named = [unit for kind in kinds() for unit in kind.units]
    assert len(named) == len(set(named)) and set(named) <= set(prices)
    note_usage(rt, TENANT)
    assert set(noted(rt)[TENANT, "2026-04-10"].units) <= set(named)


def test_the_bill_is_proved_and_in_no_cost(rt: Laptop) -> None:
    for org in (TENANT, OPERATOR):
        note_usage(rt, org)
    connected(rt)
    [delivery] = synced(rt).deliveries
    prices, _ = load_prices()
    units = [{u: one.units[u] for u in kind.units if u in one.units} for one in noted(rt).values() for kind in kinds()]
    expected = sum((cost_of(some, prices) for some in units), Decimal(0))
    assert delivery.proof is not None and delivery.proof[0]["difference"] == "0"
    assert delivery.proof[0]["column"] == "x_EstimatedCost" and Decimal(delivery.proof[0]["written"]) == expected
    assert delivery.quarantined_rows == 0 and not [
        one for one in delivery.conformance or () if one["keyword"] == "MUST"
    ]
    by_org = estimated(rt, "account")
    assert set(by_org) == {(TENANT,), (OPERATOR,)} and sum(by_org.values()) == expected
    assert set(estimated(rt, "provider")) == {("costwire",)}
    billed = rt.warehouse.query(OPERATOR, "select sum(BilledCost) as billed from cost_data_standard_1_3")
    assert billed == [{"billed": Decimal(0)}]
    row = rt.warehouse.query(
        OPERATOR, "select x_Source from cost_data_standard_1_3 where SubAccountId = 'default' limit 1"
    )
    facts = json.loads(row[0]["x_Source"])
    assert json.loads(facts["counts"])["lines"] == 3 and facts["prices_as_of"] == "2025-06-30"


def test_an_open_month_is_restated_and_a_month_without_news_is_not(rt: Laptop) -> None:
    note_days(rt.documents, OPERATOR, [taken(TENANT, date(2026, 3, 31)), taken(TENANT, date(2026, 4, 1))])
    connected(rt)
    assert {one.billing_period for one in synced(rt).deliveries} == {"2026-03", "2026-04"}
    assert all(run["unchanged"] for run in synced(rt).runs)
    before = {one["billing_period"]: one["delivery_id"] for _, one in current(rt)}
    rt.clock.moment += DAY
    note_days(rt.documents, OPERATOR, [taken(TENANT, date(2026, 4, 2), "500")])
    synced(rt)
    after = {one["billing_period"]: one["delivery_id"] for _, one in current(rt)}
    assert after["2026-03"] == before["2026-03"] and after["2026-04"] != before["2026-04"]
    assert estimated(rt, "month") == {("2026-03",): Decimal("0.0004"), ("2026-04",): Decimal("0.0006")}


def current(rt: Laptop) -> Any:
    return rt.documents.list(f"orgs/{OPERATOR}/deliveries", {"state": "current"})


def test_a_month_that_has_passed_leaves_the_listing_and_stays_shown(rt: Laptop) -> None:
    note_days(rt.documents, OPERATOR, [taken(TENANT, date(2026, 3, 31)), taken(TENANT, date(2026, 4, 1))])
    connected(rt)
    synced(rt)
    rt.clock.moment = datetime(2026, 5, 20, tzinfo=UTC)
    place = rt.source(Source(PLACE, OPERATOR, "costwire", "focus"))
    assert [one.name for one in place.list()] == ["2026-04.csv"]
    again = rt.source(Source(PLACE, OPERATOR, "costwire", "focus", periods=("2026-03",)))
    assert [one.name for one in again.list()] == ["2026-03.csv"]
    synced(rt)
    assert set(estimated(rt, "month")) == {("2026-03",), ("2026-04",)}


def test_removing_a_tenant_changes_no_day_that_has_passed_and_leaves_nothing_of_its_own(rt: Laptop) -> None:
    note_asked(rt.documents, TENANT, NOW, Asked(1, 1))
    note_usage(rt, TENANT)
    connected(rt)
    synced(rt)
    before = estimated(rt, "account")
    remove(rt, TENANT)
    assert note_usage(rt, TENANT) == []
    note_asked(rt.documents, TENANT, rt.clock.now(), Asked(1, 1))  # of a request that was under way
    assert not rt.documents.list(f"orgs/{TENANT}/usage")
    synced(rt)
    assert estimated(rt, "account") == before
    assert "platform_usage" in COLLECTIONS
    remove(rt, OPERATOR)
    assert rt.documents.get(usage_path(OPERATOR, TENANT, "2026-04")) is None


def test_an_organization_without_anything_costs_its_clean_up_only(rt: Laptop) -> None:
    note_usage(rt, OPERATOR)
    found = noted(rt)[OPERATOR, "2026-04-10"]
    prices, _ = load_prices()
    assert not any(found.counts[name] for name in found.counts)
    assert "scheduler_job" not in found.units and cost_of(found.units, prices) < Decimal("0.001")


def test_months_go_at_the_end_of_their_life(rt: Laptop) -> None:
    note_days(rt.documents, OPERATOR, [taken(TENANT, date(2025, 2, 28)), taken(TENANT, date(2026, 3, 1))])
    clean_up(rt, TENANT)
    assert noted(rt, "2025-02")
    clean_up(rt, OPERATOR)
    assert not noted(rt, "2025-02") and noted(rt, "2026-03")


@pytest.mark.parametrize(
    "location, org_slug, integration_id",
    [
        (PLACE, TENANT, "costwire"),
        (f"costwire://{TENANT}/costwire", TENANT, "costwire"),
        (f"{PLACE}/../x", OPERATOR, "costwire"),
        (PLACE, OPERATOR, "other"),
        ("costwire://", OPERATOR, "costwire"),
    ],
)
def test_nobody_but_the_operator_reads_it(rt: Laptop, location: str, org_slug: str, integration_id: str) -> None:
    note_usage(rt, TENANT)
    with pytest.raises(BadConfiguration, match="only the organization that COSTWIRE_OPERATOR_ORG names"):
        rt.source(Source(location, org_slug, integration_id, "focus"))
    with pytest.raises(BadConfiguration, match="COSTWIRE_OPERATOR_ORG"):
        connect(rt, Connection(org_slug, "focus", location, integration_id))


def test_before_the_first_day_a_run_waits(rt: Laptop) -> None:
    connected(rt)
    outcome = synced(rt)
    assert [run["status"] for run in outcome.runs] == ["waiting"] and "no day" in outcome.waiting[0]
    with pytest.raises(NotReady):
        from common.providers.focus.discovery import discover

        discover(rt.source(Source(PLACE, OPERATOR, "costwire", "focus")))


def test_questions_are_added_up_in_memory_and_written_twice_a_minute_at_most(rt: Laptop) -> None:
    counter = AskedCounter(rt)
    for _ in range(5):
        with counting() as scanned:
            note_query(10)
            note_query(20)
        counter.add(TENANT, scanned)
    with counting() as scanned:
        pass
    counter.add(TENANT, scanned)  # answered from memory
    note_query(99)  # outside of a request
    today = rt.clock.now().date()
    assert asked_on(rt.documents, TENANT, today) == Asked()
    rt.clock.sleep(31)
    counter.add(TENANT, [1])
    assert asked_on(rt.documents, TENANT, today) == Asked(6, 151)
    counter.add(OPERATOR, [2])
    counter.flush()
    counter.flush()
    assert asked_on(rt.documents, OPERATOR, today) == Asked(1, 2) and asked_on(rt.documents, TENANT, today) == Asked(
        6, 151
    )


def test_a_request_that_asks_the_warehouse_counts_once_and_one_from_memory_not_at_all(rt: Laptop) -> None:
    counter = AskedCounter(rt)
    ask = create_app(rt, Service(OpenDoor(), asked=counter), ROUTES).test_client()
    for _ in range(3):
        assert ask.get("/api/costs/summary").status_code == 200
    assert ask.get("/health").status_code == 200
    assert ask.get("/api/v1/organizations/nobody_1/costs").status_code == 404
    counter.flush()
    assert asked_on(rt.documents, TENANT, rt.clock.now().date()) == Asked(1, 0)
    assert not rt.documents.list("orgs/nobody_1/usage")


def test_two_clean_ups_at_once_note_a_day_once(rt: Laptop) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: note_usage(rt, TENANT), range(4)))
    assert [TODAY] in found and len(noted(rt)) == 1


def test_questions_that_could_not_be_written_stay(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = AskedCounter(rt)
    counter.add(TENANT, [5])
    with monkeypatch.context() as patch:
        patch.setattr("common.records.asked.note_asked", lambda *_: (_ for _ in ()).throw(Contention("busy")))
        counter.flush()
    counter.add(TENANT, [6])
    counter.flush()
    assert asked_on(rt.documents, TENANT, rt.clock.now().date()) == Asked(2, 11)


def test_a_changed_price_restates_the_months_that_are_open(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    note_days(rt.documents, OPERATOR, [taken(TENANT, TODAY)])
    connected(rt)
    synced(rt)
    prices, checked = load_prices()
    dearer = {**prices, "request": replace(prices["request"], usd=Decimal("0.80"))}
    monkeypatch.setattr("common.running_costs.bill.load_prices", lambda: (dearer, checked))
    rt.clock.moment += DAY
    synced(rt)
    assert estimated(rt, "account") == {(TENANT,): Decimal("0.0008")}
