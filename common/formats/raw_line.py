"""One line of a file as it came: every cell under the file's own column names, also of columns that no mapping reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import duckdb

from common.formats.container import Container
from common.formats.recognition import Matched
from common.formats.source import cell_sql, literal, quoted, relation_sql

Cells = list[tuple[str, str | None]]
"""(column, text), in the file's order; None where the file has nothing."""


def find_lines(
    connection: duckdb.DuckDBPyConnection, container: Container, matched: Matched, row_id: str, most: int
) -> list[tuple[str, str]]:
    """(number, own id) of lines whose id a row's id begins with: as mappings put something behind it, there may be several."""
    name = matched.columns.get(matched.format.row_id or "")
    number = f"cast({_number(container)} as varchar)"
    own = cell_sql(container, name) if name is not None else number
    rows = connection.execute(
        f"select number, own from (select {number} as number, {own} as own from {relation_sql(container, matched)}) "
        f"where starts_with({literal(row_id)}, own) limit {int(most)}"
    ).fetchall()
    return [(str(number), str(text)) for number, text in rows]


def raw_cells(connection: duckdb.DuckDBPyConnection, container: Container, matched: Matched, number: str) -> Cells:
    """The cells of the line of that number, as `find_lines` gives it.  Raises LookupError where there is none."""
    plain = replace(matched, format=replace(matched.format, null_texts=()))  # NULL is what the file says
    columns = _columns(container, plain)
    listed = ", ".join(f"{sql} as {quoted(f'cell_{place}')}" for place, (_, sql) in enumerate(columns))
    row = connection.execute(
        f"select * exclude (number) from (select cast({_number(container)} as varchar) as number, {listed} "
        f"from {relation_sql(container, plain)}) where number = {literal(number)}"
    ).fetchone()
    if row is None:
        raise LookupError(number)
    cells = [(name, value) for (name, _), value in zip(columns, row, strict=True)]
    if container.kind in ("csv", "parquet"):
        return cells
    return _of_json(cells, matched.format.answers.rows if matched.format.answers else ())


def _number(container: Container) -> str:
    if container.kind == "parquet":
        return "file_row_number + 1"
    if container.kind == "answers":
        return "place"
    return f"row_number() over () + {container.range.rows if container.range else 0}"


def _columns(container: Container, matched: Matched) -> list[tuple[str, str]]:
    """(name, SQL of the text); without a name: the text of an object that holds the fields."""
    if container.kind == "csv":
        return [(name, f"c{place}") for place, name in enumerate(container.names)]
    if container.kind == "json":
        return [("", "cast(line as varchar)")]
    if container.kind == "answers":
        levels = range(len(matched.format.answers.rows if matched.format.answers else ()), 0, -1)
        return [("account", "account"), *(("", f"cast(level_{level} as varchar)") for level in levels)]
    ordered = dict.fromkeys(name if name in container.top_level else name.split(".")[0] for name in container.names)
    return [(name, _parquet_cell(container, name)) for name in ordered]


def _parquet_cell(container: Container, name: str) -> str:
    column = quoted(container.shown_as.get(name, name))
    is_flat = name in container.names and name not in container.nested
    return f"cast({column} as varchar)" if is_flat else f"cast(to_json({column}) as varchar)"


def _of_json(cells: Cells, lists: Collection[str]) -> Cells:
    """The fields of objects, those of the innermost first; numbers keep the digits that they were written with.

    lists: fields that hold the entries of a list, of which the line is one.
    """
    found: dict[str, str | None] = {}
    for name, text in cells:
        parsed = json.loads(text, parse_float=str, parse_int=str) if text and not name else {name: text}
        for key, value in parsed.items() if isinstance(parsed, Mapping) else ():
            if key and key not in lists:
                found.setdefault(key, _text(value))
    return list(found.items())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
