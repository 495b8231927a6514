"""A line without a month counts in exactly one delivery, whatever its file is delivered with, before or after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.reporting.quarantine import read_lines
from tests.support import Laptop, cur_line, cur_text, laptop

DAY = datetime(2026, 4, 1, tzinfo=UTC)
STRAY = cur_line(7, "0.50", BillingPeriodStartDate="soon")


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def lines_of(month: int, number: int) -> dict[str, str]:
    start, end = f"2026-{month:02d}-01T00:00:00Z", f"2026-{month + 1:02d}-01T00:00:00Z"
    return cur_line(number, str(month), BillingPeriodStartDate=start, BillingPeriodEndDate=end)


def bring(rt: Laptop, tmp_path: Path, name: str, files: dict[str, Sequence[dict[str, str]]], days: int) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file, lines in files.items():
        (folder / f"{file}.csv").write_text(cur_text(list(lines)))
    assert [
        outcome.error for outcome in rt.bring(folder, delivered_at=DAY + timedelta(days=days)) if outcome.error
    ] == []


def shown(rt: Laptop) -> dict[str, tuple[int, int]]:
    """By month: rows and quarantined lines of the delivery that is shown, each of which is proved."""
    current = rt.deliveries(state="current")
    for delivery in current:
        assert {proof["difference"] for proof in delivery["proof"]} == {"0"}
    return {one["billing_period"]: (one["rows"], one["quarantined_rows"]) for one in current}


def quarantined(rt: Laptop) -> int:
    return len(list(read_lines(rt.objects, "default", with_rows=True)))


def test_a_file_of_two_months_counts_its_stray_lines_in_the_first(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, "both", {"a": [lines_of(3, 1), STRAY, lines_of(2, 2)]}, 0)
    assert shown(rt) == {"2026-02": (1, 1), "2026-03": (1, 0)}
    assert quarantined(rt) == 1


@pytest.mark.parametrize("alone_first", [True, False])
def test_a_stray_line_stays_where_it_is_when_its_file_comes_beside_one_of_an_earlier_month(
    rt: Laptop, tmp_path: Path, alone_first: bool
) -> None:
    march, february = [lines_of(3, 1), STRAY], [lines_of(2, 2)]
    steps = [{"march": march}, {"february": february, "march": march}]
    for place, files in enumerate(steps if alone_first else reversed(steps)):
        bring(rt, tmp_path, f"step{place}", files, place)
    assert shown(rt) == {"2026-02": (1, 0), "2026-03": (1, 1)}
    assert quarantined(rt) == 1


def test_stray_lines_of_several_files_count_in_the_first_month_of_each(rt: Laptop, tmp_path: Path) -> None:
    files = {
        "a": [lines_of(3, 1), STRAY],
        "b": [lines_of(2, 2), lines_of(3, 3), STRAY],
        "c": [lines_of(4, 4), STRAY, STRAY],
    }
    bring(rt, tmp_path, "all", files, 0)
    for place, name in enumerate(reversed(files)):
        bring(rt, tmp_path, name, {name: files[name]}, -1 - place)  # older: what is shown stays
    assert shown(rt) == {"2026-02": (1, 1), "2026-03": (2, 1), "2026-04": (1, 2)}


def test_a_file_without_any_month_counts_in_the_first_month_beside_it(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, "both", {"a": [lines_of(3, 1)], "b": [lines_of(2, 2)], "c": [STRAY, STRAY]}, 0)
    assert shown(rt) == {"2026-02": (1, 2), "2026-03": (1, 0)}
    assert quarantined(rt) == 2
