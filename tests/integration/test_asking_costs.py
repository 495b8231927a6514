"""`costwire costs` as a user asks: periods, comparisons, the top, dollars, files, and what was known on an earlier day."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from common.ports import Slice
from common.reporting.arguments import InvalidQuestion, read_filter
from costwire import cli
from tests.contract.warehouse_cases import ORG, charge, write_parquet
from tests.support import Laptop, laptop

Run = Callable[..., Result]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


@pytest.fixture
def run(rt: Laptop) -> Run:
    def invoke(*words: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli.app, list(words))
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return invoke


def show(
    rt: Laptop, folder: Path, month: str, *rows: dict[str, Any], integration: str = "aws-main", on: str = ""
) -> None:
    """Show rows of one month, delivered on a day."""
    written = write_parquet(folder / "written.parquet", [row | {"x_IntegrationId": integration} for row in rows])
    stored = rt.objects.put_file(f"focus/{ORG}/{integration}/{month}/d1/0.parquet", written)
    moment = datetime.fromisoformat(on or "2026-05-20").replace(tzinfo=UTC)
    assert rt.warehouse.replace_slice(Slice(ORG, integration, month), "d1", moment, [stored.uri]).shown


def on(day: str, cost: str, service: str = "Compute", **more: Any) -> dict[str, Any]:
    return charge(
        BilledCost=cost,
        ServiceName=service,
        ChargePeriodStart=f"{day}T05:00:00Z",
        BillingPeriodStart=f"{day[:7]}-01",
        **more,
    )


def found(run: Run, *words: str, currency: str = "USD") -> dict[str, Any]:
    """One currency of the answer."""
    answer = json.loads(run("costs", *words, "--json").stdout)
    return next(one for one in answer["currencies"] if one["currency"] == currency)


def groups(one: dict[str, Any]) -> dict[Any, str]:
    return {tuple(group["keys"]): group["total"] for group in one["groups"]}


def test_the_rest_beyond_the_top_is_one_row_and_sums_hold(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(rt, tmp_path, "2026-03", *(on("2026-03-05", str(10 - number), f"s{number}") for number in range(6)))
    one = found(run, "--top", "2")
    assert groups(one) == {("s0",): "10", ("s1",): "9"}
    assert (one["others"]["count"], one["others"]["total"], one["others"]["charges"]) == (4, "26", 4)
    assert one["total"] == "45"
    table = run("costs", "--top", "2").stdout
    assert "(4 others)" in table and "26.00" in table and "45.00" in table
    assert found(run, "--top", "6")["others"] is None


def test_a_month_is_compared_with_the_month_before(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(rt, tmp_path, "2026-02", on("2026-02-01", "3"), on("2026-02-28", "5"), on("2026-02-10", "4", "Gone"))
    show(rt, tmp_path, "2026-03", on("2026-03-31", "10"), on("2026-03-01", "7", "New"))
    one = found(run, "--month", "2026-03", "--compare", "previous")
    changes = {group["keys"][0]: (group["total"], group["previous"], group["change"]) for group in one["groups"]}
    assert changes == {
        "Compute": ("10", "8", {"amount": "2", "ratio": "0.25"}),
        "New": ("7", "0", {"amount": "7", "ratio": None}),
        "Gone": ("0", "4", {"amount": "-4", "ratio": "-1"}),
    }
    assert (one["total"], one["previous"]) == ("17", "12")
    said = run("costs", "--month", "2026-03", "--compare", "previous").stdout
    assert "Compared with 2026-02-01 to 2026-02-28." in said and "new" in said and "+25.0%" in said


def test_days_still_filling_are_left_out_of_both_sides(rt: Laptop, run: Run, tmp_path: Path) -> None:
    rt.documents.set(f"orgs/{ORG}/integrations/aws-main", {"provider": "aws"})
    show(rt, tmp_path, "2026-02", *(on(f"2026-02-{day:02}", "10") for day in range(1, 29)))
    show(rt, tmp_path, "2026-03", *(on(f"2026-03-{day:02}", "11") for day in range(1, 13)), on="2026-03-12")
    rt.warehouse.replace_slice(  # the older month was delivered before
        Slice(ORG, "aws-main", "2026-02"), "d1", datetime(2026, 3, 1, tzinfo=UTC), []
    )
    one = found(run, "--month", "2026-03", "--compare", "previous")
    assert (one["total"], one["complete"], one["previous"]) == (
        "132",
        "99",
        "90",
    )  # nine days each: aws fills the last three
    assert one["change"] == {"amount": "9", "ratio": "0.1"}
    said = run("costs", "--month", "2026-03", "--compare", "previous").stdout
    assert "complete days" in said
    assert "Compared with 2026-02-01 to 2026-02-09; days from 2026-03-10 on are still being reported" in said


def test_a_comparison_of_amounts_that_are_not_known_is_not_known(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(rt, tmp_path, "2026-02", on("2026-02-01", "3", ListCost=None), on("2026-02-01", "3"))
    show(rt, tmp_path, "2026-03", on("2026-03-31", "10"))
    one = found(run, "--month", "2026-03", "--compare", "previous", "--metric", "list")
    assert (one["previous"], one["change"]) == (None, {"amount": None, "ratio": None})
    assert "unknown" in run("costs", "--month", "2026-03", "--compare", "previous", "--metric", "list").stdout


def test_charges_without_the_amount_are_counted_below_the_table(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(
        rt,
        tmp_path,
        "2026-03",
        on("2026-03-01", "3", ListCost=None),
        on("2026-03-01", "4"),
        on("2026-03-01", "5", "S", ListCost=None),
    )
    one = found(run, "--metric", "list")
    assert groups(one) == {("Compute",): "4", ("S",): None} and (one["total"], one["unknown"]) == ("4", 2)
    assert (
        "2 of 3 charges in USD have no ListCost; they are not in these amounts."
        in run("costs", "--metric", "list").stdout
    )


def test_dollars_are_exact_and_name_their_rates(rt: Laptop, run: Run, tmp_path: Path) -> None:
    cost = "123456789.000000000000000000000003"
    show(rt, tmp_path, "2026-03", on("2026-03-05", "2"), on("2026-03-05", cost, BillingCurrency="EUR"))
    rates = tmp_path / "rates.csv"
    rates.write_text("month,currency,usd_rate,source\n2026-03,EUR,1.123456789,a bank\n")
    assert run("rates", "set", str(rates)).exit_code == 0
    one = found(run, "--in", "usd")
    assert one["total"] == "138698369.750190521000000000000003370370367"
    said = run("costs", "--in", "USD").stdout
    assert "1 EUR = 1.123456789 USD for 2026-03 (a bank)" in said and "not added up" not in said


def test_a_missing_rate_is_an_error_and_not_a_sum(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(rt, tmp_path, "2026-03", on("2026-03-05", "2"), on("2026-03-05", "1", BillingCurrency="EUR"))
    failed = run("costs", "--in", "USD", status=1)
    assert "no exchange rate from EUR to USD for 2026-03" in str(failed.exception) and not failed.stdout
    assert "not available, expected USD" in run("costs", "--in", "EUR", status=2).output


def test_a_file_has_exact_amounts_the_period_and_its_as_of(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(
        rt,
        tmp_path,
        "2026-03",
        on("2026-03-05", "2.000000000000000000000001", SubAccountName="Shop"),
        on("2026-03-05", "1", "S"),
    )
    words = ("costs", "--by", "account,service", "--month", "2026-03", "--top", "1")
    (first, rest) = csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout))
    assert first["BilledCost"] == "2.000000000000000000000001" and first["account_name"] == "Shop"
    assert (first["from"], first["to"], first["as_of"]) == ("2026-03-01", "2026-03-31", "2026-05-20T00:00:00+00:00")
    assert (rest["account"], rest["others"], rest["BilledCost"]) == ("", "1", "1")
    for name in ("out.csv", "out.json", "out.parquet"):
        assert "2 rows" in run(*words, "--out", str(tmp_path / name)).stdout
    assert (tmp_path / "out.csv").read_text() == run(*words, "--format", "csv").stdout
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads(run(*words, "--json").stdout)
    read = duckdb.sql(f"select BilledCost, service, \"from\" from '{tmp_path / 'out.parquet'}'").fetchall()
    assert read[0][:2] == (Decimal("2.000000000000000000000001"), "Compute") and str(read[0][2]) == "2026-03-01"


def test_the_last_days_end_today(rt: Laptop, run: Run, tmp_path: Path) -> None:
    show(rt, tmp_path, "2026-04", *(on(f"2026-04-{day:02}", "1") for day in range(1, 11)))
    answer = json.loads(run("costs", "--last", "3d", "--json").stdout)
    assert (answer["from"], answer["to"], answer["currencies"][0]["total"]) == ("2026-04-08", "2026-04-10", "3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "servce"], "did you mean 'service'?"),
        (["--by", "service,billing_acount_id"], "did you mean 'BillingAccountId'?"),
        (["--by", "service,service"], "names a dimension twice"),
        (["--where", "servce=x"], "did you mean 'service'?"),
        (["--where", "service"], "is not a condition"),
        (["--where", "BilledCost=1"], "BilledCost is a number"),
        (["--where", "day=soon"], "'soon' is not a date"),
        (["--where", "service in ()"], "lists no values"),
        (["--metric", "bild"], "did you mean 'billed'?"),
        (["--month", "2026-13"], "expected YYYY-MM"),
        (["--month", "2026-03", "--last", "30d"], "--month and --last each name a period"),
        (["--last", "month"], "expected a number and d or w"),
        (["--compare", "previous"], "needs a period with two ends"),
        (["--compare", "previous", "--month", "2026-03", "--by", "day"], "have no day in common"),
        (["--compare", "last", "--month", "2026-03"], "is not a comparison, expected previous"),
        (["--format", "xml"], "is not a format"),
        (["--format", "parquet"], "Parquet needs a file"),
        (["--out", "costs.txt"], "must end in .csv, .json or .parquet"),
        (["--out", "costs.csv", "--format", "json"], "give one of the two"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(run: Run, words: list[str], said: str) -> None:
    refused = run("costs", *words, status=2)
    assert said in " ".join(refused.output.split()) and not refused.stdout


@pytest.mark.parametrize("text", [" " * 2000, "a" + " " * 2000 + "b", "service" + " " * 2000 + "in", "a " * 1000])
def test_a_long_condition_is_refused_at_once(text: str) -> None:
    """500 spaces once took a second of processor time, and the time grew with the cube of their number."""
    began = time.process_time()
    with pytest.raises(InvalidQuestion):
        read_filter(text)
    assert time.process_time() - began < 0.5


def test_a_name_in_a_condition_may_have_spaces_and_is_trimmed() -> None:
    assert read_filter("  tag:my key  not in ( a , b ) ").as_text() == "tag:my key not in (a, b)"
    assert read_filter(" service = x ").as_text() == "service=x"
    assert read_filter("service in (x)").as_text() == "service=x"
