"""The table of docs/retention.md, from the lives in the code: python -m deployment.retention_page writes it."""

from __future__ import annotations

from pathlib import Path

from common.retention.lives import CLEAN_UP, EXPIRY, KINDS, LIFECYCLE, SUBSCRIPTION, Kind
from deployment.made_tables import with_table

PAGE = Path(__file__).parents[1] / "docs" / "retention.md"
BEGIN, END = "<!-- made by python -m deployment.retention_page -->", "<!-- end of what is made -->"
_BY = {
    CLEAN_UP: "clean-up",
    LIFECYCLE: "a lifecycle rule of the bucket",
    EXPIRY: "a TTL policy of Firestore",
    SUBSCRIPTION: "Pub/Sub (`dead_letter_days`)",
}


def table() -> str:
    """Every kind with its life, as a table of Markdown."""
    lines = [
        "| kind | what | days | limits | from | removed by | what stays whatever its age |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, KINDS)])


def page(text: str) -> str:
    """The page with the table as it must be."""
    return with_table(text, BEGIN, END, table())


def _row(kind: Kind) -> str:
    limits = f"{kind.least} to {kind.most}" if kind.setting else "fixed"
    always = kind.always or "nothing"
    cells = (f"`{kind.name}`", kind.what, str(kind.days), limits, kind.counted_from, _BY[kind.by], always)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
