"""The BigQuery warehouse against its peer: what the common cases cannot tell, as datasets, jobs, races and deaths in between."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace as replaced
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import storage_backends
from google.api_core.exceptions import BadRequest
from google.api_core.exceptions import NotFound as NoSuchThing
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from common.adapters.gcp import bigquery_questions, bigquery_swap, bigquery_turns
from common.adapters.gcp.bigquery import BigQueryWarehouse
from common.errors import BadBill, BadConfiguration, Contention, NotFound, Retryable
from common.focus import TABLE
from common.ports import Replacement, Slice, Swap
from common.reporting.arguments import read_filter
from common.warehouse.catalogued import catalogued
from common.warehouse.cost_report import CostsQuery, CostSum, Days, Metric, read_costs, read_slices
from common.warehouse.daily import DAILY_TABLE
from common.warehouse.dimensions import SHORT, dimension
from common.warehouse.promised import view_names
from tests.contract.backends import chosen
from tests.contract.warehouse_backends import REGION, environment_of, settings_of
from tests.contract.warehouse_cases import MARCH, ORG, Opened, charge, swap, write_parquet

if "bigquery" not in chosen("WAREHOUSES", "duckdb"):
    pytest.skip("CONTRACT_WAREHOUSES does not name bigquery", allow_module_level=True)

PIECE = Slice(ORG, "aws-main", MARCH)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made = Opened(tmp_path, "bigquery")
    yield made
    made.close()


def dataset_of(opened: Opened) -> bigquery.DatasetReference:
    return bigquery.DatasetReference(settings_of(opened.folder).project, f"{ORG}_{environment_of(opened.folder)}")


def jobs_named(opened: Opened, work: str) -> list[str]:
    """The ids of the load jobs of a kind of work into the place's dataset."""
    jobs = opened.warehouse._client.list_jobs(min_creation_time=opened.clock.moment, timeout=30)
    mine = [job for job in jobs if job.job_id.startswith(f"costwire-{work}")]
    return sorted(job.job_id for job in mine if job.destination.dataset_id == dataset_of(opened).dataset_id)


def tables_of(opened: Opened) -> set[str]:
    return {table.table_id for table in opened.warehouse._client.list_tables(dataset_of(opened), timeout=30)}


def test_a_dataset_is_made_with_labels_partitions_and_clusters(opened: Opened) -> None:
    opened.billed()
    client = opened.warehouse._client
    dataset = client.get_dataset(dataset_of(opened), timeout=30)
    assert dataset.location == REGION
    assert dataset.labels["costwire_env"] == environment_of(opened.folder)
    assert dataset.labels["costwire_org"] == ORG
    table = client.get_table(dataset_of(opened).table(TABLE), timeout=30)
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "ChargePeriodStart")
    assert table.clustering_fields == ["x_IntegrationId", "x_Provider", "SubAccountId", "ServiceName"]
    kinds = {field.name: field.field_type.split("(")[0] for field in table.schema}
    assert (kinds["BilledCost"], kinds["ConsumedQuantity"], kinds["Tags"]) == ("BIGNUMERIC", "BIGNUMERIC", "STRING")
    tables = {TABLE, DAILY_TABLE, "restatements", "pipeline_runs", "exchange_rates", "slices", "swap_turns"}
    assert tables_of(opened) == tables | view_names()


def test_a_dataset_elsewhere_is_named_with_what_to_do(opened: Opened) -> None:
    elsewhere = bigquery.Dataset(dataset_of(opened))
    elsewhere.location = "US"
    opened.warehouse._client.create_dataset(elsewhere, timeout=30)
    with pytest.raises(BadConfiguration, match=f"is in US, expected {REGION}: set COSTWIRE_REGION") as caught:
        opened.show("d1", charge())
    assert "\n" not in str(caught.value)
    assert tables_of(opened) == set()


def test_a_dataset_of_an_earlier_version_gets_what_it_lacks(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="3"))
    client, reference = opened.warehouse._client, dataset_of(opened)
    dataset = client.get_dataset(reference, timeout=30)
    dataset.labels = {"costwire_layout": "earlier"}
    client.update_dataset(dataset, ["labels"], timeout=30)
    client.delete_table(reference.table("cost_daily"), timeout=30)
    client.delete_table(reference.table("exchange_rates"), timeout=30)
    reader = opened.another_reader()
    assert reader.query(ORG, "select cost_usd from cost_daily") == [{"cost_usd": 3}]


def together(*works: Callable[[], Any]) -> list[Any]:
    """Results, or errors, of works that run at the same time."""
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = works[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return results


def test_two_workers_make_one_dataset(opened: Opened) -> None:
    readers = [opened.another_reader() for _ in range(2)]
    question = f"select count(*) as n from {TABLE}"
    assert together(*(lambda r=reader: r.query(ORG, question) for reader in readers)) == [[{"n": 0}], [{"n": 0}]]


def replace(opened: Opened, delivery_id: str, cost: str, day: int) -> Replacement:
    """As another worker would."""
    rows = charge(BilledCost=cost, x_DeliveryId=delivery_id)
    (own := opened.folder / uuid4().hex).mkdir()  # two workers may write one delivery at once
    written = write_parquet(own / f"{delivery_id}.parquet", [rows])
    uri = opened.objects.put_file(f"focus/{delivery_id}.parquet", written).uri
    worker = opened.another_reader()
    while True:
        try:
            return swap(worker, PIECE, delivery_id, day, [uri])
        except Contention:  # the message would be delivered again
            continue


def test_deliveries_of_one_slice_at_once_end_as_one_after_the_other(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    results = together(lambda: replace(opened, "d2", "20", 2), lambda: replace(opened, "d3", "30", 3))
    assert all(isinstance(result, Replacement) for result in results), results
    assert results[1].shown
    assert opened.billed() == Decimal(30)
    rows = opened.ask("select delivery_replaced, delivery_now, billed_cost_delta as delta from restatements")
    told = {(row["delivery_replaced"], row["delivery_now"]): row["delta"] for row in rows}
    assert told in ({("d1", "d2"): 10, ("d2", "d3"): 10}, {("d1", "d3"): 20})


def test_first_deliveries_of_one_slice_at_once_leave_one(opened: Opened) -> None:
    opened.billed()
    results = together(lambda: replace(opened, "d1", "10", 1), lambda: replace(opened, "d2", "20", 2))
    assert all(isinstance(result, Replacement) for result in results), results
    assert opened.billed() == Decimal(20)
    assert [row["delivery_id"] for row in opened.pointers()] == ["d2"]


def test_the_same_delivery_by_two_workers_is_shown_once(opened: Opened) -> None:
    opened.billed()
    results = together(lambda: replace(opened, "d1", "10", 1), lambda: replace(opened, "d1", "10", 1))
    assert results == [Replacement(shown=True)] * 2
    assert opened.billed() == Decimal(10)


def test_a_delivery_that_came_between_load_and_swap_is_restated_too(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.show("d1", charge(BilledCost="10"))
    load, raced = bigquery_swap.Swaps.load, []

    def race(swaps: Any, dataset: Any, wanted: Any) -> Any:
        staged = load(swaps, dataset, wanted)
        if "d3" in [one.delivery_id for one in wanted] and not raced:
            raced.append(opened.show("d2", charge(BilledCost="20"), day=2))
        return staged

    monkeypatch.setattr(bigquery_swap.Swaps, "load", race)
    assert opened.show("d3", charge(BilledCost="30"), day=3) == Replacement(shown=True, replaced="d2")
    assert raced == [Replacement(shown=True, replaced="d1")]
    rows = opened.ask("select delivery_replaced, billed_cost_delta from restatements order by delivery_replaced")
    assert [tuple(row.values()) for row in rows] == [("d1", 10), ("d2", 10)]
    assert opened.billed() == Decimal(30)


def test_a_worker_killed_between_load_and_swap_is_followed_by_one_that_finds_the_load(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.show("d1", charge(BilledCost="10"))
    with monkeypatch.context() as killed:
        killed.setattr(bigquery_swap.Swaps, "swap", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            opened.show("d2", charge(BilledCost="20"), day=2)
    assert opened.billed() == Decimal(10)
    loads = jobs_named(opened, "load")
    assert opened.show("d2", charge(BilledCost="20"), day=2) == Replacement(shown=True, replaced="d1")
    assert (jobs_named(opened, "load"), opened.billed()) == (loads, Decimal(20))


def swaps_of(opened: Opened) -> list[bigquery.QueryJob]:
    """Every transaction that was tried on the place's dataset."""
    jobs = opened.warehouse._client.list_jobs(min_creation_time=opened.clock.moment, timeout=30)
    mine = [job for job in jobs if job.job_id.startswith("costwire-swap")]
    return [job for job in mine if job.default_dataset.dataset_id == dataset_of(opened).dataset_id]


def several(opened: Opened, count: int, version: str) -> list[Swap]:
    """A delivery of one charge of 1 for each of so many slices."""
    moment, found = datetime(2026, 4, 1, tzinfo=UTC), []
    for number in range(count):
        integration, delivery_id = f"aws-{number}", f"{version}-{number}"
        row = charge(x_IntegrationId=integration, x_DeliveryId=delivery_id)
        uri = opened.put(f"focus/{delivery_id}.parquet", row)
        found.append(Swap(Slice(ORG, integration, MARCH), delivery_id, moment, [uri]))
    return found


def test_twelve_slices_take_one_load_and_one_transaction_of_as_many_statements_as_one(opened: Opened) -> None:
    opened.warehouse.replace_slices(several(opened, 1, "v0"))
    (alone,) = swaps_of(opened)
    opened.warehouse.replace_slices(several(opened, 12, "v1")[1:])
    assert (len(jobs_named(opened, "load")), len(swaps_of(opened))) == (2, 2)
    (together,) = (job for job in swaps_of(opened) if job.job_id != alone.job_id)
    assert together.query.count(";") == alone.query.count(";")
    assert opened.billed() == Decimal(12)
    assert not [name for name in tables_of(opened) if name.startswith("costwire")]


def test_of_slices_at_once_the_one_that_another_delivery_took_meanwhile_stays_as_it_is(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, other = bigquery_swap.Swaps.load, opened.another_reader()

    def race(swaps: Any, dataset: Any, wanted: Any) -> Any:
        staged = load(swaps, dataset, wanted)
        if len(wanted) > 1:
            other.replace_slices(several(opened, 1, "between"))
        return staged

    monkeypatch.setattr(bigquery_swap.Swaps, "load", race)
    taken, *shown = opened.warehouse.replace_slices(several(opened, 3, "v1"))
    assert (taken, shown) == (Replacement(shown=False, current="between-0"), [Replacement(shown=True)] * 2)
    assert {row["delivery_id"] for row in opened.pointers()} == {"between-0", "v1-1", "v1-2"}
    assert opened.billed() == Decimal(3)


def test_slices_at_once_by_two_workers_are_shown_once(opened: Opened) -> None:
    opened.billed()
    wanted, workers = several(opened, 3, "v1"), [opened.another_reader() for _ in range(2)]

    def shown(worker: Any, swaps: list[Swap]) -> Any:
        while True:
            with suppress(Contention):
                return worker.replace_slices(swaps)

    # one of all, one of two of them, which is another job
    assert together(lambda: shown(workers[0], wanted), lambda: shown(workers[1], wanted[1:])) == [
        [Replacement(shown=True)] * 3,
        [Replacement(shown=True)] * 2,
    ]
    assert opened.billed() == Decimal(3)


def test_slices_at_once_whose_worker_was_killed_before_the_swap_are_loaded_once(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = several(opened, 3, "v1")
    with monkeypatch.context() as killed:
        killed.setattr(bigquery_swap.Swaps, "swap", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            opened.warehouse.replace_slices(wanted)
    assert opened.billed() is None
    assert opened.warehouse.replace_slices(wanted) == [Replacement(shown=True)] * 3
    assert (len(jobs_named(opened, "load")), opened.billed()) == (1, Decimal(3))


def test_rows_of_no_delivery_of_several_are_refused(opened: Opened) -> None:
    first, second = several(opened, 2, "v1")
    strange = opened.put("focus/strange.parquet", charge(x_IntegrationId="aws-1", x_DeliveryId="another"))
    with pytest.raises(BadBill, match="1 rows of 2 deliveries name another integration or delivery"):
        opened.warehouse.replace_slices([first, replaced(second, files=[*second.files, strange])])
    assert opened.billed() is None


def test_a_load_whose_table_is_gone_is_made_again(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(bigquery_swap.Swaps, "swap", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            opened.show("d1", charge(BilledCost="10"))
    (staging,) = [name for name in tables_of(opened) if name.startswith("costwire_load")]
    client = opened.warehouse._client
    assert client.get_table(dataset_of(opened).table(staging), timeout=30).expires > datetime.now(UTC)
    client.delete_table(dataset_of(opened).table(staging), timeout=30)
    opened.show("d1", charge(BilledCost="10"))
    assert (len(jobs_named(opened, "load")), opened.billed()) == (2, Decimal(10))


def test_a_load_that_failed_does_not_stand_in_the_way(opened: Opened) -> None:
    uri = opened.objects.uri("focus/late.parquet")
    for _ in range(2):
        with pytest.raises(NotFound, match="a file of delivery d1 does not exist"):
            opened.warehouse.replace_slice(PIECE, "d1", datetime(2026, 4, 1, tzinfo=UTC), [uri])
    opened.put("focus/late.parquet", charge(BilledCost="10"))
    opened.warehouse.replace_slice(PIECE, "d1", datetime(2026, 4, 1, tzinfo=UTC), [uri])
    assert (len(jobs_named(opened, "load")), opened.billed()) == (3, Decimal(10))


def test_files_are_loaded_from_cloud_storages_peer(opened: Opened) -> None:
    if not os.environ.get("STORAGE_EMULATOR_HOST"):
        pytest.skip("Cloud Storage's peer does not run")
    objects = storage_backends.open_objects(opened.folder)
    name = f"focus/{ORG}/aws-main/{MARCH}/d1/0 é.parquet"
    uri = objects.put_file(name, write_parquet(opened.folder / "written.parquet", [charge(BilledCost="10")])).uri
    opened.warehouse.replace_slice(PIECE, "d1", datetime(2026, 4, 1, tzinfo=UTC), [uri])
    assert opened.billed() == Decimal(10)
    with pytest.raises(NotFound, match="a file of delivery d2 does not exist"):
        swap(opened.warehouse, PIECE, "d2", 2, [f"{uri}.gone"])


@pytest.mark.parametrize("known", [True, False])
def test_a_tenant_that_was_removed_can_be_replayed(opened: Opened, known: bool) -> None:
    """known: by a process that had the dataset in use."""
    opened.show("d1", charge(BilledCost="10"))
    opened.warehouse._client.delete_dataset(dataset_of(opened), delete_contents=True, timeout=30)
    if not known:
        opened.warehouse = opened.another_reader()
    assert opened.show("d1", charge(BilledCost="10")) == Replacement(shown=True)
    assert opened.billed() == Decimal(10)


def in_session(opened: Opened, sql: str, session: str | None = None) -> str:
    """Run a statement in a session, a new one by default; returns the session's id."""
    properties = [bigquery.ConnectionProperty("session_id", session)] if session else []
    config = bigquery.QueryJobConfig(
        default_dataset=dataset_of(opened), create_session=session is None, connection_properties=properties
    )
    job = opened.warehouse._client.query(sql, job_config=config, job_retry=None)
    job.result(job_retry=None)
    return str(job.session_info.session_id)


def test_the_second_of_two_transactions_on_one_table_is_cancelled_at_its_first_statement(opened: Opened) -> None:
    """Of the peer: it does as BigQuery does, so that what is tested against it meets the same."""
    opened.show("d1", charge())
    turn = "update swap_turns set turn = turn + 1 where true"
    first, second, third = (in_session(opened, "begin transaction") for _ in range(3))
    in_session(opened, turn, first)
    with pytest.raises(BadRequest, match=r"aborted due to concurrent update against table .*swap_turns"):
        in_session(opened, turn, second)
    in_session(opened, "commit transaction", first)
    with pytest.raises(BadRequest, match="aborted due to concurrent update"):
        in_session(opened, turn, third)  # which began before the first one ended
    fourth = in_session(opened, "begin transaction")
    in_session(opened, turn, fourth)
    in_session(opened, "commit transaction", fourth)


def test_a_transaction_that_fails_at_its_end_shows_nothing_of_itself(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.show("d1", charge(BilledCost="10"))
    script = bigquery_swap._script

    def broken(*given: Any) -> str:
        return script(*given).replace("commit transaction", "select error('broken'); commit transaction")

    with monkeypatch.context() as breaking:
        breaking.setattr(bigquery_swap, "_script", broken)
        breaking.setattr(bigquery_turns, "MAX_TRIES", 2)
        with pytest.raises(Contention):
            opened.show("d2", charge(BilledCost="20"), day=2)
    assert (opened.billed(), opened.ask("select * from restatements")) == (Decimal(10), [])
    assert opened.show("d2", charge(BilledCost="20"), day=2) == Replacement(shown=True, replaced="d1")


def test_staged_rows_go_with_the_swap(opened: Opened) -> None:
    opened.show("d1", charge())
    assert not [name for name in tables_of(opened) if name.startswith("costwire")]


@pytest.mark.parametrize("column", ["x_DeliveryId", "x_IntegrationId"])
def test_rows_that_no_swap_could_find_again_are_refused(opened: Opened, column: str) -> None:
    uri = opened.put("focus/strange.parquet", charge(), charge(**{column: "another"}))
    with pytest.raises(BadBill, match="1 rows of delivery d1 name another integration or delivery"):
        opened.warehouse.replace_slice(PIECE, "d1", datetime(2026, 4, 1, tzinfo=UTC), [uri])
    assert opened.billed() is None


def test_large_answers_are_those_of_small_ones(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [charge(BilledCost=f"0.{number:024d}", x_SourceRowId=str(number)) for number in range(1, 30)]
    opened.show("d1", *rows)
    question = f"select * from {TABLE} order by BilledCost"
    small = opened.ask(question)
    monkeypatch.setattr(bigquery_questions, "LARGE_ANSWER_ROWS", 10)
    sessions = []
    reader = opened.warehouse._reader
    create = reader.create_read_session
    monkeypatch.setattr(reader, "create_read_session", lambda *a, **k: sessions.append(1) or create(*a, **k))
    assert opened.ask(question) == small
    assert sessions == [1]


def test_runs_are_brought_up_to_date_only_where_they_changed(opened: Opened) -> None:
    opened.documents.set(f"orgs/{ORG}/runs/r1", {"run_id": "r1", "status": "queued"})
    for _ in range(2):
        assert opened.ask("select status from pipeline_runs") == [{"status": "queued"}]
    loads = len(jobs_named(opened, "pipeline_runs"))
    opened.documents.set(f"orgs/{ORG}/runs/r1", {"run_id": "r1", "status": "succeeded"})
    assert opened.ask("select status from pipeline_runs") == [{"status": "succeeded"}]
    assert (loads, len(jobs_named(opened, "pipeline_runs"))) == (1, 2)
    opened.documents.delete(f"orgs/{ORG}/runs/r1")
    assert opened.ask("select status from pipeline_runs") == []


def _place(one: CostSum) -> tuple[str, ...]:
    return one.span, one.currency, str(one.keys), str(one.billing_month)


def test_the_catalogues_questions_are_answered_as_on_the_laptop(tmp_path: Path) -> None:
    answers = []
    for backend in ("duckdb", "bigquery"):
        (tmp_path / backend).mkdir()
        opened = Opened(tmp_path / backend, backend)
        rows = [
            charge(
                BilledCost=f"{number}.000000000000000000000001",
                x_SourceRowId=str(number),
                ServiceName=f"s{number % 3}",
                Tags='{"env name": "prod", "x": "1"}' if number % 2 else None,
                BillingCurrency="USD" if number % 4 else "EUR",
                ChargePeriodStart=f"2026-03-{10 + number % 5}T23:30:00Z",
            )
            for number in range(20)
        ]
        opened.show("d1", *rows[:15])
        opened.show("d2", *rows, day=2)
        opened.documents.set(f"orgs/{ORG}/runs/r1", {"status": "queued", "started_at": "2026-03-31T10:00:00+00:00"})
        ask = partial(opened.warehouse.query, ORG)
        filters = tuple(map(read_filter, ("tag:x!=2", "service in (s0, s1)", "day!=2026-03-09", "region~EU", "month=")))
        asked = [
            CostsQuery((dimension(by),), Metric.EFFECTIVE_COST, Days(None, date(2026, 3, 13)))
            for by in (*SHORT, "tag:env name", "ChargePeriodStart", "ListCost")
        ]
        asked += [
            CostsQuery(
                (dimension("tag:x"), dimension("account")),
                Metric.CONTRACTED_COST,
                Days(date(2026, 3, 12), date(2026, 3, 14)),
                filters[:number],
                previous=Days(date(2026, 3, 10), date(2026, 3, 11)),
                filling_from=date(2026, 3, 14),
                by_month=True,
            )
            for number in range(len(filters) + 1)
        ]
        reports = [sorted(read_costs(ask, query), key=_place) for query in asked]
        restated = [
            {name: value for name, value in row.items() if name != "replaced_at"}
            for row in opened.ask(catalogued("restatements"))
        ]
        answers.append(
            (
                reports,
                [(one.first_start, one.last_start) for one in read_slices(ask)],
                restated,
                opened.ask(catalogued("runs")),
            )
        )
        opened.close()
    assert answers[0] == answers[1]
    ((first, last),) = answers[0][1]
    assert (first.date(), last.date()) == (date(2026, 3, 10), date(2026, 3, 14))


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_an_export_is_the_laptops_byte_for_byte(tmp_path: Path, name: str) -> None:
    contents = []
    for backend in ("duckdb", "bigquery"):
        (tmp_path / backend).mkdir()
        opened = Opened(tmp_path / backend, backend)
        for integration in ("gcp-main", "aws-main"):
            rows = [
                charge(
                    BilledCost=f"-{number}.000000000000000000000001",
                    ConsumedQuantity="12345678901234567890.123456789012",
                    x_SourceRowId=str(number % 5),
                    Tags='{"a": "b, \\"c\\""}',
                    InvoiceId=None,
                )
                for number in range(40)
            ]
            opened.show(f"{integration}-1", *rows, integration=integration)
        path = opened.folder / name
        assert opened.warehouse.export(ORG, str(path), "BilledCost < @most", {"most": Decimal(-3)}) == 74
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    "question",
    [
        "select * from other_1_prod.cost_data_standard_1_3",
        "select * from `costwire-test.other_1_prod.cost_data_standard_1_3`",
        "select * from external_query('connection', 'select 1')",
        "select (select max(BilledCost) from other_1_prod.cost_data_standard_1_3) as m",
        "select * from swap_turns",
        "select * from INFORMATION_SCHEMA.TABLES",
    ],
)
def test_a_question_reaches_the_promised_tables_only(opened: Opened, question: str) -> None:
    with pytest.raises(BadConfiguration, match=r"no table|reaches|reads files"):
        opened.ask(question)


def test_a_question_that_would_be_refused_has_no_estimate(opened: Opened) -> None:
    assert opened.warehouse.scanned_bytes(ORG, f"select * from {TABLE}") == 0  # the peer never estimates
    with pytest.raises(BadConfiguration, match="SAFE_DIVIDE"):
        opened.warehouse.scanned_bytes(ORG, f"select BilledCost / 2 as half from {TABLE}")


def test_a_server_that_is_away_is_given_up_in_seconds(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    client = bigquery.Client("costwire-test", credentials=AnonymousCredentials())
    away = BigQueryWarehouse(client, settings_of(opened.folder), opened.documents, opened.clock, patience=2)
    began = time.monotonic()
    with pytest.raises(Retryable, match="temporarily unavailable"):
        away.query(ORG, f"select * from {TABLE}")
    assert time.monotonic() - began < 15


def test_a_dataset_that_nobody_asked_for_is_not_there(opened: Opened) -> None:
    with pytest.raises(NoSuchThing):
        opened.warehouse._client.get_dataset(dataset_of(opened), timeout=30)
