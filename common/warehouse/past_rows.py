"""Charges of deliveries that are not current any more, read by DuckDB from their files, in either runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.focus import TABLE
from common.formats.engine import engine
from common.ports import ObjectStore
from common.warehouse.cost_report import Ask
from common.warehouse.duckdb_errors import explained
from common.warehouse.focus_files import focus_select
from common.warehouse.transpile import MACROS, transpile


@contextmanager
def asking_files(objects: ObjectStore, uris: Sequence[str]) -> Iterator[Ask]:
    """Answers questions in BigQuery SQL about the charges in these files, and about nothing else.  Raises NotFound for one that is gone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="costwire-")))
        paths = [stack.enter_context(objects.local(uri)) for uri in uris]
        connection = stack.enter_context(engine(folder))
        connection.execute(MACROS)
        connection.execute(f"create view {TABLE} as {focus_select(connection, paths)}")

        def ask(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
            question = transpile(sql)
            question.check(parameters)
            with explained():
                result = connection.execute(question.sql, dict(parameters) or None)
                names = [entry[0] for entry in result.description]
                return [dict(zip(names, map(_in_utc, row), strict=True)) for row in result.fetchall()]

        yield ask


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
