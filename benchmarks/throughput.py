"""Rows per second and memory of a large bill, beside DuckDB's plain copy and focus-converter, and of its export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import cur
from benchmarks.cur import Bill
from benchmarks.figures import Figure, ratios
from benchmarks.measure import Failed, Run, probe, run
from benchmarks.peer import Absent, interpreter
from benchmarks.plan import MEBIBYTE, Plan

MEMORY_MIB = 1e9 / MEBIBYTE
PEER_PROBE = "benchmarks/probes/focus_converter_peer.py"


def measure_bill(plan: Plan) -> list[Figure]:
    """Plain copy, mapping step and whole delivery of one bill, one after the other in every run."""
    bill = plan.bill(plan.rows)
    runs = plan.repeat("copy, map, deliver", lambda: _side_by_side(plan, bill))
    copy, mapping, whole = (_rates(bill, [one[name] for one in runs]) for name in ("copy", "mapping", "delivery"))
    normalize = tuple(bill.rows / one["delivery"].facts["by_function"]["normalize_focus"] for one in runs)
    name = f"AWS CUR, {bill.rows:,} lines, {bill.columns} columns, {bill.size_bytes / 1e9:.2f} GB"
    figures = [
        Figure(name, "plain DuckDB copy", copy, "rows/s"),
        Figure(name, "mapping step", mapping, "rows/s"),
        Figure(name, "mapping step / plain copy", ratios(mapping, copy), "", least=0.9),
        Figure(name, "landed to shown (normalize_focus)", normalize, "rows/s"),
        Figure(name, "landed to shown / plain copy", ratios(normalize, copy), "", least=0.5),
        Figure(name, "whole delivery, landing included", whole, "rows/s"),
        Figure(name, "whole delivery / plain copy", ratios(whole, copy), "", least=0.5),
        Figure(name, "peak memory of the plain copy", _peaks(runs, "copy"), "MiB"),
        Figure(name, "peak memory of the mapping step", _peaks(runs, "mapping"), "MiB", most=MEMORY_MIB),
        Figure(name, "peak memory of the whole delivery", _peaks(runs, "delivery"), "MiB", most=MEMORY_MIB),
    ]
    shares = [("plain copy", "copy"), ("mapping step", "mapping"), ("whole delivery", "delivery")]
    for words, part in shares:
        seconds = tuple(one[part].processor_seconds for one in runs)
        figures.append(
            Figure(name, f"processor time of the {words}", seconds, "s", note="other work hardly changes it")
        )
    return figures


def measure_doubled(plan: Plan) -> list[Figure]:
    """Peak memory of a whole delivery as the bill doubles.  The smaller bill gives up its disk before the larger one is made."""
    small = plan.bill(plan.rows)
    before = _deliver(plan, small)
    cur.remove(small)
    large = plan.bill(2 * plan.rows)
    try:
        after = _deliver(plan, large)
    finally:
        cur.remove(large)
    name = f"the bill doubles, {small.rows:,} to {large.rows:,} lines"
    return [
        Figure(name, "peak memory before", (before.peak_bytes / MEBIBYTE,), "MiB", most=MEMORY_MIB),
        Figure(name, "peak memory after", (after.peak_bytes / MEBIBYTE,), "MiB", most=MEMORY_MIB),
        Figure(
            name, "peak memory after / before", (after.peak_bytes / before.peak_bytes,), "", most=1.15, note="flat: 1"
        ),
        Figure(name, "whole delivery after", (large.rows / after.seconds,), "rows/s"),
    ]


def measure_export(plan: Plan) -> list[Figure]:
    """The rows of one delivery, written out as CSV and as Parquet."""
    bill = plan.bill(plan.rows)
    with plan.folder() as home:
        rows = _deliver_into(home, plan, bill).facts["rows"]
        runs = plan.repeat("export", lambda: {kind: _export(home, kind, rows) for kind in ("csv", "parquet")})
    name = f"export of {rows:,} FOCUS rows"
    rates = {kind: tuple(rows / one[kind].seconds for one in runs) for kind in ("csv", "parquet")}
    return [
        *(Figure(name, f"as {kind}", rate, "rows/s", least=200_000) for kind, rate in rates.items()),
        *(Figure(name, f"peak memory as {kind}", _peaks(runs, kind), "MiB") for kind in rates),
    ]


def _export(home: Path, kind: str, rows: int) -> Run:
    target = home / f"export.{kind}"
    found = probe("export", target, environment={"COSTWIRE_HOME": str(home)})
    target.unlink()
    if found.facts["rows"] != rows:
        raise Failed(f"the export has {found.facts['rows']} rows, the delivery {rows}")
    return found


def measure_peer(plan: Plan) -> list[Figure]:
    """focus-converter once, between two runs of the mapping step and of the delivery on the same bill.  Raises Absent, Failed."""
    python = interpreter(plan.data)
    bill = plan.bill(plan.peer_rows)
    plan.say("focus-converter, mapping step and delivery")
    before = _side_by_side(plan, bill)
    with plan.folder() as folder:
        other = run([str(python), PEER_PROBE, str(bill.path), str(folder)], {"POLARS_MAX_THREADS": str(plan.threads)})
    after = _side_by_side(plan, bill)
    if other.facts["rows"] != bill.rows:
        raise Failed(f"focus-converter wrote {other.facts['rows']} of {bill.rows} rows")
    rate = bill.rows / other.seconds
    mine = {name: _rates(bill, [before[name], after[name]]) for name in ("mapping", "delivery")}
    name = f"beside focus-converter 1.0.0, {bill.rows:,} lines"
    return [
        Figure(name, "focus-converter", (rate,), "rows/s", note="one run"),
        Figure(name, "processor time of focus-converter", (other.processor_seconds,), "s"),
        Figure(name, "processor time of the mapping step", _processor("mapping", before, after), "s"),
        Figure(name, "processor time of the whole delivery", _processor("delivery", before, after), "s"),
        Figure(name, "peak memory of focus-converter", (other.peak_bytes / MEBIBYTE,), "MiB"),
        Figure(name, "mapping step / focus-converter", tuple(one / rate for one in mine["mapping"]), "", least=1.4),
        Figure(name, "whole delivery / focus-converter", tuple(one / rate for one in mine["delivery"]), "", least=1),
    ]


def _side_by_side(plan: Plan, bill: Bill) -> dict[str, Run]:
    with plan.folder() as folder:
        target = folder / "target.parquet"
        found = {"copy": probe("plain_copy", bill.path, target, plan.threads)}
        target.unlink()
        found["mapping"] = probe("mapping", bill.path, target, plan.threads)
    found["delivery"] = _deliver(plan, bill)
    return found


def _deliver(plan: Plan, bill: Bill) -> Run:
    with plan.folder() as home:
        return _deliver_into(home, plan, bill)


def _deliver_into(home: Path, plan: Plan, bill: Bill) -> Run:
    settings = {"COSTWIRE_HOME": str(home), "COSTWIRE_THREADS": str(plan.threads)}
    return probe("delivery", bill.path, bill.total, environment=settings)


def _rates(bill: Bill, runs: Sequence[Run]) -> tuple[float, ...]:
    return tuple(bill.rows / one.seconds for one in runs)


def _processor(name: str, *runs: dict[str, Run]) -> tuple[float, ...]:
    return tuple(one[name].processor_seconds for one in runs)


def _peaks(runs: Sequence[dict[str, Run]], name: str) -> tuple[float, ...]:
    return tuple(one[name].peak_bytes / MEBIBYTE for one in runs)


__all__ = ["Absent", "measure_bill", "measure_doubled", "measure_export", "measure_peer"]
