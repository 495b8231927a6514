"""Command `export`: FOCUS 1.3 rows for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.reporting.exports import ExportRequest, export_rows
from common.runtime.bootstrap import runtime
from costwire.arguments import read_period, usage_errors
from costwire.output import AsJson, Org, console, print_json, progress
from costwire.tenant import tenant_of

__all__ = ["export", "read_period"]


def export(
    out: Annotated[
        Path, typer.Argument(help="File to write, ending in .parquet or .csv; an existing file is replaced.")
    ],
    period: Annotated[str | None, typer.Option("--period", help="Only this billing period, YYYY-MM.")] = None,
    integration: Annotated[str | None, typer.Option("--integration", help="Only this integration.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Export the current rows as FOCUS 1.3: the columns of the specification, then x_ ones."""
    with usage_errors():
        request = ExportRequest(out, read_period(period), integration)
    rt = runtime()
    org = tenant_of(rt, org)
    with progress(f"writing {out.name}", quiet=as_json):
        written = export_rows(rt, org, request)
    if as_json:
        print_json(written.as_json())
        return
    console.print(f"{out}: {written.rows:,} FOCUS 1.3 rows", soft_wrap=True)
    for note in written.notes:
        console.print(note, soft_wrap=True)
    if not written.rows:
        console.print("No charges match. costwire deliveries shows what came in.", soft_wrap=True)
