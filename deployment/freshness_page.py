"""The table of docs/freshness.md, from the data that the code uses: python -m deployment.freshness_page writes it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from common.domain.freshness import in_words
from common.providers.arrivals import OTHERS, Stated, stated
from common.providers.registry import TITLES

PAGE = Path(__file__).parents[1] / "docs" / "freshness.md"
BEGIN, END = "<!-- made by python -m deployment.freshness_page -->", "<!-- end of what is made -->"


def table() -> str:
    """Every source with how it delivers, as a table of Markdown."""
    lines = [
        "| source | a delivery every | at most | a day fills for | what its owner says | where |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_row(name, one) for name, one in stated().items())])


def page(text: str) -> str:
    """The page with the table as it must be."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def _row(name: str, one: Stated) -> str:
    title = "any other" if name == OTHERS else TITLES[name]
    where = f"<{one.reference}>" if one.reference else "-"
    spans = (one.pattern.interval, one.pattern.longest_interval, one.pattern.lag)
    return f"| {' | '.join((title, *map(_words, spans), one.published, where))} |"


def _words(span: timedelta | None) -> str:
    return "-" if span is None else in_words(span)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
