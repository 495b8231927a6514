"""Cells as a spreadsheet displays them and saves them as CSV: `$10,000.00 ` and `5/1/25`, month first.

Two readers each have their own way to the plain text: the SQL of `plain_sql` and the Python of `plain_text`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_DAY = re.compile(r" *([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4}) *")
_AMOUNT = re.compile(r" *(-?)\$([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)? *")
_DAY_SQL = " *[0-9]{1,2}/[0-9]{1,2}/([0-9]{2}|[0-9]{4}) *"
_AMOUNT_SQL = " *-?[$]([0-9]{1,3}(,[0-9]{3})+|[0-9]+)([.][0-9]+)? *"


def is_displayed(cells: Sequence[str]) -> bool:
    """Whether a file was saved by a spreadsheet, by the cells of its first line."""
    return any(_DAY.fullmatch(cell) or _AMOUNT.fullmatch(cell) for cell in cells)


def plain_text(text: str | None) -> str | None:
    """The cell as bills write it: a day as ISO 8601 (a year of two digits is after 1999), an amount as digits; others as they are."""
    if text is None:
        return None
    if day := _DAY.fullmatch(text):
        return f"{'20' if len(day[3]) == 2 else ''}{day[3]}-{day[1].zfill(2)}-{day[2].zfill(2)}"
    if amount := _AMOUNT.fullmatch(text):
        return amount[1] + amount[2].replace(",", "") + (amount[3] or "")
    return text


def plain_sql(cell: str) -> str:
    """The same in DuckDB's SQL."""
    parts = f"string_split(trim({cell}), '/')"
    year = f"case when length({parts}[3]) = 2 then '20' else '' end || {parts}[3]"
    return (
        f"case when regexp_full_match({cell}, '{_DAY_SQL}') "
        f"then {year} || '-' || lpad({parts}[1], 2, '0') || '-' || lpad({parts}[2], 2, '0') "
        f"when regexp_full_match({cell}, '{_AMOUNT_SQL}') then regexp_replace({cell}, '[$, ]', '', 'g') else {cell} end"
    )
