"""What every warehouse must do with slices: replace them in one step, once, in order, and say what changed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import BadConfiguration, NotFound
from common.focus import export_schema, storage_schema
from common.ports import Replacement, Slice
from common.warehouse.promised import SLICE_COLUMNS
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import MARCH, ORG, Opened, charge, swap


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path, request.param)
    yield made
    made.close()


def test_an_empty_warehouse_answers_with_the_whole_schema(opened: Opened) -> None:
    assert opened.ask("select * from cost_data_standard_1_3") == []
    assert opened.ask("select * from restatements") == []
    assert opened.ask("select count(*) as n from pipeline_runs") == [{"n": 0}]
    assert opened.billed() is None


def test_a_first_delivery_is_shown(opened: Opened) -> None:
    assert opened.show("d1", charge(BilledCost="10")) == Replacement(shown=True)
    assert opened.billed() == Decimal(10)
    row = opened.ask("select * from cost_data_standard_1_3")[0]
    assert list(row) == list(storage_schema())
    assert row["ChargePeriodStart"] == datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "cost", ["0", "-3.10", "0.000000000000000000000001", "99999999999999.999999999999999999999999"]
)
def test_a_cost_comes_back_to_the_last_digit(opened: Opened, cost: str) -> None:
    opened.show("d1", charge(BilledCost=cost))
    assert opened.billed() == Decimal(cost)


def test_a_newer_delivery_replaces_the_slice_as_a_whole(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10", x_SourceRowId="1"), charge(BilledCost="5", x_SourceRowId="2"))
    assert opened.show("d2", charge(BilledCost="12.50"), day=2) == Replacement(shown=True, replaced="d1")
    assert opened.billed() == Decimal("12.50")


def test_the_same_delivery_again_changes_nothing_and_answers_alike(opened: Opened) -> None:
    first = [opened.show("d1", charge(BilledCost="10")), opened.show("d2", charge(BilledCost="12"), day=2)]
    pointers = opened.pointers()
    assert opened.show("d2", charge(BilledCost="12"), day=2) == first[1]
    assert opened.pointers() == pointers


@pytest.mark.parametrize("instead_of", [None, "d1", "d9"])
def test_a_delivery_replaces_none_but_the_one_it_was_meant_to(opened: Opened, instead_of: str | None) -> None:
    opened.show("d1", charge(BilledCost="10"))
    opened.show("d2", charge(BilledCost="12"), day=2)
    uri = opened.put("focus/d3.parquet", charge(BilledCost="13", x_DeliveryId="d3"))
    moment = datetime(2026, 4, 3, tzinfo=UTC)
    done = opened.warehouse.replace_slice(Slice(ORG, "aws-main", MARCH), "d3", moment, [uri], instead_of)
    assert done == Replacement(shown=False, current="d2")
    assert opened.billed() == Decimal(12)
    assert len(opened.ask("select * from restatements")) == 1


def test_a_first_delivery_is_not_meant_to_replace_any(opened: Opened) -> None:
    uri = opened.put("focus/d1.parquet", charge(BilledCost="1"))
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    done = opened.warehouse.replace_slice(Slice(ORG, "aws-main", MARCH), "d1", moment, [uri], "d0")
    assert done == Replacement(shown=False, current=None)
    assert opened.billed() is None


def test_an_earlier_delivery_can_be_shown_again(opened: Opened) -> None:
    piece = Slice(ORG, "aws-main", MARCH)
    opened.show("d1", charge(BilledCost="10"))
    opened.show("d2", charge(BilledCost="12"), day=2)
    for number, (delivery_id, instead_of) in enumerate((("d1", "d2"), ("d2", "d1"), ("d1", "d2"))):
        uri = opened.objects.uri(f"focus/{ORG}/aws-main/{MARCH}/{delivery_id}/0.parquet")
        moment = datetime(2026, 4, 3 + number, tzinfo=UTC)
        done = opened.warehouse.replace_slice(piece, delivery_id, moment, [uri], instead_of)
        assert done == Replacement(shown=True, replaced=instead_of)
    assert opened.billed() == Decimal(10)
    deltas = [row["delta"] for row in opened.ask("select billed_cost_delta as delta from restatements")]
    assert sorted(deltas) == [-2, -2, 2, 2]


def test_bytes_that_are_delivered_again_are_as_new_as_their_last_delivery(opened: Opened) -> None:
    first = opened.show("d1", charge(BilledCost="10"), day=1)
    assert opened.show("d1", charge(BilledCost="10"), day=5) == first
    (row,) = opened.ask("select delivered_at from slices")
    assert row["delivered_at"] == datetime(2026, 4, 5, tzinfo=UTC)
    assert (opened.billed(), opened.ask("select * from restatements")) == (Decimal(10), [])


def test_slices_of_other_integrations_stay(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    opened.show("d9", charge(BilledCost="5"), integration="gcp-main")
    opened.show("d2", charge(BilledCost="11"), day=2)
    assert opened.billed() == Decimal(16)


def test_a_restatement_says_what_changed_by_service_day_and_currency(opened: Opened) -> None:
    later = {"ChargePeriodStart": "2026-03-11T00:00:00Z", "ChargePeriodEnd": "2026-03-12T00:00:00Z"}
    opened.show(
        "d1",
        charge(BilledCost="10"),
        charge(BilledCost="0.1", **later),
        charge(ServiceName="Storage", BilledCost="7"),
        charge(ServiceName="Same", BilledCost="3", EffectiveCost="2"),
    )
    opened.show(
        "d2",
        charge(BilledCost="12.000000000000000000000001", EffectiveCost="9"),
        charge(BilledCost="0.05", **later),
        charge(BilledCost="0.05", **later),
        charge(ServiceName="Network", BilledCost="1", BillingCurrency="EUR"),
        charge(ServiceName="Same", BilledCost="3", EffectiveCost="2"),
        day=2,
    )
    rows = opened.ask("select * from restatements order by service_name, charge_date")
    assert [tuple(row.values()) for row in rows] == [
        ("aws-main", MARCH, "d1", "d2", opened.clock.now(), service, day, currency, *map(Decimal, amounts), *counts)
        for service, day, currency, amounts, counts in [
            (
                "Compute",
                date(2026, 3, 10),
                "USD",
                ("10", "12.000000000000000000000001", "2.000000000000000000000001", "-1"),
                (1, 1),
            ),
            ("Compute", date(2026, 3, 11), "USD", ("0.1", "0.1", "0", "0"), (1, 2)),
            ("Network", date(2026, 3, 10), "EUR", ("0", "1", "1", "1"), (0, 1)),
            ("Storage", date(2026, 3, 10), "USD", ("7", "0", "-7", "-7"), (1, 0)),
        ]
    ]


def test_every_replacement_keeps_its_restatement(opened: Opened) -> None:
    for day, cost in enumerate(("10", "12", "12", "11"), start=1):
        opened.show(f"d{day}", charge(BilledCost=cost), day=day)
    rows = opened.ask("select delivery_now, billed_cost_delta from restatements order by delivery_now")
    assert [(row["delivery_now"], row["billed_cost_delta"]) for row in rows] == [("d2", 2), ("d4", -1)]


def test_a_delivery_that_came_between_is_restated_too(opened: Opened) -> None:
    """Another worker swaps the slice while this one compares: the comparison is made again, with what is there now."""
    opened.needs("written aside")
    opened.show("d1", charge(BilledCost="10"))
    put_file, raced = opened.objects.put_file, []

    def race(name, path):  # type: ignore[no-untyped-def]
        if name.startswith("restatements/") and not raced:
            raced.append(name)
            opened.show("d2", charge(BilledCost="20"), day=2)
        return put_file(name, path)

    opened.objects.put_file = race  # type: ignore[method-assign]
    assert opened.show("d3", charge(BilledCost="30"), day=3) == Replacement(shown=True, replaced="d2")
    assert raced
    rows = opened.ask("select delivery_replaced, billed_cost_delta from restatements order by delivery_replaced")
    assert [tuple(row.values()) for row in rows] == [("d1", 10), ("d2", 10)]
    assert opened.billed() == Decimal(30)


def test_another_reader_sees_the_swap_at_once(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    reader = opened.another_reader()
    question = "select sum(BilledCost) as total from cost_data_standard_1_3"
    assert reader.query(ORG, question)[0]["total"] == 10
    opened.show("d2", charge(BilledCost="12"), day=2)
    assert reader.query(ORG, question)[0]["total"] == 12


def test_a_delivery_without_rows_empties_the_slice(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    swap(opened.warehouse, Slice(ORG, "aws-main", MARCH), "d2", 2, [])
    assert opened.billed() is None
    assert opened.ask("select billed_cost_delta from restatements") == [{"billed_cost_delta": Decimal(-10)}]
    question = "select delivery_id, first_start, last_start from slices"
    assert opened.ask(question) == [{"delivery_id": "d2", "first_start": None, "last_start": None}]


def test_files_of_older_schemas_are_read_by_name(opened: Opened) -> None:
    old = opened.put("focus/old.parquet", charge(BilledCost="1"), without=("x_Source", "InvoiceId"))
    new = opened.put("focus/new.parquet", charge(BilledCost="2", InvoiceId="inv"))
    opened.warehouse.replace_slice(Slice(ORG, "aws-main", MARCH), "d1", datetime(2026, 4, 1, tzinfo=UTC), [old, new])
    rows = opened.ask("select BilledCost, InvoiceId, x_Source from cost_data_standard_1_3 order by BilledCost")
    assert [tuple(row.values()) for row in rows] == [(1, None, None), (2, "inv", None)]


def test_a_file_that_is_not_there_shows_nothing(opened: Opened) -> None:
    with pytest.raises(NotFound):
        opened.warehouse.replace_slice(
            Slice(ORG, "aws-main", MARCH),
            "d1",
            datetime(2026, 4, 1, tzinfo=UTC),
            [opened.objects.uri("focus/none.parquet")],
        )
    assert opened.pointers() == []


def test_tenants_see_their_own_rows_only(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    opened.show("d2", charge(BilledCost="5"), org="other_1")
    assert (opened.billed(), opened.billed("other_1"), opened.billed("third_1")) == (10, 5, None)


def test_a_question_cannot_reach_a_neighbours_file(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"))
    opened.show("d2", charge(BilledCost="5"), org="other_1")
    neighbour = opened.objects.uri(f"focus/other_1/aws-main/{MARCH}/d2/0.parquet")
    if opened.backend == "duckdb":
        neighbour = str(next((opened.folder / "objects").glob("**/other_1/**/*.parquet")))
    with pytest.raises(BadConfiguration, match="reads files"):
        opened.ask(f"select * from read_parquet('{neighbour}')")
    with pytest.raises(BadConfiguration):
        opened.ask(f"select * from `{neighbour}`")


@pytest.mark.parametrize("slug", ["", "ab", "../other", "a/b/c", "a b c", "default;", "x" * 51])
def test_what_is_no_slug_is_refused(opened: Opened, slug: str) -> None:
    with pytest.raises(BadConfiguration, match="expected 3 to 50"):
        opened.billed(slug)


def test_questions_take_named_parameters(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="10"), charge(BilledCost="5", ServiceName="Storage"))
    question = "select sum(BilledCost) as total from cost_data_standard_1_3 where ServiceName in unnest(@names)"
    assert opened.ask(question, names=["Storage", "Other"]) == [{"total": Decimal(5)}]
    with pytest.raises(BadConfiguration, match="@names"):
        opened.ask(question)
    with pytest.raises(BadConfiguration, match="@more"):
        opened.ask(question, names=[], more=1)


def test_what_does_not_exist_is_named(opened: Opened) -> None:
    with pytest.raises(BadConfiguration, match="no_such_table"):
        opened.ask("select * from no_such_table")
    with pytest.raises(BadConfiguration, match="NoSuchColumn"):
        opened.ask("select NoSuchColumn from cost_data_standard_1_3")


def test_a_value_that_does_not_fit_is_not_repeated_in_the_error(opened: Opened) -> None:
    opened.show("d1", charge(ServiceName="secret-name"))
    with pytest.raises(BadConfiguration) as caught:
        opened.ask("select cast(ServiceName as int64) as n from cost_data_standard_1_3")
    assert "secret-name" not in str(caught.value)


def test_runs_are_a_table(opened: Opened) -> None:
    opened.documents.set(
        f"orgs/{ORG}/runs/r1",
        {
            "run_id": "r1",
            "integration_id": "aws-main",
            "trigger": "import",
            "status": "succeeded",
            "started_at": "2026-03-31T10:00:00+00:00",
            "ended_at": None,
            "records": 12,
            "bytes": 3400,
            "error": None,
            "delivery_ids": ["d1", "d2"],
        },
    )
    row = opened.ask("select * from pipeline_runs where status = @status", status="succeeded")[0]
    assert row == {
        "run_id": "r1",
        "org_slug": ORG,
        "integration_id": "aws-main",
        "trigger": "import",
        "status": "succeeded",
        "started_at": datetime(2026, 3, 31, 10, tzinfo=UTC),
        "ended_at": None,
        "records": 12,
        "bytes": 3400,
        "error": None,
        "delivery_ids": ["d1", "d2"],
    }
    opened.documents.set(f"orgs/{ORG}/runs/r2", {"run_id": "r2", "status": "queued"})
    assert opened.ask("select count(*) as n from pipeline_runs") == [{"n": 2}]


def exported(opened: Opened, name: str, where: str = "", **parameters: object) -> Path:
    path = opened.folder / name
    opened.warehouse.export(ORG, str(path), where, parameters)
    return path


def test_a_csv_export_has_the_formats_of_the_specification(opened: Opened) -> None:
    opened.show(
        "d1",
        charge(BilledCost="0.000000000000000000000001", ListCost="100", EffectiveCost="-0.50", ContractedCost="0"),
    )
    path = opened.folder / "out.csv"
    assert opened.warehouse.export(ORG, str(path), "") == 1
    with path.open(newline="") as handle:
        header, values = csv.reader(handle)
    row = dict(zip(header, values, strict=True))
    assert header == list(export_schema())
    assert [row[f"{kind}Cost"] for kind in ("Billed", "List", "Effective", "Contracted")] == [
        "0.000000000000000000000001",
        "100",
        "-0.5",
        "0",
    ]
    assert (row["ChargePeriodStart"], row["ConsumedQuantity"]) == ("2026-03-10T00:00:00Z", "2")
    assert (row["InvoiceId"], row["Tags"]) == ("", "{}")
    assert ",0.000000000000000000000001,payer," in path.read_text()


def test_a_parquet_export_has_real_types(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="99999999999999.999999999999999999999999"))
    path = exported(opened, "out.parquet")
    schema = pq.read_schema(path)
    assert schema.names == list(export_schema())
    assert schema.field("BilledCost").type == pa.decimal128(38, 24)
    assert schema.field("ConsumedQuantity").type == pa.decimal128(38, 12)
    assert schema.field("ChargePeriodStart").type.tz == "UTC"
    assert pq.read_table(path)["BilledCost"].to_pylist() == [Decimal("99999999999999.999999999999999999999999")]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
@pytest.mark.parametrize("backend", chosen("WAREHOUSES", "duckdb"))
def test_equal_rows_give_equal_bytes_whatever_their_order(tmp_path: Path, name: str, backend: str) -> None:
    rows = [
        charge(BilledCost=str(number % 7), x_SourceRowId=str(number % 5), ServiceName=f"s{number % 3}")
        for number in range(500)
    ]
    contents = []
    for folder, given in (("one", rows), ("two", list(reversed(rows)))):
        (tmp_path / folder).mkdir()
        opened = Opened(tmp_path / folder, backend)
        opened.show("d1", *given)
        contents.append(exported(opened, name).read_bytes())
    assert contents[0] == contents[1]


def test_an_export_can_be_narrowed(opened: Opened) -> None:
    opened.show("d1", charge())
    opened.show("d2", charge(x_IntegrationId="gcp-main"), integration="gcp-main")
    path = exported(opened, "out.parquet", "x_IntegrationId = @integration", integration="gcp-main")
    assert pq.read_table(path)["x_IntegrationId"].to_pylist() == ["gcp-main"]


def test_an_export_without_rows_is_a_file_with_columns(opened: Opened) -> None:
    assert exported(opened, "out.csv").read_text() == ",".join(export_schema()) + "\n"
    assert pq.read_schema(exported(opened, "out.parquet")).names == list(export_schema())


def test_a_failed_export_leaves_the_earlier_file_and_nothing_else(opened: Opened) -> None:
    opened.show("d1", charge(ServiceName="word"))
    path = opened.folder / "out.csv"
    path.write_text("earlier")
    before = sorted(opened.folder.iterdir())
    with pytest.raises(BadConfiguration, match="does not fit"):
        opened.warehouse.export(ORG, str(path), "cast(ServiceName as int64) = 1")
    assert path.read_text() == "earlier"
    assert sorted(opened.folder.iterdir()) == before


@pytest.mark.parametrize(("name", "message"), [("out.xlsx", "must end in"), ("no/such/out.csv", "there is no folder")])
def test_an_export_that_cannot_be_written_says_why(opened: Opened, name: str, message: str) -> None:
    with pytest.raises(BadConfiguration, match=message):
        exported(opened, name)


def test_slices_say_what_is_current_and_where_its_charges_lie(opened: Opened) -> None:
    opened.show("d1", charge(ChargePeriodStart="2026-03-10T00:00:00Z"), day=1)
    days = ("2026-03-15T00:00:00Z", "2026-03-12T00:00:00Z")
    opened.show("d2", *(charge(ChargePeriodStart=start) for start in days), day=2)
    (row,) = opened.ask(f"select {', '.join(SLICE_COLUMNS)} from slices")
    assert row == {
        "integration_id": "aws-main",
        "billing_period": "2026-03",
        "delivery_id": "d2",
        "delivered_at": datetime(2026, 4, 2, tzinfo=UTC),
        "first_start": datetime(2026, 3, 12, tzinfo=UTC),
        "last_start": datetime(2026, 3, 15, tzinfo=UTC),
    }


def test_restatements_before_a_moment_are_removed_and_the_last_one_stays(opened: Opened) -> None:
    moments = []
    for day, cost in enumerate(("10", "12", "15", "11"), start=1):
        opened.clock.moment = datetime(2026, 3, 31, 12 + day, tzinfo=UTC)
        moments.append(opened.clock.now())
        opened.show(f"d{day}", charge(BilledCost=cost, x_DeliveryId=f"d{day}"), day=day)
    opened.show("o1", charge(BilledCost="1", x_IntegrationId="other", x_DeliveryId="o1"), integration="other")
    opened.show("o2", charge(BilledCost="2", x_IntegrationId="other", x_DeliveryId="o2"), integration="other", day=2)

    def replaced() -> set[tuple[str, str]]:
        rows = opened.ask("select integration_id, delivery_replaced from restatements")
        return {(row["integration_id"], row["delivery_replaced"]) for row in rows}

    slice_ = Slice(ORG, "aws-main", MARCH)
    for _ in range(2):
        opened.warehouse.forget_restatements(slice_, moments[2])
        assert replaced() == {("aws-main", "d2"), ("aws-main", "d3"), ("other", "o1")}
    opened.warehouse.forget_restatements(slice_, datetime(2027, 1, 1, tzinfo=UTC))
    assert replaced() == {("aws-main", "d3"), ("other", "o1")}
    assert opened.billed() == Decimal(13)
    again = opened.show("d4", charge(BilledCost="11", x_DeliveryId="d4"), day=4)
    assert again == Replacement(shown=True, replaced="d3")
