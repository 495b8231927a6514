"""`python -m benchmarks`: measure, print, keep in bench-data/results.json.  Exit status 1 where a target is missed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import machine
from benchmarks.figures import Figure
from benchmarks.latency import measure_cold_starts, measure_landing, measure_questions
from benchmarks.measure import Failed
from benchmarks.payments import measure_payments
from benchmarks.peer import Absent
from benchmarks.plan import Plan
from benchmarks.report import rewrite, save, show
from benchmarks.serving import measure_api, measure_pages
from benchmarks.throughput import measure_bill, measure_doubled, measure_export, measure_peer

BENCHMARKS: dict[str, Callable[[Plan], list[Figure]]] = {
    "cold": measure_cold_starts,
    "landing": measure_landing,
    "questions": measure_questions,
    "peer": measure_peer,
    "bill": measure_bill,
    "export": measure_export,
    "doubled": measure_doubled,
    "payments": measure_payments,
    "api": measure_api,
    "pages": measure_pages,
}


def main(
    rows: Annotated[int, typer.Option(help="Lines of the large bill.", min=100)] = 2_000_000,
    peer_rows: Annotated[
        int | None, typer.Option(help="Lines for focus-converter, which holds the file in memory.")
    ] = None,
    small_rows: Annotated[int, typer.Option(help="Lines of the small bill.", min=100)] = 100_000,
    focus_rows: Annotated[int, typer.Option(help="Rows of the warehouse.", min=100)] = 10_000_000,
    runs: Annotated[
        int, typer.Option(help="Runs of each; the first is a warm-up unless it is the only one.", min=1)
    ] = 3,
    threads: Annotated[int | None, typer.Option(help="Threads, the same for all; all cores by default.", min=1)] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Repeatable; of {', '.join(BENCHMARKS)}.")] = None,
    quick: Annotated[bool, typer.Option(help="Small sizes, one run: whether everything works, no figures.")] = False,
    data: Annotated[Path, typer.Option(help="Where files go; 8 GB while it runs.")] = Path("bench-data"),
    write: Annotated[bool, typer.Option(help="Put the figures into docs/performance.md.")] = False,
) -> None:
    """Measure Costwire against its targets and its peers."""
    unknown = set(only or ()) - set(BENCHMARKS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))} is none of {', '.join(BENCHMARKS)}")
    if quick and write:
        raise typer.BadParameter("--quick gives no figures that may be written down")
    if quick:
        rows, small_rows, focus_rows, runs = 50_000, 10_000, 200_000, 1
    console, telling = Console(), Console(stderr=True)
    plan = Plan(
        data.absolute(), rows, small_rows, focus_rows, peer_rows or rows, runs, threads or machine.cores(),
        say=lambda text: telling.print(f"[dim]{text}[/dim]", highlight=False),
    )  # fmt: skip
    facts, command = machine.facts(), " ".join(["python -m benchmarks", *sys.argv[1:]])
    figures: list[Figure] = []
    missing: dict[str, str] = {}
    for name, measure in BENCHMARKS.items():
        if only and name not in only:
            continue
        try:
            figures += measure(plan)
        except (Absent, Failed) as error:
            missing[name] = str(error)
    show(figures, missing, console)
    if not quick:
        save(plan.data / "results.json", figures, missing, facts, command)
    if write:
        rewrite(plan.data / "results.json")
    raise typer.Exit(
        1 if missing else 0
    )  # a missed target is a finding, shown in the table; no figure at all is a failure


if __name__ == "__main__":
    typer.run(main)
