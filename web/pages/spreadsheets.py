"""CSV for spreadsheets: text from a bill never becomes a formula."""

from __future__ import annotations

from common.reporting.flat import TEXT, Flat

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_csv(flat: Flat) -> str:
    """The rows with exact decimals; a text that a spreadsheet would take for a formula stands behind an apostrophe."""
    kinds = list(flat.columns.values())
    rows = [
        [
            f"'{value}" if kind == TEXT and isinstance(value, str) and value.startswith(_FORMULA) else value
            for kind, value in zip(kinds, row, strict=True)
        ]
        for row in flat.rows
    ]
    return Flat(flat.columns, rows).as_csv()
