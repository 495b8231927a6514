"""How commands print: tables for people, JSON for programs, progress on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Org = Annotated[str, typer.Option("--org", help="Organization whose data is meant.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs; amounts are exact decimals as text.")]

_WIDTH = None if sys.stdout.isatty() else 120  # a file or a pipe has no width of its own
console = Console(highlight=False, soft_wrap=False, width=_WIDTH)
errors = Console(stderr=True, highlight=False)


def money(amount: Decimal | str, digits: int = 2) -> str:
    """An amount for people: thousands separated, rounded for the eye only."""
    return f"{Decimal(amount):,.{digits}f}"


def exact(amount: Decimal | str) -> str:
    """Every digit of an amount, thousands separated."""
    text = format(Decimal(amount), ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


def table(*columns: str, numbers: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table whose number columns stand to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in columns:
        number = name in numbers
        made.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold", min_width=len(name)
        )
    return made


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Any]:
    """A spinner with a line that the work can change; nothing where stdout is no terminal.  Yields say(text)."""
    if quiet or not errors.is_terminal:
        yield lambda text: None
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(20),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda text: bar.update(task, description=text)
