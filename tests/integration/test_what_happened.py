"""What `import` and `sync` say of each delivery: new, in place of an earlier one, nothing new, not shown; and of its lines and rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.records.organizations import ensure_default
from common.reporting.outcomes import OUTCOMES
from costwire.imports import import_bill, sync
from tests.support import Laptop, cur_line, cur_text, laptop

SAMPLES = Path(__file__).parents[2] / "costwire" / "samples"
EARLY, LATE = datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        yield made


def bill(tmp_path: Path, *costs: str, name: str = "bill.csv") -> Path:
    path = tmp_path / name
    path.write_text(cur_text([cur_line(number, cost) for number, cost in enumerate(costs)]))
    return path


def said(capsys: pytest.CaptureFixture[str], path: Path, **stated: Any) -> dict[str, Any]:
    """The one outcome of an import, as programs get it."""
    capsys.readouterr()
    import_bill([path], as_json=True, **stated)
    (outcome,) = json.loads(capsys.readouterr().out)["outcomes"]
    assert outcome["outcome"] in OUTCOMES
    return dict(outcome)


def test_a_first_bill_is_new(rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = said(capsys, bill(tmp_path, "1.10", "2"))
    assert outcome["outcome"] == "new" and outcome["replaced"] is None
    assert outcome["totals"] == [{"currency": "USD", "before": None, "after": "3.1", "difference": None}]
    assert (outcome["lines"], outcome["rows"], outcome["quarantined_rows"], outcome["rows_reason"]) == (2, 2, 0, None)


def test_a_newer_bill_replaces_and_says_both_totals_and_the_difference(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = said(capsys, bill(tmp_path, "1.10", "2"), delivered_at=EARLY)
    second = said(capsys, bill(tmp_path, "1.10", "2.000000000000000000000001"), delivered_at=LATE)
    assert second["outcome"] == "replaces" and second["replaced"] == first["delivery_id"]
    assert second["totals"] == [
        {
            "currency": "USD",
            "before": "3.1",
            "after": "3.100000000000000000000001",
            "difference": "0.000000000000000000000001",
        }
    ]


def test_a_replacement_in_words(rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = said(capsys, bill(tmp_path, "1000", "2"), delivered_at=EARLY)
    import_bill([bill(tmp_path, "7")], delivered_at=LATE)
    printed = capsys.readouterr().out
    assert f"replaces {first['delivery_id'][:8]}: 1,002 USD became 7 (-995)" in printed


def test_the_same_bytes_again_are_nothing_new(rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bill(tmp_path, "1")
    said(capsys, path)
    again = said(capsys, path)
    assert again["outcome"] == "nothing new" and again["totals"] == []
    sync(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["outcomes"], [run["unchanged"] for run in told["runs"]]) == ([], [True])
    sync()
    assert capsys.readouterr().out == "aws-111122223333: nothing new at its location\n"


def test_an_older_bill_is_not_shown(rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, bill(tmp_path, "1"), delivered_at=LATE)
    assert said(capsys, bill(tmp_path, "2"), delivered_at=EARLY)["outcome"] == "not shown"


def test_an_earlier_bill_that_is_shown_again_replaces_the_later_one(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, bill(tmp_path, "1"), delivered_at=EARLY)
    second = said(capsys, bill(tmp_path, "5"), delivered_at=datetime(2026, 4, 3, tzinfo=UTC))
    again = said(capsys, bill(tmp_path, "1"), delivered_at=LATE)
    assert (again["outcome"], again["replaced"]) == ("replaces", second["delivery_id"])
    assert again["totals"][0]["difference"] == "-4"


def test_a_file_that_adds_to_a_month_says_what_the_month_was_before(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (SAMPLES / "oci" / "cost-report-2026-03.csv.gz").read_bytes()
    header, *lines = gzip.decompress(whole).decode().splitlines(keepends=True)
    (tmp_path / "one.csv").write_text(header + "".join(lines[:400]))
    (tmp_path / "two.csv").write_text(header + "".join(lines[400:]))
    first = said(capsys, tmp_path / "one.csv")
    second = said(capsys, tmp_path / "two.csv")
    assert second["outcome"] == "replaces" and second["totals"][0]["before"] == first["totals"][0]["after"]
    assert second["totals"][0]["after"] == "83210.9628" and second["lines"] == len(lines)


def test_lines_that_give_no_row_or_several_are_explained(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = said(capsys, SAMPLES / "aws")
    assert (aws["lines"], aws["rows"]) == (1921, 1681) and "savings plan negations give no row" in aws["rows_reason"]
    import_bill([SAMPLES / "gcp"])
    assert "936 lines gave 1,128 rows: a promotion, and" in capsys.readouterr().out


def test_a_line_in_quarantine_needs_no_other_reason(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = said(capsys, bill(tmp_path, "1", "not a number"))
    assert (outcome["lines"], outcome["rows"], outcome["quarantined_rows"]) == (2, 1, 1)
    assert outcome["rows_reason"] is None


def test_a_bill_of_several_currencies_names_one_that_is_gone(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(cur_text([cur_line(1, "1"), cur_line(2, "2", CurrencyCode="EUR")]))
    said(capsys, path, delivered_at=EARLY)
    second = said(capsys, bill(tmp_path, "1"), delivered_at=LATE)
    assert [(one["currency"], one["before"], one["after"]) for one in second["totals"]] == [
        ("EUR", "2", "0"),
        ("USD", "1", "1"),
    ]
