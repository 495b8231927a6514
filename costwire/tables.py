"""Tables that fit the terminal without cutting a number: text wraps first; where that is not enough, each row becomes a block of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

PIPE_WIDTH = 100_000
"""The width of a file or a pipe: nothing is wrapped there, whatever COLUMNS says."""
_LEAST_TEXT = 10
"""How narrow a column of text may become, unless its heading or a number in it is wider."""
_NUMBER = re.compile(r"[+-]?\d[\d,.]*%?\Z")


class FittedTable(Table):
    """A table of lines; of blocks, one for each row, where the lines do not fit."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As rich calls it."""
        if self._least_width(console, options) <= options.max_width:
            yield from super().__rich_console__(console, options)
        else:
            yield from self._blocks(console, options.max_width)

    def _least_width(self, console: Console, options: ConsoleOptions) -> int:
        free = options.update_width(PIPE_WIDTH)
        gaps = 2 * (len(self.columns) - 1)  # as rich puts them between columns of a table without a frame
        return sum(_least(console, free, column) for column in self.columns) + gaps

    def _blocks(self, console: Console, width: int) -> Iterator[RenderableType]:
        """The rows as `heading  value` lines; a value without a heading, as a currency, stands behind the one before it."""
        if self.title:
            yield Text(str(self.title), style="bold")
        headings = [str(column.header) for column in self.columns]
        label = max((len(heading) for heading in headings), default=0)
        for number in range(self.row_count):
            if number:
                yield Text()
            for heading, value in _joined(headings, [_text(console, list(one.cells)[number]) for one in self.columns]):
                below = value.wrap(console, max(width - label - 2, 1), overflow="fold")
                for place, line in enumerate(below):
                    named = "" if place else heading
                    yield Text.assemble((f"{named:<{label}}  ", "dim"), line)


def fitted(*columns: str, numbers: tuple[str, ...], title: str | None) -> FittedTable:
    """A table whose number columns stand to the right and are never cut."""
    made = FittedTable(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for name in columns:
        number = name in numbers
        made.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold", min_width=len(name)
        )
    return made


def _least(console: Console, options: ConsoleOptions, column: Column) -> int:
    widest = max((Measurement.get(console, options, cell).maximum for cell in column.cells), default=0)
    heading = len(str(column.header))
    if column.no_wrap:
        return max(widest, heading)
    words = (word for cell in column.cells for word in _text(console, cell).plain.split())
    numbers = max((len(word) for word in words if _NUMBER.match(word)), default=0)
    return max(min(widest, _LEAST_TEXT), heading, numbers)


def _text(console: Console, cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else console.render_str(str(cell))


def _joined(headings: list[str], values: list[Text]) -> list[tuple[str, Text]]:
    found: list[tuple[str, Text]] = []
    for heading, value in zip(headings, values, strict=True):
        if heading or not found:
            found.append((heading, value.copy()))
        elif value.plain:
            found[-1][1].append(" ").append_text(value)
    return [(heading, value) for heading, value in found if value.plain]
