"""A DuckDB connection set up for money: bounded memory, UTC, no downloads, and exact decimals where SQL alone would round."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, DecimalException
from pathlib import Path

import duckdb
from duckdb.func import FunctionNullHandling

from common import stopping
from common.bills.content import attach
from common.domain.money import EXACT
from common.errors import resource_error

MEMORY_LIMIT = "900MB"


@contextmanager
def engine(folder: Path | None = None, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that spills to `folder` and reads every container that is open now.

    A full disk or memory leaves the context as NoSpace or NoMemory.
    """
    connection = duckdb.connect(":memory:")
    try:
        with stopping.interruptible(connection):
            yield _set_up(connection, folder, threads)
    except duckdb.Error as error:
        stopping.check()  # an interrupted query is no fault of the bill
        explained = resource_error(error)
        if explained is None:
            raise
        raise explained from error
    finally:
        connection.close()


def _set_up(
    connection: duckdb.DuckDBPyConnection, folder: Path | None, threads: int | None
) -> duckdb.DuckDBPyConnection:
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    if threads:
        connection.execute(f"set threads = {threads}")
    attach(connection)
    if folder is not None:
        connection.execute(f"set temp_directory = '{folder}'")
    varchar, integer = duckdb.sqltype("VARCHAR"), duckdb.sqltype("INTEGER")
    # `special`: by default DuckDB fails the whole query where one of these returns None
    special = FunctionNullHandling.SPECIAL
    connection.create_function("exact_decimal", exact_decimal, [varchar, integer], varchar, null_handling=special)
    connection.create_function(
        "exact_quotient", exact_quotient, [varchar, varchar, integer], varchar, null_handling=special
    )
    connection.create_function("python_to_json", python_to_json, [varchar], varchar, null_handling=special)
    return connection


def exact_decimal(text: str | None, scale: int) -> str | None:
    """The number in `text` with `scale` fractional digits, half to even; None where it is none or outgrows DECIMAL(38, scale)."""
    if text is None:
        return None
    try:
        value = EXACT.create_decimal(text.strip())
        if not value.is_finite() or abs(value) >= Decimal(10) ** (38 - scale):
            return None
        return format(value.quantize(Decimal(1).scaleb(-scale), context=EXACT), "f")
    except DecimalException:
        return None


def exact_quotient(dividend: str | None, divisor: str | None, scale: int) -> str | None:
    """dividend / divisor with `scale` fractional digits, half to even; None for a divisor of 0."""
    if dividend is None or divisor is None:
        return None
    bottom = Decimal(divisor)
    if not bottom:
        return None
    return exact_decimal(format(EXACT.divide(Decimal(dividend), bottom), "f"), scale)


def python_to_json(text: str | None) -> str | None:
    """JSON text as it is; a Python literal (single quotes, None, True) as JSON; None where it is neither."""
    if text is None:
        return None
    try:
        json.loads(text)
        return text
    except json.JSONDecodeError:
        pass
    try:
        return json.dumps(ast.literal_eval(text), ensure_ascii=False)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
