"""Tables of a page that are made by a command, between two marks that stay."""

from __future__ import annotations


def with_table(page: str, begin: str, end: str, table: str) -> str:
    """The page with this table between its marks."""
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
