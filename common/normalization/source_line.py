"""The line of a bill that a charge was made of, found again in the file that was landed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from common.errors import NotFound
from common.formats.raw_line import Cells, find_lines, raw_cells
from common.formats.source import NUMBER_END, literal, read_rows, source_sql
from common.normalization.chunk import Work, bench
from common.normalization.mapping import mapping_sql
from common.normalization.split_chunk import SPLIT_ROW
from common.ports import Runtime
from common.records.deliveries import Delivery, load
from common.records.parts import Chunk
from common.records.past_deliveries import find_delivery

_MOST_CANDIDATES = 10_000
"""Lines of one id that are looked at: AWS repeats one for each hour of a month, at most."""


@dataclass(frozen=True)
class SourceLine:
    """One line.  file: its name.  kind: csv, parquet, json or answers.  number: which row of the file, from 1, without the header;
    of answers `page.entry`.  cells: the file's own columns in its order, None where they are empty.
    """

    delivery_id: str
    file: str
    kind: str
    number: str
    cells: tuple[tuple[str, str | None], ...]

    def as_json(self) -> dict[str, Any]:
        """For programs; a list, since names of a file's columns may repeat."""
        cells = [{"column": name, "value": value} for name, value in self.cells]
        return {"file": self.file, "kind": self.kind, "number": self.number, "cells": cells}


def read_source_line(rt: Runtime, org_slug: str, delivery_id: str, source_row_id: str) -> SourceLine:
    """The line behind a row of a delivery.  source_row_id: the row's x_SourceRowId.

    Raises NotFound that says why there is none: Costwire made the row itself, the files are gone, or the line has no id to find it by.
    """
    delivery = load(rt.documents, org_slug, find_delivery(rt.documents, org_slug, delivery_id))
    if delivery is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    number, _, row_id = source_row_id.partition(":")
    if delivery.split_from:  # a share is of the line that its charge is of
        row_id = row_id.rpartition(SPLIT_ROW)[0] or row_id
    part = next((one for one in delivery.parts if str(one.chunk) == number), None)
    if part is None:
        raise NotFound(
            "this row has no line of its own: it balances lines of the delivery that should cancel each other and do not"
        )
    for chunk in (one for one in delivery.chunks if one.part.chunk == part.chunk):
        found = read_rows(lambda lenient, chunk=chunk: _look(delivery, chunk, rt, row_id, lenient))  # type: ignore[misc]
        if found is not None:
            line, kind, cells = found
            return SourceLine(delivery.delivery_id, part.name, kind, line, tuple(cells))
    raise NotFound(
        f"no single line of {part.name} can be shown for this row: the provider gave its line no id of its own"
    )


def _look(delivery: Delivery, chunk: Chunk, rt: Runtime, row_id: str, lenient: bool) -> tuple[str, str, Cells] | None:
    with bench(delivery, chunk, rt, lenient) as work:
        found = find_lines(work.connection, work.container, work.matched, row_id, _MOST_CANDIDATES)
        if len(found) == 1 and chunk.range is None:
            number: str | None = found[0][0]  # the line is in this file, so it is the one
        else:
            exact = (number for number, own in found if own == row_id)
            number = next(exact, None) or next(_mapped_to(work, dict(found), row_id), None)
        if number is None:
            return None
        return number, work.container.kind, raw_cells(work.connection, work.container, work.matched, number)


def _mapped_to(work: Work, own: dict[str, str], row_id: str) -> Iterator[str]:
    """Which of some lines (number -> own id) are mapped to the row: what the mapping puts behind an id tells them apart."""
    if not own:
        return
    numbers = ", ".join(literal(number + NUMBER_END) for number in own)
    lines = source_sql(work.container, work.matched, numbered=True)
    work.connection.execute(
        f"create or replace temp view source as select * from ({lines}) where source_row_id in ({numbers})"
    )
    mapped = work.connection.execute(f"select source_row_id from ({mapping_sql(work.matched.format.name)})").fetchall()
    for (text,) in mapped:
        number, _, behind = str(text).partition(NUMBER_END)
        if own.get(number, "") + behind == row_id:
            yield number
