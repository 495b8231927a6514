"""Checking a FOCUS file as it is written: CSV or JSON lines (also gzip, zstd, zip) or Parquet.

Text formats are read once into a table on disk, so that memory stays flat and every rule scans the columns it looks at.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from common.errors import BadBill, UnknownFormat
from common.focus import Column, columns
from common.formats.bounds import MAX_LINE_BYTES, check_bounds
from common.formats.container import Container, opened
from common.formats.engine import engine
from common.formats.recognition import recognise
from common.formats.source import file_literal, literal, quoted
from common.validation.catalogue import table
from common.validation.report import Failure, Report
from common.validation.rows import Held, Rows, column_types, hold, placeholder
from common.validation.running import prepare, run
from common.validation.schema import Names, check_names

_ROW_NUMBER = "x_focus_row"
_ROW_GROUP = 20_480
"""Rows that the writer holds in memory at a time, per thread; 65 text columns are wide."""


@dataclass(frozen=True)
class Staged:
    """A file ready to be checked.  names: its column names checked.  unreadable: lines that are no row of it."""

    rows: Rows
    names: Names
    unreadable: int = 0


def validate_file(path: Path, label: str | None = None) -> Report:
    """Check a FOCUS file.  label: how the report calls it.  Raises BadBill for what cannot be read."""
    label = label or path.name
    with staged_file(path, label) as (connection, staged):
        outcome = run(connection, staged.rows)
    checked = {"schema": staged.names.checked + 1, **outcome.checked}
    failures = (*staged.names.failures, *_unreadable(staged.unreadable), *outcome.failures)
    return Report(label, outcome.row_count, failures, checked, outcome.skipped, staged.names.hints)


@contextmanager
def staged_file(path: Path, label: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Staged]]:
    """A FOCUS file as a relation of a connection that is ready to check it.  Raises BadBill for what cannot be read."""
    with opened(path, label) as container, tempfile.TemporaryDirectory(prefix="costwire-") as folder:
        check_bounds(container.content, container.compression, container.kind, label)
        _check_any(container, label)
        if container.kind not in _STAGES:
            raise BadBill(f"{label} holds answers of an API, not FOCUS rows; costwire import turns them into FOCUS")
        with engine(Path(folder)) as connection:
            prepare(connection)
            try:
                yield connection, _STAGES[container.kind](connection, container, Path(folder))
            except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
                raise BadBill(f"{label} cannot be read as {container.kind}; export it again") from error


def _check_any(container: Container, label: str) -> None:
    """Raises BadBill that says what the file is, where it has no FOCUS column at all."""
    tops = list(dict.fromkeys((*container.names, *(name.split(".", 1)[0] for name in container.names))))
    if check_names(tops).found:
        return
    try:
        title = recognise(container.names).format.title
    except UnknownFormat:
        raise BadBill(
            f"none of the {len(container.names):,} columns of {label} is a FOCUS column, expected BilledCost and others; "
            "give a FOCUS file"
        ) from None
    raise BadBill(f"{label} is a bill in another format ({title}), not FOCUS; costwire import turns it into FOCUS")


def _unreadable(lines: int) -> list[Failure]:
    if not lines:
        return []
    keyword, text = table("other")["file_rules"]["x_Rows-1"]
    return [Failure("x_Rows-1", keyword, "", text, lines, f"{lines} lines were left out of the other checks")]


def _stage_parquet(connection: duckdb.DuckDBPyConnection, container: Container, folder: Path) -> Staged:
    connection.execute(
        f"create temp view focus_file as select * exclude (file_row_number), file_row_number + 1 as {_ROW_NUMBER} "
        f"from read_parquet({file_literal(container.content.name)}, hive_partitioning = false, file_row_number = true)"
    )
    types = {
        name: data_type for name, data_type in column_types(connection, "focus_file").items() if name != _ROW_NUMBER
    }
    spelled = list(types)
    names = check_names(spelled)
    held = {
        column.name: hold(
            column, quoted(spelled[names.found[column.name]]), types[spelled[names.found[column.name]]], clean=True
        )
        for column in columns()
        if column.name in names.found
    }
    return Staged(Rows("focus_file", held, row_number=_ROW_NUMBER), names)


def _stage_csv(connection: duckdb.DuckDBPyConnection, container: Container, folder: Path) -> Staged:
    names = check_names(container.names)
    types = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(container.names)))
    source = (
        f"read_csv({file_literal(container.content.name)}, hive_partitioning = false, columns = {{{types}}}, auto_detect = false, "
        f"header = true, delim = ',', quote = '\"', escape = '\"', nullstr = [''], "
        f"compression = {literal(container.compression)}, max_line_size = {MAX_LINE_BYTES}, "
        f"buffer_size = {2 * MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0)"
    )
    present = [column for column in columns() if column.name in names.found]
    cells = {column: f"c{names.found[column.name]}" for column in present}
    _copy(connection, cells, [], source, folder)
    unreadable = connection.execute("select count(distinct line) from reject_errors").fetchall()[0][0]
    return Staged(_text_rows(present), names, unreadable)


def _stage_json(connection: duckdb.DuckDBPyConnection, container: Container, folder: Path) -> Staged:
    sampled = list(dict.fromkeys(name.split(".", 1)[0] for name in container.names))
    names = check_names(sampled, ordered=False)
    keys = {
        column.name: sampled[names.found[column.name]] if column.name in names.found else column.name
        for column in columns()
    }
    shape = "{" + ", ".join(f'"{key}": "JSON"' for key in keys.values()) + "}"
    source = (
        f"(select from_json(json, {literal(shape)}) as record, json is null as broken "
        f"from read_ndjson_objects({file_literal(container.content.name)}, hive_partitioning = false, "
        f"compression = {literal(container.compression)}, "
        f"maximum_object_size = {MAX_LINE_BYTES}, ignore_errors = true))"
    )
    cells, flags = {}, []
    for column in columns():
        value = f"nullif(cast(record.{quoted(keys[column.name])} as varchar), 'null')"
        cells[column] = f"case when starts_with({value}, '\"') then json_extract_string({value}, '$') else {value} end"
        flags.append(f"{_mistyped(column, value)} as {_name(column, '?')}")
    source = f"(select *, {', '.join(flags)} from {source})"
    _copy(connection, cells, ["broken", *(_name(column, "?") for column in cells)], source, folder)
    counts = connection.execute(
        f"select count_if(broken), {', '.join(f'count({quoted(name)})' for name in keys)} from focus_file"
    ).fetchall()[0]
    filled = {name for name, count in zip(keys, counts[1:], strict=True) if count}
    names = check_names([*sampled, *sorted(filled - names.found.keys())], ordered=False)
    connection.execute("create temp view focus_rows_read as select * from focus_file where not broken")
    present = [column for column in columns() if column.name in names.found]
    return Staged(_text_rows(present, "focus_rows_read", flagged=True), names, counts[0])


def _mistyped(column: Column, value: str) -> str:
    if column.data_type == "Decimal":
        # a decimal may stand in quotes: that is how JSON keeps all its digits
        return f"left({value}, 1) in ('{{', '[', 't', 'f')"
    if column.data_type == "JSON":
        return "false"
    return f"not starts_with({value}, '\"')"


def _copy(
    connection: duckdb.DuckDBPyConnection, cells: Mapping[Column, str], more: Sequence[str], source: str, folder: Path
) -> None:
    """Keep of each text cell its text, the placeholder where it is one, and the exact number or time it says.

    cells: column -> SQL of its text in `source`.  more: other columns of `source` to keep.  One SELECT a step, since
    DuckDB would evaluate a repeated expression anew, with memory for each.
    """
    connection.execute(f"attach {literal(str(folder / 'rows.duckdb'))} as staged (row_group_size {_ROW_GROUP})")
    kept = ["".join((", ", name)) for name in more]
    texts = ", ".join(f"{cell} as {quoted(column.name + '~')}" for column, cell in cells.items())
    words = ", ".join(f"{placeholder(_name(column, '~'))} as {_name(column, '!')}" for column in cells)
    plain = ", ".join(
        f"{_name(column, '!')}, case when {_name(column, '!')} is null then {_name(column, '~')} end as {_name(column)}"
        for column in cells
    )
    values = "".join(
        f", {hold(column, _name(column), 'VARCHAR', mistyped='false').names['value']} as {_name(column, '#')}"
        for column in cells
        if column.data_type in ("Decimal", "DateTime")
    )
    steps = f"(select {texts}{''.join(kept)} from {source})"
    steps = f"(select *, {words} from {steps})"
    steps = f"(select {plain}{''.join(kept)} from {steps})"
    connection.execute(f"create table staged.focus_cells as select *{values} from {steps}")
    connection.execute(f"create temp view focus_file as select *, rowid + 1 as {_ROW_NUMBER} from staged.focus_cells")


def _name(column: Column, sign: str = "") -> str:
    return quoted(column.name + sign)


def _text_rows(present: list[Column], relation: str = "focus_file", flagged: bool = False) -> Rows:
    held = {}
    for column in present:
        name = quoted(column.name)
        value = quoted(column.name + "#") if column.data_type in ("Decimal", "DateTime") else name
        mistyped = f"coalesce({quoted(column.name + '?')}, false)" if flagged else "false"
        raw = quoted(column.name + "!")
        names = {"plain": name, "value": value, "raw": raw, "written": name, "mistyped": mistyped}
        held[column.name] = Held(names, "text")
    return Rows(relation, held, row_number=_ROW_NUMBER)


_STAGES = {"csv": _stage_csv, "json": _stage_json, "parquet": _stage_parquet}
