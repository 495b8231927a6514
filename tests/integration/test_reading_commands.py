"""The reading commands, as a person and as a program would use them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from common.config import Settings
from common.ports import Slice
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire import costs, deliveries, export, listings, output
from tests.contract.warehouse_cases import MARCH, ORG, charge, swap, write_parquet

Run = Callable[..., Result]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[EmbeddedRuntime]:
    made = EmbeddedRuntime(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    yield made
    bootstrap.use(None)


@pytest.fixture
def run(rt: EmbeddedRuntime, monkeypatch: pytest.MonkeyPatch) -> Run:
    app = typer.Typer()
    app.command("costs")(costs.costs)
    app.command("export")(export.export)
    app.add_typer(deliveries.app, name="deliveries")
    for name in ("runs", "quarantine", "restatements"):
        app.command(name)(getattr(listings, name))
    monkeypatch.setattr(output.console, "_width", 80)

    def invoke(*words: str, status: int = 0) -> Result:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == status, result.output
        tables = [
            line for line in result.stdout.splitlines() if not line.endswith((".", "UTC"))
        ]  # sentences wrap by themselves
        assert all(len(line) <= 80 for line in tables if words[0] != "export") or "--json" in words
        return result

    return invoke


def show(rt: EmbeddedRuntime, tmp_path: Path, delivery_id: str, *rows: dict[str, Any], day: int = 1) -> None:
    written = write_parquet(tmp_path / "written.parquet", rows)
    stored = rt.objects.put_file(f"focus/{ORG}/aws-main/{MARCH}/{delivery_id}/0.parquet", written)
    piece = Slice(ORG, "aws-main", MARCH)
    swap(rt.warehouse, piece, delivery_id, day, [stored.uri])


@pytest.fixture
def charges(rt: EmbeddedRuntime, tmp_path: Path) -> None:
    show(
        rt,
        tmp_path,
        "d1",
        charge(BilledCost="1234567.125", SubAccountName="Shop", Tags='{"team": "a", "odd.\\"key": "x"}'),
        charge(BilledCost="0.000000000000000000000001", Tags='{"team": "b"}'),
        charge(BilledCost="-20", ServiceName="Credits", ChargePeriodStart="2026-03-31T23:00:00Z"),
        charge(BilledCost="5.5", BillingCurrency="EUR", ServiceName="[Storage]", RegionId=None),
    )


def test_costs_shows_each_currency_by_itself(run: Run, charges: None) -> None:
    lines = run("costs").stdout.splitlines()
    assert lines[0] == "2026-03-10 to 2026-03-31, filling from 2026-03-29, as of 2026-04-01 00:00 UTC"
    assert (
        lines[-2] == "0 of 1 delivery proved; days from 2026-03-29 on are still being reported."
    )  # shown without a delivery
    assert lines[-1].startswith("The currencies EUR, USD are not added up; --in USD")
    assert [line.split() for line in lines[2:-2]] == [
        ["service", "BilledCost", "EUR", "share", "charges"],
        ["[Storage]", "5.50", "100.0%", "1"],
        ["total", "5.50", "1"],
        [],
        ["service", "BilledCost", "USD", "share", "charges"],
        ["Compute", "1,234,567.13", "100.0%", "2"],
        ["Credits", "-20.00", "0.0%", "1"],
        ["total", "1,234,547.13", "3"],
    ]


def test_costs_as_json_keeps_every_digit(run: Run, charges: None) -> None:
    found = json.loads(run("costs", "--json").stdout)
    assert found["currencies"][1] == {
        "currency": "USD",
        "total": "1234547.125000000000000000000001",
        "charges": 3,
        "unknown": 0,
        "groups": [
            {
                "keys": ["Compute"],
                "names": [None],
                "total": "1234567.125000000000000000000001",
                "charges": 2,
                "unknown": 0,
            },
            {"keys": ["Credits"], "names": [None], "total": "-20", "charges": 1, "unknown": 0},
        ],
        "others": None,
    }


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("provider", ["aws"]),
        ("account", ["account-1"]),
        ("region", ["eu-west-1"]),
        ("day", ["2026-03-10", "2026-03-31"]),
        ("month", ["2026-03"]),
        ("tag:team", ["a", "b", None]),
        ('tag:odd."key', ["x", None]),
    ],
)
def test_costs_by_every_dimension(run: Run, charges: None, by: str, keys: list[str | None]) -> None:
    dollars = json.loads(run("costs", "--by", by, "--json").stdout)["currencies"][1]
    assert [one["keys"][0] for one in dollars["groups"]] == keys
    assert dollars["total"] == "1234547.125000000000000000000001"


def test_costs_names_an_account_and_what_has_no_tag(run: Run, charges: None) -> None:
    assert "Shop (account-1)" in run("costs", "--by", "account").stdout
    assert "(no tag:team)" in run("costs", "--by", "tag:team").stdout


def test_costs_counts_both_ends_of_a_span_of_days(run: Run, charges: None) -> None:
    def total(*words: str) -> str:
        return str(json.loads(run("costs", "--json", *words).stdout)["currencies"][-1]["total"])

    assert total("--from", "2026-03-31") == "-20"
    assert total("--from", "2026-03-31", "--to", "2026-03-31") == "-20"
    assert total("--to", "2026-03-30") == "1234567.125000000000000000000001"


def test_costs_of_another_metric(run: Run, rt: EmbeddedRuntime, tmp_path: Path) -> None:
    show(rt, tmp_path, "d1", charge(BilledCost="0", EffectiveCost="2", ListCost="3"))
    assert "EffectiveCost USD" in run("costs", "--metric", "effectivecost").stdout
    assert json.loads(run("costs", "--metric", "ListCost", "--json").stdout)["currencies"][0]["total"] == "3"


def test_small_costs_are_not_shown_as_nothing(run: Run, rt: EmbeddedRuntime, tmp_path: Path) -> None:
    show(rt, tmp_path, "d1", charge(BilledCost="0.000123"))
    assert "0.000123" in run("costs").stdout


def test_costs_of_nothing_say_what_to_do(run: Run, rt: EmbeddedRuntime, tmp_path: Path) -> None:
    assert "costwire import" in run("costs").stdout
    show(rt, tmp_path, "d1", charge())
    assert "from 2026-03-10 to 2026-03-10" in run("costs", "--from", "2026-05-01").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--by", "colour"),
        ("--by", "tag:"),
        ("--from", "soon"),
        ("--metric", "UnblendedCost"),
        ("--from", "2026-03-02", "--to", "2026-03-01"),
    ],
)
def test_words_that_are_off_end_with_2(run: Run, words: tuple[str, ...]) -> None:
    assert run("costs", *words, status=2).stdout == ""


def test_export_writes_what_was_asked_for(run: Run, charges: None, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert "4 FOCUS 1.3 rows" in run("export", str(out), "--period", MARCH, "--integration", "aws-main").stdout
    with out.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert sum(Decimal(row["BilledCost"]) for row in rows if row["BillingCurrency"] == "EUR") == Decimal("5.5")
    assert json.loads(run("export", str(out), "--period", "2026-04", "--json").stdout)["rows"] == 0
    assert json.loads(run("export", str(out), "--integration", "other", "--json").stdout)["rows"] == 0


@pytest.mark.parametrize("words", [("out.txt",), ("out.csv", "--period", "March")])
def test_export_refuses_words_that_are_off(run: Run, words: tuple[str, ...]) -> None:
    run("export", *words, status=2)


def delivery(rt: EmbeddedRuntime, delivery_id: str, **values: Any) -> None:
    known = {
        "delivery_id": delivery_id,
        "integration_id": "aws-main",
        "provider": "aws",
        "source_format": "aws_cur",
        "billing_period": MARCH,
        "delivered_at": "2026-04-01T10:00:00Z",
        "state": "current",
        "parts": [],
        "unknown_columns": [],
        "notes": [],
    }
    rt.documents.set(f"orgs/{ORG}/deliveries/{delivery_id}", known | values)


PROOF = {"currency": "USD", "source": "1234.5", "written": "1234.5", "quarantined": "0", "rounded_away": "0"}


def test_deliveries_tell_the_proof_and_what_is_wrong(run: Run, rt: EmbeddedRuntime) -> None:
    delivery(rt, "aaaaaaaaaaaaaaaaaaaa", rows=1234567, proof=[PROOF | {"difference": "0"}], quarantined_rows=3)
    delivery(
        rt,
        "bbbbbbbbbbbbbbbbbbbb",
        state="rejected",
        reason="USD: totals differ by 0.01",
        delivered_at="2026-04-02T10:00:00Z",
        proof=[PROOF | {"difference": "-0.010"}],
        conformance=[
            {"rule": "R1", "keyword": "MUST", "text": "not null", "count": 1200},
            {"rule": "R2", "keyword": "SHOULD", "text": "nice to have", "count": 7},
        ],
    )
    delivery(rt, "cccccccccccccccccccc", state="landed", delivered_at="2026-04-03T10:00:00Z")
    text = run("deliveries").stdout
    order = [text.index(name * 20) for name in "cba"]
    assert order == sorted(order)
    for part in ("1,234,567", "3 quarantined", "1,234.50 USD", "proved", "off by -0.01", "not proved yet"):
        assert part in text
    assert "bbbbbbbb USD: totals differ by 0.01" in text
    assert "bbbbbbbb FOCUS MUST, 1,200 rows: not null (R1)" in text
    assert "nice to have" not in text and "1 FOCUS recommendations not met" in text
    assert [one["delivery_id"][0] for one in json.loads(run("deliveries", "--json").stdout)] == ["c", "b", "a"]
    assert "No deliveries of 2026-05." in run("deliveries", "--period", "2026-05").stdout


def test_runs_show_how_they_ended(run: Run, rt: EmbeddedRuntime) -> None:
    assert "costwire import" in run("runs").stdout
    document = {
        "integration_id": "aws-main",
        "trigger": "import",
        "status": "failed",
        "started_at": "2026-04-01T10:00:00+00:00",
        "ended_at": "2026-04-01T10:00:05+00:00",
        "records": 12345,
        "bytes": 1_600_000,
        "error": "the location [s3://x] does not exist",
        "delivery_ids": [],
    }
    rt.documents.set(f"orgs/{ORG}/runs/r1", {"run_id": "r1", **document})
    text = run("runs").stdout
    for part in ("aws-main", "failed", "2026-04-01 10:00", "5 s", "12,345", "1.5 MiB", "the location [s3://x]"):
        assert part in text
    assert json.loads(run("runs", "--json").stdout)[0]["started_at"] == "2026-04-01T10:00:00+00:00"
    assert json.loads(run("runs", "--integration", "other", "--json").stdout) == []


QUARANTINED = pa.schema(
    [
        ("source_row_id", pa.string()),
        ("reason", pa.string()),
        ("amount", pa.decimal128(38, 24)),
        ("currency", pa.string()),
        ("source_row", pa.string()),
    ]
)


def quarantined(rt: EmbeddedRuntime, tmp_path: Path, delivery_id: str, *lines: tuple[Any, ...]) -> None:
    path = tmp_path / "quarantined.parquet"
    pq.write_table(
        pa.Table.from_pylist([dict(zip(QUARANTINED.names, line, strict=True)) for line in lines], QUARANTINED), path
    )
    rt.objects.put_file(f"quarantine/{ORG}/aws-main/{MARCH}/{delivery_id}/0.parquet", path)


def test_quarantine_gives_reasons_and_amounts_and_keeps_the_lines_to_itself(
    run: Run, rt: EmbeddedRuntime, tmp_path: Path
) -> None:
    assert "No deliveries yet" in run("quarantine").stdout
    delivery(rt, "d1")
    quarantined(
        rt,
        tmp_path,
        "d1",
        ("line 7", "no currency", Decimal("1.5"), "", "secret,line,seven"),
        ("line 8", "no currency", Decimal("0.000001"), "", "secret,line,eight"),
        ("line 9", "cost is not a number", None, "USD", "secret,line,nine"),
    )
    text = run("quarantine").stdout
    for part in ("3 lines in quarantine", "1.500001 (no currency)", "not readable", "line 7"):
        assert part in text
    assert "secret" not in text + run("quarantine", "--json").stdout
    assert "secret,line,nine" in run("quarantine", "--show-rows").stdout
    assert json.loads(run("quarantine", "--json").stdout)[1]["amount"] == "1.5"


def test_quarantine_of_replaced_deliveries_is_shown_on_demand(run: Run, rt: EmbeddedRuntime, tmp_path: Path) -> None:
    delivery(rt, "d1", state="replaced")
    quarantined(rt, tmp_path, "d1", ("line 7", "no currency", Decimal(1), "", "row"))
    assert "Nothing is in quarantine" in run("quarantine").stdout
    assert "line 7" in run("quarantine", "--delivery", "d1").stdout


def test_restatements_say_which_service_changed_by_how_much(run: Run, rt: EmbeddedRuntime, tmp_path: Path) -> None:
    assert "No deliveries yet" in run("restatements").stdout
    show(rt, tmp_path, "d1", charge(BilledCost="10"), charge(ServiceName="Storage", BilledCost="1", EffectiveCost="1"))
    show(rt, tmp_path, "d2", charge(BilledCost="1012.5"), charge(ServiceName="Storage", EffectiveCost="3"), day=2)
    text = run("restatements").stdout
    for part in (f"aws-main {MARCH}", "d2 replaced d1", "1,012.50", "+1,002.50", "effective +2.00"):
        assert part in text
    rows = json.loads(run("restatements", "--json").stdout)
    assert [(row["service_name"], row["billed_cost_delta"]) for row in rows] == [
        ("Compute", "1002.5"),
        ("Storage", "0"),
    ]
    assert json.loads(run("restatements", "--period", "2026-04", "--json").stdout) == []
