"""Figures as a table on the terminal, as `results.json`, and as the block in docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, figure_of

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def show(figures: Sequence[Figure], missing: dict[str, str], console: Console) -> None:
    """Print one table, and what could not be measured."""
    table = Table("what", "measured", "target", "", title_justify="left")
    for number, one in enumerate(figures):
        if number == 0 or figures[number - 1].benchmark != one.benchmark:
            table.add_section()
            table.add_row(f"[bold]{one.benchmark}[/bold]")
        verdict = {True: "[green]reached[/green]", False: "[red]missed[/red]", None: ""}[one.reached]
        table.add_row(f"  {one.name}", one.measured, one.target, verdict)
    console.print(table)
    for name, reason in missing.items():
        console.print(f"[red]not measured:[/red] {name}: {reason}", soft_wrap=True)


def save(path: Path, figures: Sequence[Figure], missing: dict[str, str], facts: dict[str, str], command: str) -> None:
    """Write results.json; benchmarks that this run left out keep their earlier figures, with the facts that they were taken under."""
    kept = []
    if path.exists():
        kept = [one for one in json.loads(path.read_text())["figures"] if one["kind"] not in _kinds(figures)]
    fresh = [
        {**one.as_document(), "kind": _kind(one.benchmark), "command": command, "machine": facts} for one in figures
    ]
    document = {"machine": facts, "command": command, "missing": missing, "figures": [*kept, *fresh]}
    path.write_text(json.dumps(document, indent=1))


def _kind(benchmark: str) -> str:
    """What a benchmark is called, whatever its size."""
    return "".join(sign for sign in benchmark if sign.isalpha())


def _kinds(figures: Sequence[Figure]) -> set[str]:
    return {_kind(one.benchmark) for one in figures}


def rewrite(results: Path, document: Path = DOCUMENT) -> None:
    """Put the figures of results.json between the two marker lines.  Raises ValueError where these are gone."""
    text = document.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{document} must hold {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    document.write_text(f"{head}{BEGIN}\n{block(json.loads(results.read_text()))}\n{END}{tail}", encoding="utf-8")


def block(results: dict[str, Any]) -> str:
    """Markdown: a table a benchmark, each with its command and machine where they differ."""
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in results["machine"].items())]
    lines += [f"| command | `{results['command']}` |", ""]
    seen: list[str] = []
    for entry in results["figures"]:
        one = figure_of(entry)
        if one.benchmark not in seen:
            seen.append(one.benchmark)
            lines += ["", f"**{one.benchmark}**", ""] if len(seen) > 1 else [f"**{one.benchmark}**", ""]
            if entry["command"] != results["command"]:
                lines += [f"Taken by `{entry['command']}` at {entry['machine']['commit']}.", ""]
            lines += ["| what | median (range) | target | |", "|---|---|---|---|"]
        verdict = {True: "reached", False: "missed", None: ""}[one.reached]
        note = f"; {one.note}" if one.note and verdict else one.note
        lines.append(f"| {one.name} | {one.measured} | {one.target} | {verdict}{note} |")
    lines += ["", *(f"Not measured: {name}: {reason}" for name, reason in results["missing"].items())]
    return "\n".join(lines).rstrip()
