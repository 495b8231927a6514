"""Seconds that people wait: a bill until it can be asked about, until an alert is sent, an answer, a cold start."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.focus_rows import fill
from benchmarks.measure import ROOT, Failed, Run, costwire, probe
from benchmarks.plan import MEBIBYTE, Plan


def measure_landing(plan: Plan) -> list[Figure]:
    """A small bill through the command line: until `costwire costs` answers, and until an alert lies in the outbox."""
    bill = plan.bill(plan.small_rows)
    runs = plan.repeat("landed to queryable and to alert", lambda: _import(plan, bill.path))
    name = f"AWS CUR, {bill.rows:,} lines, on the command line"
    return [
        Figure(name, "landed to queryable", tuple(one["queryable"].seconds for one in runs), "s", most=5,
               note="process start to the end of `costwire import` and of `costwire costs`"),
        Figure(name, "landed to alert sent", tuple(one["alert"].seconds for one in runs), "s", most=10,
               note="process start to the message in the outbox"),
    ]  # fmt: skip


def _import(plan: Plan, bill: Path) -> dict[str, Run]:
    with plan.folder() as home:
        costwire(home, "budgets", "add", "benchmark", "--amount", "1", "--currency", "USD", "--json")
        clock, started = time.time(), time.perf_counter()
        landed = costwire(home, "import", str(bill), "--json")
        answered = costwire(home, "costs", "--json")
        seconds = time.perf_counter() - started
        messages = [entry.stat().st_mtime for entry in (home / "outbox").glob("*.txt")]
        if not messages:
            raise Failed("the bill broke a budget of 1 USD, but no alert lies in the outbox")
        alert = min(messages) - clock
    peak = max(landed.peak_bytes, answered.peak_bytes)
    return {
        "queryable": Run(seconds, seconds, landed.processor_seconds + answered.processor_seconds, peak, {}),
        "alert": Run(alert, alert, landed.processor_seconds, peak, {}),
    }


def measure_questions(plan: Plan) -> list[Figure]:
    """Summary questions over millions of rows, each warm."""
    plan.say(f"warehouse of {plan.focus_rows:,} rows")
    home = plan.data / f"warehouse-{plan.focus_rows}"
    filled = fill(home, plan.focus_rows)
    runs = plan.repeat("questions", lambda: {"run": probe("questions", environment={"COSTWIRE_HOME": str(home)})})
    if runs[0]["run"].facts["rows"] != filled:
        raise Failed(f"the warehouse holds {runs[0]['run'].facts['rows']} rows, expected {filled}; remove {home}")
    name = f"questions over {filled:,} FOCUS rows"
    figures = []
    for question in runs[0]["run"].facts["questions"]:
        seconds = [one["run"].facts["questions"][question] for one in runs]
        figures.append(Figure(name, f"{question}, warm", tuple(one["warm"] for one in seconds), "s", most=1))
        figures.append(Figure(name, f"{question}, cold", tuple(one["cold"] for one in seconds), "s"))
    peaks = tuple(one["run"].peak_bytes / MEBIBYTE for one in runs)
    return [*figures, Figure(name, "peak memory", peaks, "MiB")]


def measure_cold_starts(plan: Plan) -> list[Figure]:
    """Every function, imported in a fresh interpreter; in the cloud with functions-framework and the clients that it uses."""
    names = sorted(entry.parent.name for entry in (ROOT / "functions").glob("*/main.py"))
    figures = []
    for runtime in ("embedded", "cloud"):
        runs = plan.repeat(
            f"cold starts, {runtime}",
            lambda runtime=runtime: {name: probe("cold_start", name, runtime) for name in names},  # type: ignore[misc]
        )
        figures += [
            Figure(f"cold start, {runtime}", name, tuple(one[name].seconds for one in runs), "s", most=1.5,
                   note=f"{max(one[name].facts['resident_bytes'] for one in runs) / MEBIBYTE:.0f} MiB resident")
            for name in names
        ]  # fmt: skip
    return figures
