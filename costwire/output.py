"""How commands print: tables for users, JSON for programs, progress on a terminal.

What a command prints may hold names of a bill, a file or a tenant.  So a string is plain text on one line here: nothing in it is read
as markup, and terminal controls and hidden characters are shown as a replacement sign.  Style is
passed separately from the text, by `styled`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from common.domain.legible import json_text, lines, one_line
from common.progress import listening
from costwire.installed import in_this_shell
from costwire.progress_line import ProgressLine
from costwire.tables import PIPE_WIDTH, fitted

Org = Annotated[str, typer.Option("--org", help="Organization to use.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs; amounts are exact decimals as text.")]

_WIDTH = None if sys.stdout.isatty() else PIPE_WIDTH


_BEFORE_LINE = len("x 0:00:00 ")
"""What stands before the line of progress: the spinner and the time that has passed."""


class Screen(Console):
    """A console on which no text acts: neither as markup nor as control characters."""

    def __init__(self, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does; a sentence names commands as they are typed here."""
        super().print(*(in_this_shell(one) if isinstance(one, str) else one for one in objects), **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as a line of plain text, before its width is taken."""
        return super().render_str(one_line(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Whatever is printed, made fit at the end too; what moves the cursor is rich's own and kept apart from text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=lines(segment.text))


console = Screen(width=_WIDTH)
errors = Screen(stderr=True)


def styled(text: object, style: str) -> Text:
    """A text on one line, in a style."""
    return Text(one_line(str(text)), style=style)


def joined(*parts: str | Text) -> Text:
    """Parts on one line, each with its own style or none."""
    made = Text()
    for part in parts:
        made.append_text(part if isinstance(part, Text) else Text(one_line(part)))
    return made


def stacked(*parts: str | Text) -> Text:
    """Parts below each other, as in a cell of a table."""
    return Text("\n").join(joined(part) for part in parts)


def money(amount: Decimal | str, digits: int = 2) -> str:
    """An amount for people: thousands separated, rounded for the eye only."""
    return f"{Decimal(amount):,.{digits}f}"


def exact(amount: Decimal | str) -> str:
    """Every digit of an amount, thousands separated."""
    text = format(Decimal(amount), ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def print_json(value: Any) -> None:
    """One JSON document on stdout; what would act on a terminal is written as an escape, so that programs get the exact text."""
    sys.stdout.write(json_text(json.dumps(value, indent=2, default=str, ensure_ascii=False)) + "\n")


def print_lines(text: str, indent: str = "") -> None:
    """A text of several lines as it is, so that it can be copied, as a policy or a command."""
    for line in text.splitlines():
        console.print(Text(indent + one_line(line)), soft_wrap=True)


def print_price(scanned_bytes: int | None, usd: Decimal | None, as_json: Any) -> None:
    """What a question would scan, and its list price; None where it runs on this machine.  as_json: the answer for programs, or None."""
    if as_json is not None:
        print_json(as_json)
    elif usd is None:
        console.print("The query would run on this machine, at no charge.")
    else:
        console.print(f"The question would scan {scanned_bytes:,} bytes: {money(usd, 6)} USD at list price.")


def print_data(text: str) -> None:
    """Lines for programs on stdout, exact in a file or a pipe; a terminal gets no character that would act on it."""
    sys.stdout.write(lines(text) if sys.stdout.isatty() else text)


def say_error(reason: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"costwire: {one_line(' '.join(in_this_shell(reason).split()))}\n")


def table(*columns: str, numbers: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table whose number columns stand to the right; it fits the terminal, and a pipe gets all of it on one line per row."""
    return fitted(*columns, numbers=numbers, title=title)


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A line on stderr that shows how far the work is; nothing where that is no terminal.  Yields say(text), which changes its words."""
    if quiet or not errors.is_terminal:
        yield lambda text: None
        return
    line = ProgressLine(what)
    shown = Progress(SpinnerColumn(), TimeElapsedColumn(), _LineColumn(line), console=errors, transient=True)
    with listening(line), shown:
        shown.add_task("", total=None)
        yield line.say


class _LineColumn(ProgressColumn):
    """The line as it is each time it is drawn, cut where the terminal ends."""

    def __init__(self, line: ProgressLine) -> None:
        super().__init__()
        self._line = line

    def render(self, task: Task) -> Text:
        shown = Text(one_line(self._line.text()))
        shown.truncate(max(errors.width - _BEFORE_LINE, 1), overflow="ellipsis")
        return shown
