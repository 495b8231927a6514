"""The roll-up has what the charges add up to, whatever was shown, replaced, withdrawn or killed before, and answers budgets alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.adapters.embedded.slice_pointers import collection_of
from common.adapters.gcp import bigquery_swap
from common.budgets import questions
from common.budgets.questions import newest_period, read_charged_days, read_deliveries, read_drivers, read_spend
from common.domain import budgets
from common.domain.budgets import Budget, Scope
from common.focus import TABLE
from common.ports import Slice
from common.warehouse.daily import DAILY_COLUMNS, DAILY_TABLE
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

BACKENDS = chosen("WAREHOUSES", "duckdb")
METRICS = [name for name in budgets.METRICS if name in DAILY_COLUMNS]
EXAMPLES = {"duckdb": 6, "bigquery": 3}
KEYS = [
    name for name in DAILY_COLUMNS if name not in (*METRICS, "ChargePeriodStart") and DAILY_COLUMNS[name] != "BIGINT"
]
KEYS = [name for name in KEYS if name not in ("x_FirstChargePeriodStart", "x_LastChargePeriodStart", "x_IngestedAt")]
NOW = datetime(2026, 4, 2, tzinfo=UTC)

PERIODS = ("2026-01", "2026-02", "2026-03")
COSTS = st.sampled_from(("0", "-3.10", "0.000000000000000000000001", "12345678901.5", "7"))
CHARGES = st.lists(
    st.fixed_dictionaries(
        {
            "BilledCost": COSTS,
            "EffectiveCost": st.none() | COSTS,
            "ListCost": st.none() | COSTS,
            "ContractedCost": st.none(),
            "BillingCurrency": st.sampled_from(("USD", "USD", "EUR")),
            "ChargePeriodStart": st.sampled_from(
                tuple(
                    f"{day}T{time}Z"
                    for day in ("2025-12-31", "2026-01-31", "2026-02-01", "2026-03-10", "2026-04-01")
                    for time in ("00:00:00", "00:00:01", "23:59:59.999999")
                )
            ),
            "x_Provider": st.sampled_from(("aws", "gcp")),
            "ServiceName": st.sampled_from(("Compute", "Storage", "Köln 'x'")),
            "SubAccountId": st.none() | st.sampled_from(("", "account-1")),
            "RegionId": st.none() | st.sampled_from(("eu-west-1", "us-east-1")),
            "RegionName": st.none() | st.just("Ireland"),
            "x_IngestedAt": st.sampled_from(("2026-03-31T10:00:00Z", "2026-03-31T10:00:01Z")),
        }
    ),
    max_size=8,
)


@contextmanager
def warehouse(backend: str) -> Iterator[Opened]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Opened(Path(folder), backend)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture(params=BACKENDS)
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    with warehouse(request.param) as made:
        yield made


def show(
    opened: Opened, delivery_id: str, rows: list[dict[str, Any]], period: str = "2026-03", integration: str = "aws-main"
) -> None:
    """Show a delivery instead of whatever is shown of its slice.  No rows: as where the last one was withdrawn."""
    piece = Slice(ORG, integration, period)
    own = {"x_IntegrationId": integration, "x_DeliveryId": delivery_id, "BillingPeriodStart": f"{period}-01T00:00:00Z"}
    name = f"focus/{ORG}/{integration}/{period}/{delivery_id}/0.parquet"
    files = [opened.put(name, *(charge(**row) | own for row in rows))] if rows else []
    current = None
    while not (
        done := opened.warehouse.replace_slice(piece, delivery_id, datetime(2026, 4, 1, tzinfo=UTC), files, current)
    ).shown:
        current = done.current


def added_up(opened: Opened) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What the roll-up is to have: the charges added up here, by their keys and day."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in opened.ask(f"select * from {TABLE}"):
        day = row["ChargePeriodStart"].replace(hour=0, minute=0, second=0, microsecond=0)
        found.setdefault((*(row[name] for name in KEYS), day), []).append(row)
    return {key: _measures(rows) for key, rows in found.items()}


def _measures(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    amounts = [[row[name] for row in rows if row[name] is not None] for name in METRICS]
    starts = [row["ChargePeriodStart"] for row in rows]
    sums = [sum(each, Decimal(0)) if each else None for each in amounts]
    return (*sums, len(rows), min(starts), max(starts), max(row["x_IngestedAt"] for row in rows))


def rolled_up(opened: Opened) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    measures = (*METRICS, "x_Charges", "x_FirstChargePeriodStart", "x_LastChargePeriodStart", "x_IngestedAt")
    rows = opened.ask(f"select * from {DAILY_TABLE}")
    found = {
        (*(row[name] for name in (*KEYS, "ChargePeriodStart")),): tuple(row[name] for name in measures) for row in rows
    }
    assert len(found) == len(rows)
    return found


@contextmanager
def killed_before_the_swap(opened: Opened) -> Iterator[None]:
    """The process ends when all is written and nothing shown."""
    with pytest.MonkeyPatch.context() as patch:
        where: tuple[Any, str] = (opened.documents, "transact")
        if opened.backend == "bigquery":
            where = (bigquery_swap.Swaps, "swap")
        patch.setattr(*where, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with suppress(KeyboardInterrupt):
            yield


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("show", "show", "again", "withdraw", "kill")),
        st.sampled_from(("aws-main", "gcp-main")),
        st.sampled_from(PERIODS[1:]),
        CHARGES,
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_roll_up_is_what_the_charges_add_up_to(backend: str) -> None:
    @settings(max_examples=EXAMPLES[backend], deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def run(steps: list[tuple[str, str, str, list[dict[str, Any]]]]) -> None:
        known: dict[tuple[str, str], list[tuple[str, list[dict[str, Any]]]]] = {}
        with warehouse(backend) as opened:
            for number, (step, integration, period, rows) in enumerate(steps):
                earlier = known.setdefault((integration, period), [])
                if step == "again" and earlier:
                    delivery_id, rows = earlier[number % len(earlier)]
                else:
                    delivery_id, rows = f"d{number}", [] if step == "withdraw" else rows
                earlier.append((delivery_id, rows))
                if step == "kill":
                    with killed_before_the_swap(opened):
                        show(opened, delivery_id, rows, period, integration)
                    assert rolled_up(opened) == added_up(opened)
                show(opened, delivery_id, rows, period, integration)
                assert rolled_up(opened) == added_up(opened)
            other = opened.another_reader()
            assert len(other.query(ORG, f"select * from {DAILY_TABLE}")) == len(rolled_up(opened))

    run()


BUDGETS = st.builds(
    lambda period, metric, currency, scope: Budget(
        "b",
        "b",
        Decimal(100),
        currency,
        period,
        scope=scope,
        metric=metric,
        starts_on=date(2026, 1, 31) if period == "custom" else None,
        ends_on=date(2026, 3, 11) if period == "custom" else None,
    ),
    st.sampled_from(("monthly", "quarterly", "yearly", "custom")),
    st.sampled_from(METRICS),
    st.sampled_from(("USD", "EUR")),
    st.builds(
        Scope,
        providers=st.sampled_from(((), ("aws",))),
        accounts=st.sampled_from(((), ("account-1",), ("", "payer"))),
        services=st.sampled_from(((), ("Köln 'x'", "Storage"))),
        regions=st.sampled_from(((), ("Ireland", "us-east-1"))),
    ),
)


def answers(opened: Opened, budget: Budget) -> list[Any]:
    """Everything that an evaluation asks, over every period that there is."""
    found: list[Any] = [newest_period(opened.warehouse, ORG, budget, NOW)]
    for day in (date(2026, 2, 1), date(2026, 3, 1)):
        period = budget.period_of(day)
        spend = read_spend(opened.warehouse, ORG, budget, period, NOW)
        # sources come in the order of an answer's rows, which has no meaning
        found.append(replace(spend, sources=tuple(sorted(spend.sources, key=lambda one: sorted(one.daily.items())))))
        found += [read_drivers(opened.warehouse, ORG, budget, period, days) for days in (9, period.days)]
        found.append(read_deliveries(opened.warehouse, ORG, budget, period, ["d1", "d2", "d9"]))
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_budget_is_answered_alike_by_the_roll_up_and_by_the_charges(backend: str) -> None:
    @settings(max_examples=EXAMPLES[backend], deadline=None, suppress_health_check=list(HealthCheck))
    @given(CHARGES, CHARGES, BUDGETS)
    def run(first: list[dict[str, Any]], second: list[dict[str, Any]], budget: Budget) -> None:
        with warehouse(backend) as opened:
            show(opened, "d1", first, "2026-02")
            show(opened, "d2", second, "2026-03", "gcp-main")
            days = opened.ask(
                "select BillingPeriodStart as billing_period_start, min(ChargePeriodStart) as first_charge, "
                f"max(ChargePeriodStart) as last_charge from {TABLE} group by BillingPeriodStart"
            )
            assert _sorted(vars(one) for one in read_charged_days(opened.warehouse, ORG)) == _sorted(days)
            from_days = answers(opened, budget)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(questions, "_DAILY", questions._CHARGES)
                assert from_days == answers(opened, budget)

    run()


def _sorted(rows: Any) -> list[dict[str, Any]]:
    return sorted((dict(row) for row in rows), key=lambda row: row["billing_period_start"])


def test_a_scope_with_tags_is_asked_of_the_charges_and_one_without_of_the_roll_up() -> None:
    asked: list[str] = []

    class Noting:
        def query(self, org_slug: str, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
            asked.append(sql)
            return []

    for scope, table in ((Scope(), DAILY_TABLE), (Scope(tags={"team": ("a",)}), TABLE)):
        asked.clear()
        budget = Budget("b", "b", Decimal(100), "USD", "monthly", scope=scope)
        period = budget.period_of(date(2026, 3, 1))
        read_spend(Noting(), ORG, budget, period, NOW)
        read_drivers(Noting(), ORG, budget, period, 31)
        read_deliveries(Noting(), ORG, budget, period, ["d1"])
        own = [sql for sql in asked if "first_charge" not in sql]
        assert len(own) == 3
        assert all(f"from {table}" in sql for sql in own)


def forget_the_roll_up(opened: Opened) -> None:
    """As a version without a roll-up left the warehouse."""
    if opened.backend == "duckdb":
        for name, document in opened.documents.list(collection_of(ORG)):
            opened.documents.set(f"{collection_of(ORG)}/{name}", {k: v for k, v in document.items() if k != "daily"})
        for item in opened.objects.list(f"daily/{ORG}/"):
            opened.objects.delete(item.uri)
        return
    client, reference = opened.warehouse._client, opened.warehouse._datasets.made(ORG)
    jobs = opened.warehouse._swaps._jobs
    (row,) = jobs.rows("select turn from swap_turns", reference)
    client.delete_table(reference.table("swap_turns"), timeout=30)
    client.delete_table(reference.table(DAILY_TABLE), timeout=30)
    jobs.rows("create table swap_turns (turn int64)", reference)
    jobs.rows("insert into swap_turns (turn) values (@turn)", reference, {"turn": row["turn"]})
    dataset = client.get_dataset(reference, timeout=30)
    dataset.labels = {"costwire_layout": "earlier"}
    client.update_dataset(dataset, ["labels"], timeout=30)


ROWS = [
    {"BilledCost": "1.000000000000000000000001", "ChargePeriodStart": "2026-03-10T05:00:00Z"},
    {"BilledCost": "2", "ChargePeriodStart": "2026-03-10T23:00:00Z", "EffectiveCost": None},
    {"BilledCost": "4", "ChargePeriodStart": "2025-12-31T23:00:00Z", "ServiceName": "Storage"},
]


def test_deliveries_that_were_shown_before_there_was_a_roll_up_are_in_it(opened: Opened) -> None:
    show(opened, "d1", ROWS)
    show(opened, "d2", ROWS[1:], "2026-02")
    known = rolled_up(opened)
    forget_the_roll_up(opened)
    if opened.backend == "bigquery":  # who may only ask cannot make the table; the question adds up the charges
        opened.warehouse._datasets._asked.add(ORG)
        assert rolled_up(opened) == known
    opened.warehouse = opened.another_reader()
    assert rolled_up(opened) == known == added_up(opened)
    show(opened, "d3", ROWS[:1])
    assert rolled_up(opened) == added_up(opened)
    opened.warehouse = opened.another_reader()
    assert rolled_up(opened) == added_up(opened)
    assert len(rolled_up(opened)) == 3


def test_a_swap_by_a_version_without_a_roll_up_is_made_up_for_by_the_next_one(opened: Opened) -> None:
    opened.needs("swaps without a roll-up")
    show(opened, "d1", ROWS)
    jobs, reference = opened.warehouse._swaps._jobs, opened.warehouse._datasets.made(ORG)
    show(opened, "d2", ROWS[1:], "2026-02")
    jobs.rows(f"delete from {DAILY_TABLE} where x_DeliveryId = 'd2'", reference)
    jobs.rows("update swap_turns set turn = turn + 1 where true", reference)
    assert rolled_up(opened) != added_up(opened)
    show(opened, "d3", ROWS[:1])
    assert rolled_up(opened) == added_up(opened)
    assert len(rolled_up(opened)) == 3
