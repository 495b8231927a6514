"""Where a large file may be cut, so that its ranges give the rows of the whole.

CSV is cut behind a line end outside of quoted cells, which only the bytes from the beginning show.  Of two readers that
differ in where a quoted cell begins (DuckDB passes over space before the quote, Arrow does not) both must be outside of one.
JSON lines are cut at any line end, Parquet between row groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from common.formats.container import Container, header_of
from common.formats.ranges import Range

LINE_BYTES = 1000
"""A row of Parquet counts as so many bytes of text: a line of AWS's CUR has 840."""
MOST_RANGES = 500
"""Of one file: what is known of each is kept in one document."""
_PIECE_BYTES = 1 << 20
_STRAY_QUOTE = re.compile(rb'"(?:(?<![,\r\n"]")|(?![,\r\n"]))')
"""A quoted cell, of which one quote stands here, that does not begin behind a separator or not end before one."""
_TO_CLOSING = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
_OPENINGS = (re.compile(rb'(?:\A|[,\r\n])"'), re.compile(rb'(?:\A|[,\r\n]) *"'))
"""As Arrow and as DuckDB have it."""

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Cut:
    """A line end at which a file may be cut, or its end.  at: the byte behind it.

    lines: how many stand before it, without the header.  ends: how they end, of LF, CRLF and CR.
    """

    at: int
    lines: int = 0
    ends: tuple[str, ...] = ()


def is_cuttable(container: Container, chunk_bytes: int) -> bool:
    """Whether a file has more than one chunk may have, and can be read from its middle: none that is compressed can."""
    if container.compression != "none" or container.kind == "answers":  # rows of one answer may need those of another
        return False
    if container.kind == "parquet":
        groups = _row_groups(container)
        return len(groups) > 1 and sum(groups) * LINE_BYTES > chunk_bytes
    return container.content.size_bytes > chunk_bytes and first_cut(container) is not None


def first_cut(container: Container) -> Cut | None:
    """The beginning of the first line of CSV or JSON lines; None where the header's line does not end as lines do."""
    if container.kind == "json":
        return Cut(0)
    header = header_of(container.content)
    if not header.endswith(b"\n"):
        return None
    return Cut(len(header), ends=("CRLF",) if header.endswith(b"\r\n") else ("LF",))


def next_cut(container: Container, before: Cut, chunk_bytes: int) -> Cut:
    """The next place to cut CSV or JSON lines behind `before`, for ranges of about one size; where none is left, the end of the file."""
    size = container.content.size_bytes
    chunk_bytes = max(chunk_bytes, size // MOST_RANGES)
    ranges = -(-(size - before.at) // chunk_bytes)
    if ranges < 2 and container.kind == "json":
        return Cut(size)
    target = before.at + -(-(size - before.at) // max(1, ranges))
    with container.content.open() as stream:
        if container.kind == "json":
            stream.seek(target - 1)
            while (line := stream.readline(_PIECE_BYTES)) and not line.endswith(b"\n"):
                pass
            return Cut(stream.tell())
        stream.seek(before.at)
        return _scanned(stream, before, target, size)


def ranges_of(cuts: list[Cut]) -> tuple[Range, ...]:
    """The ranges between the cuts of a text file, the first of which is its beginning and the last its end."""
    lenient = len(cuts[-1].ends) > 1
    return tuple(Range(one.at, behind.at, lines=one.lines, lenient=lenient) for one, behind in pairwise(cuts))


def parquet_ranges(container: Container, chunk_bytes: int) -> tuple[Range, ...]:
    """Whole row groups, of about one number of rows."""
    groups = _row_groups(container)
    most = max(chunk_bytes // LINE_BYTES, 1, sum(groups) // MOST_RANGES)
    found: list[Range] = []
    first = end = 0
    for rows in groups:
        if end > first and end + rows - first > most:
            found.append(Range(first, end))
            first = end
        end += rows
    return (*found, Range(first, end))


def _row_groups(container: Container) -> list[int]:
    """The number of rows of each."""
    import pyarrow.parquet as pq

    with container.content.open() as stream:
        footer = pq.read_metadata(stream)
    return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]


def _scanned(stream: BinaryIO, before: Cut, target: int, size: int) -> Cut:
    scan = _Scan(before)
    while piece := stream.read(_PIECE_BYTES):
        piece += stream.readline()
        if scan.at + len(piece) >= target and target < size:
            found = scan.end_of_line(piece, target - scan.at)
            if found is not None and scan.at + found < size:
                scan.include(piece[:found])
                break
        scan.include(piece)
    return scan.cut


class _Scan:
    """Goes through CSV by pieces of whole lines.  inside: whether a quoted cell goes on, by each of the two readers."""

    def __init__(self, begin: Cut) -> None:
        self.at, self._lines, self._ends = begin.at, begin.lines, set(begin.ends)
        self._inside = (False, False)

    @property
    def cut(self) -> Cut:
        return Cut(self.at, self._lines, tuple(sorted(self._ends)))

    def include(self, piece: bytes) -> None:
        """Go on behind a piece."""
        outside, self._inside = self._outside(piece)
        ends, pairs, returns = outside.count(b"\n"), outside.count(b"\r\n"), outside.count(b"\r")
        self._lines += ends + returns - pairs
        found = {"CRLF": pairs, "LF": ends - pairs, "CR": returns - pairs}
        self._ends |= {kind for kind, count in found.items() if count}
        self.at += len(piece)

    def end_of_line(self, piece: bytes, first: int) -> int | None:
        """How much of the next piece makes whole lines, of at least `first` bytes; None where no line ends there."""
        quoted = sorted(span for one in zip(_OPENINGS, self._inside, strict=True) for span in _quoted(piece, *one)[0])
        at = max(0, first - 1)
        for begin, end in [*quoted, (len(piece), len(piece))]:
            found = piece.find(b"\n", at, max(begin, at))
            if found >= 0:
                return found + 1
            at = max(at, end)
        return None

    def _outside(self, piece: bytes) -> tuple[bytes, tuple[bool, bool]]:
        """The piece with a quote for each quoted cell, and whether one goes on behind it."""
        if self._inside[0] == self._inside[1]:
            parts = piece.split(b'"')
            inside = self._inside[0]
            goes_on = (len(parts) - 1 + inside) % 2 == 1
            text = (b',"' if inside else b",") + b'"'.join(parts[inside::2]) + (b'",' if goes_on else b"")
            if not _STRAY_QUOTE.search(text):  # as nearly always: both readers see the same
                return text, (goes_on, goes_on)
        _, arrow_inside = _quoted(piece, _OPENINGS[0], self._inside[0])
        spans, inside = _quoted(piece, _OPENINGS[1], self._inside[1])
        return b'"'.join(_between(piece, spans)), (arrow_inside, inside)


def _quoted(piece: bytes, opening: re.Pattern[bytes], inside: bool) -> tuple[Spans, bool]:
    """Where quoted cells are in a piece, and whether the last one goes on behind it.  inside: one goes on from before it."""
    spans: Spans = []
    begin, at = 0, 0
    while True:
        if not inside:
            opened = opening.search(piece, at)
            if opened is None:
                return spans, False
            begin, at = opened.end() - 1, opened.end()
        closed = _TO_CLOSING.match(piece, at)
        if closed is None:
            return [*spans, (begin, len(piece))], True
        at = closed.end()
        spans.append((begin, at))
        inside = False


def _between(piece: bytes, spans: Spans) -> Iterator[bytes]:
    at = 0
    for begin, end in spans:
        yield piece[at:begin]
        at = end
    yield piece[at:]
