"""Cells as a spreadsheet displays them: both readers make the same plain text of them, and leave all others alone."""

import duckdb
import pytest

from common.formats.displayed import is_displayed, plain_sql, plain_text


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("$10,000.00 ", "10000.00"), ("$100.00", "100.00"), (" -$1,234,567.5", "-1234567.5"), ("$48", "48"), ("5/1/25", "2025-05-01"),
        ("12/31/2025", "2025-12-31"), ("$1,00.00", "$1,00.00"), ("$", "$"), ("1,000.00", "1,000.00"), ("5/1", "5/1"), ("", ""),
        ("2025-05-01", "2025-05-01"), ("€5", "€5"), ("0.00 ", "0.00 "), ("5/1/25 10:00", "5/1/25 10:00"),
    ],
)  # fmt: skip
def test_both_readers_read_a_displayed_cell_alike(cell: str, expected: str) -> None:
    assert plain_text(cell) == expected
    assert duckdb.execute(f"select {plain_sql('c')} from (select ? as c)", [cell]).fetchall() == [(expected,)]


def test_a_file_of_a_spreadsheet_is_told_by_its_first_line() -> None:
    assert is_displayed(["2", "5/1/25", "x"]) and is_displayed(["$1.00"])
    assert not is_displayed(["2", "2025-05-01", "price: $1.00", ""]) and not is_displayed([])
