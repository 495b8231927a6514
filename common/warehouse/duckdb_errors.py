"""DuckDB's errors as Costwire's errors: actionable, and without a row's content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from common import stopping
from common.errors import BadConfiguration, BeyondRange
from common.warehouse.rates import missing_rate

_BEYOND = (
    "the query cannot be answered: amounts add up to 10^14 or more, more than a cost can store; narrow the query "
    "by period or account, or look for an implausible charge"
)


@contextmanager
def explained() -> Iterator[None]:
    """Raises BadConfiguration for a question that cannot be answered; the unknown passes as it is."""
    try:
        yield
    except duckdb.Error as error:
        stopping.check()
        reason = _reason(error)
        if reason is None:
            raise
        raise (BeyondRange if reason == _BEYOND else BadConfiguration)(reason) from None


def _reason(error: duckdb.Error) -> str | None:
    first_line = str(error).splitlines()[0]
    rate = missing_rate(first_line)
    if rate:
        return rate
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException | duckdb.ParserException):
        return f"the query cannot be answered: {first_line}"
    if isinstance(error, duckdb.PermissionException):
        return "the query reads files; it may read only the tables and views of its dataset"
    if isinstance(error, duckdb.OutOfRangeException) and ("DECIMAL" in first_line or "HUGEINT" in first_line):
        return _BEYOND
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        # the message could hold a row's content
        return "the query cannot be answered: a value does not fit the type or form that the query needs"
    return None
