"""A DuckDB connection set up for money: bounded memory, UTC, no downloads, and exact decimals where SQL alone would round."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
from duckdb.func import FunctionNullHandling

from common import stopping
from common.domain.money import COST_SCALE, EXACT, add, read_cost, read_number, round_cost
from common.errors import resource_error
from common.formats import reused
from common.formats.content import Content, without_files
from common.formats.reused import SetUp
from common.formats.source import literal
from common.formats.strict_json import NotStrict, has_doubled, parse, parse_line

MEMORY_LIMIT = "900MB"
_LONGEST_LITERAL = 1 << 20
"""Characters of Python text: its parser takes hundreds of bytes for each."""


@contextmanager
def engine(
    folder: Path | None = None, threads: int | None = None, set_up: SetUp | None = None, keep: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that spills to `folder` and reads every container that is open now.

    set_up: makes what else the connection needs.  keep: this process keeps the database with what `set_up` made in it, for the
    next caller with the same one; what the caller makes must be temporary, and is gone then.
    A full disk or memory leaves the context as NoSpace or NoMemory.
    """
    with _database(folder, threads, set_up, keep) as connection:
        try:
            with stopping.interruptible(connection):
                yield connection
        except duckdb.Error as error:
            stopping.check()  # an interrupted query is no fault of the bill
            explained = resource_error(error)
            if explained is None:
                raise
            raise explained from error


@contextmanager
def _database(
    folder: Path | None, threads: int | None, set_up: SetUp | None, keep: bool
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database of its own, or to one that was kept.  One that has failed or spilled is not kept."""
    others = without_files()
    key = (set_up, threads, bool(others))
    database = (reused.take(key) if keep else None) or _made(threads, others, set_up)
    connection = database.cursor() if keep else database
    well = False
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        if folder is not None:
            connection.execute(f"set temp_directory = {literal(str(folder))}")
        yield connection
        well = not (folder and any(folder.glob("duckdb_temp*")))
    finally:
        connection.close()
        if keep and well:
            reused.give(key, database)
        else:
            database.close()


def _made(threads: int | None, others: Mapping[str, Content], set_up: SetUp | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    connection.execute("set autoinstall_known_extensions = false")
    if threads:
        connection.execute(f"set threads = {threads}")
    if others:
        from common.formats.content_files import (
            ContentFiles,
            give_back_what_is_read,
        )  # what a bill on this disk does not need

        give_back_what_is_read()
        connection.register_filesystem(ContentFiles(others))
    varchar, integer = duckdb.sqltype("VARCHAR"), duckdb.sqltype("INTEGER")
    # `special`: by default DuckDB fails the whole query where one of these returns None
    special = FunctionNullHandling.SPECIAL
    connection.create_function("exact_decimal", exact_decimal, [varchar, integer], varchar, null_handling=special)
    connection.create_function(
        "exact_quotient", exact_quotient, [varchar, varchar, integer], varchar, null_handling=special
    )
    connection.create_function("exact_sum", exact_sum, [duckdb.list_type(varchar)], varchar, null_handling=special)
    connection.create_function("python_to_json", python_to_json, [varchar], varchar, null_handling=special)
    connection.create_function("is_strict_line", is_strict_line, [varchar, varchar], bool, null_handling=special)
    if set_up is not None:
        connection.execute("set TimeZone = 'UTC'")
        set_up(connection)
    return connection


def exact_decimal(text: str | None, scale: int) -> str | None:
    """The number in `text` with `scale` fractional digits, half to even; None where it is none or outgrows DECIMAL(38, scale)."""
    value = read_number(text)
    if value is None or value.adjusted() >= 38 - scale:
        return None
    rounded = value.quantize(Decimal(1).scaleb(-scale), context=EXACT)
    return format(rounded, "f") if rounded.adjusted() < 38 - scale else None


def exact_sum(texts: list[str | None] | None) -> str | None:
    """The first cost and all others that can be read; None where the first is none, or the sum is more than a cost column holds."""
    first, *others = [read_cost(text) for text in texts or [None]]
    if first is None:
        return None
    return exact_decimal(format(add(round_cost(one) for one in (first, *others) if one is not None), "f"), COST_SCALE)


def exact_quotient(dividend: str | None, divisor: str | None, scale: int) -> str | None:
    """dividend / divisor with `scale` fractional digits, half to even; None for a divisor of 0."""
    if dividend is None or divisor is None:
        return None
    bottom = Decimal(divisor)
    if not bottom:
        return None
    return exact_decimal(format(EXACT.divide(Decimal(dividend), bottom), "f"), scale)


def python_to_json(text: str | None) -> str | None:
    """JSON text as it is; a Python literal (single quotes, None, True) as JSON; None where it is neither, or has a key twice."""
    if text is None:
        return None
    try:
        return None if has_doubled(parse(text)) else text
    except NotStrict:
        pass
    if len(text) > _LONGEST_LITERAL:
        return None
    try:
        made = json.dumps(ast.literal_eval(text), ensure_ascii=False, allow_nan=False)
        parse(made)
        return made
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def is_strict_line(line: str | None, records: str) -> bool:
    """Whether a line of JSON lines is an object that can be read.  records: as `parse_line` takes them, with a line end between."""
    try:
        parse_line((line or "").encode(), records.split("\n") if records else ())
    except NotStrict:
        return False
    return True
