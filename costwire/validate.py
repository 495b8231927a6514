"""costwire validate: a FOCUS file against every FOCUS 1.3 rule whose violation is visible in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.validation import validate_file
from costwire.output import AsJson, console, print_json, progress

FocusFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A FOCUS file: CSV or JSON lines (also .gz, .zst, .zip) or Parquet.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]


def validate(file: FocusFile, as_json: AsJson = False) -> None:
    """Check a FOCUS file against the FOCUS 1.3 rules, row by row.

    Prints each broken rule with its id, text, count and first example.  Exit status 0: valid; 1: MUST rules are broken.
    """
    with progress(f"checking {file.name}", quiet=as_json):
        report = validate_file(file)
    if as_json:
        print_json(report.to_json())
    else:
        report.print(console)
    if not report.valid:
        raise typer.Exit(1)
