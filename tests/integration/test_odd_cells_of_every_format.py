"""An odd cell costs its own line and no other, in every format and every container: one bill with one odd line of each kind."""

# ruff: noqa: RUF001
from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.formats.recognition import Matched, recognise
from common.reporting.quarantine import read_lines
from tests.support import cur_line, cur_text, laptop

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
Line = dict[str, str]
COSTS = {
    "Arabic-Indic digits": "٣.٥", "full-width digits": "１.５", "empty": "", "blank": "  ", "beyond a float": "1e400", "NaN": "NaN",
    "15 integer digits": "123456789012345.5", "infinity": "-Infinity", "two numbers": "1 2", "a NUL": "1\x00",
}  # fmt: skip
OTHERS = {
    "aws": ("line_item_usage_amount", "line_item_unblended_rate", "pricing_public_on_demand_rate"),
    "azure": ("quantity", "unit_price", "effective_price"),
    "gcp": ("usage.amount", "usage.amount_in_pricing_units", "price.effective_price"),
    "oci": ("usage/billedQuantity", "cost/unitPrice"),
    "focus": ("ConsumedQuantity", "PricingQuantity", "ListUnitPrice", "ContractedUnitPrice"),
}
"""Quantities and unit prices."""
REFUSED: dict[str, set[str]] = {
    "aws": set(),
    "azure": {"quantity"},
    "gcp": {"usage.amount", "usage.amount_in_pricing_units"},
    "oci": set(OTHERS["oci"]),
    "focus": set(OTHERS["focus"]),
}
"""Those that the format's rule refuses; each of the others is null, or worked out, where it is no number."""
ODD_NUMBERS = ("٣", "１２", "1e400", "NaN", "9" * 30)
AS_JSON: dict[str, Callable[[str], str]] = {
    "half of a surrogate pair": lambda text: text.replace("{", '{"x": "\\ud800", ', 1),
    "a key occurs twice": lambda text: text.replace('"cost":', '"cost": 5, "cost":', 1),
    "nested deeper than 100 levels": lambda text: text.replace("{", '{"x": ' + "[" * 10_000 + "]" * 10_000 + ", ", 1),
    "not a JSON object": lambda text: text.replace('"cost":', '"cost": NaN, "y":', 1),
}


def of_csv(path: Path, **where: str) -> list[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[name] == value for name, value in where.items())]


BASES: dict[str, Callable[[], list[Line]]] = {
    "aws": lambda: list(csv.DictReader(io.StringIO(cur_text([cur_line(number, "1.25") for number in range(60)])))),
    "azure": lambda: of_csv(BILLS / "azure" / "ea_nise_2026-03_usd.csv"),
    "gcp": lambda: [{**row, "credits": "[]"} for row in of_csv(BILLS / "gcp" / "detailed_nise_2026-03_usd.csv")],
    "oci": lambda: of_csv(BILLS / "oci" / "cost_report_nise_2026-03.csv"),
    "focus": lambda: of_csv(BILLS / "focus" / "focus_1_0_sample_a_part.csv", ChargeCategory="Usage"),
}


def odd_lines(provider: str, matched: Matched, base: list[Line]) -> tuple[list[Line], dict[str, str], dict[str, str]]:
    """A bill with a good line before, between and after the odd ones; by line number what is odd in its cost, and in its other numbers."""
    cost = matched.columns[matched.format.cost]
    spare = iter([*base, *base])
    lines: list[Line] = [next(spare)]
    bad: dict[str, str] = {}
    others: dict[str, str] = {}
    for what, text in COSTS.items():
        lines += [{**next(spare), cost: text}, next(spare)]
        bad[str(len(lines) - 1)] = what
    for place, text in enumerate(ODD_NUMBERS):
        for name in OTHERS[provider]:
            if name in matched.columns:
                lines.append({**next(spare), matched.columns[name]: text})
                others[str(len(lines))] = f"{name} {ODD_NUMBERS[place]}"
    return [*lines, next(spare)], bad, others


def as_csv(lines: list[Line]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def as_parquet(lines: list[Line]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({name: pa.array([line[name] for line in lines], pa.string()) for name in lines[0]}), out)
    return out.getvalue()


def as_json(line: Line) -> str:
    record: dict[str, Any] = {}
    for name, text in line.items():
        *path, last = name.split(".")
        place = record
        for step in path:
            place = place.setdefault(step, {})
        place[last] = json.loads(text) if text[:1] in ("[", "{") else text or None
    return json.dumps(record, ensure_ascii=False)


WRITERS: dict[str, Callable[[list[Line]], bytes]] = {
    "csv": as_csv,
    "parquet": as_parquet,
    "json": lambda lines: "\n".join(map(as_json, lines)).encode(),
}
CASES = [(provider, kind) for provider in BASES for kind in WRITERS if kind != "json" or provider == "gcp"]


@pytest.mark.parametrize(("provider", "kind"), CASES)
def test_an_odd_cell_costs_its_own_line_and_no_other(tmp_path: Path, provider: str, kind: str) -> None:
    base = BASES[provider]()
    matched = recognise(list(base[0]))
    lines, bad, others = odd_lines(provider, matched, base)
    content = WRITERS[kind](lines)
    if kind == "json":
        for why, broken in AS_JSON.items():
            content += b"\n" + broken(as_json(base[0])).encode()
            bad[str(content.count(b"\n") + 1)] = why
    (tmp_path / "bill").write_bytes(content)
    with laptop(tmp_path / "home") as rt:
        assert [outcome.error for outcome in rt.bring(tmp_path / "bill", provider=provider) if outcome.error] == []
        assert rt.bus.dead_letters() == []
        deliveries = rt.deliveries()
        kept = {line.source_row_id.removeprefix("line "): line for line in read_lines(rt.objects, "default", True)}
        shown = {row["x_SourceRowId"].split("#")[0] for row in rt.exported()}
        billed = rt.billed()
    assert {one["state"] for one in deliveries} == {"current"}, [one.get("reason") for one in deliveries]
    assert {proof["difference"] for one in deliveries for proof in one["proof"]} == {"0"}
    refused = {number: what for number, what in others.items() if what.split(" ")[0] in REFUSED[provider]}
    assert {(bad | others)[number] for number in set(kept) ^ {*bad, *refused}} == set()
    for number, line in kept.items():
        assert line.reason and line.source_row, number
        assert (line.amount is None) == (number in bad), (bad.get(number), line.reason)
        assert bad.get(number) not in AS_JSON or bad[number] in line.reason
    good = [line for number, line in enumerate(lines, start=1) if str(number) not in kept]
    assert len(shown) == len(good)
    assert sum(billed.values()) == sum(Decimal(line[matched.columns[matched.format.cost]]) for line in good)
