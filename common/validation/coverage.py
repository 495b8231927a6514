"""The page that says how each rule is checked, generated from the catalogue.

`python -m common.validation.coverage > docs/validation.md`
"""

from __future__ import annotations

import sys
from collections import Counter
from importlib.resources import files

from common.focus import VERSION, columns
from common.validation.catalogue import Check, Kind, catalogue, table
from common.validation.exact import ROUNDING

_WAYS = {
    Kind.ROW: "on each row",
    Kind.DATASET: "over rows",
    Kind.SCHEMA: "on the columns",
    Kind.PERMISSION: "a permission",
    Kind.UNCHECKABLE: "not on a file",
}


def page() -> str:
    """The page as Markdown."""
    counts = Counter(check.kind for check in catalogue())
    placeholders = ", ".join(f"`{word}`" for word in table("other")["placeholders"] if word)
    introduction = files("common.validation").joinpath("rules", "introduction.md").read_text(encoding="utf-8")
    text = introduction.format(version=VERSION, rounding=format(ROUNDING, "f"), placeholders=placeholders)
    lines = [text, "## Coverage", "", "| checked | rules |", "|---|---|"]
    lines += [f"| {way} | {counts[kind]} |" for kind, way in _WAYS.items()]
    lines += ["", "On the file itself:", "", "| rule | level | what must hold |", "|---|---|---|"]
    lines += [f"| {rule_id} | {level} | {said} |" for rule_id, (level, said) in table("other")["file_rules"].items()]
    for column in columns():
        checks = [check for check in catalogue() if check.column == column.name]
        lines += [
            "",
            f"### {column.name}",
            "",
            "| rule | level | what must hold | checked | remark |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(check) for check in checks]
    return "\n".join(lines) + "\n"


def _line(check: Check) -> str:
    remark = check.note
    if check.kind is Kind.ROW and "exact" not in check.forms:
        typed = "by the column's type in Parquet" + (", floats aside" if "float" in check.forms else "")
        remark = f"{remark}; {typed}" if remark else typed
    cells = (check.rule_id, check.keyword, check.text, _WAYS[check.kind], remark)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
