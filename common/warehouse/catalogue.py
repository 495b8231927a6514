"""The tables and views that a question may read, with the type and the meaning of each column.

`python -m common.warehouse.catalogue > docs/tables.md` makes the page of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import duckdb

from common.focus import TABLE, columns, storage_schema
from common.formats.source import quoted
from common.warehouse.daily import DAILY_COLUMNS, DAILY_TABLE
from common.warehouse.promised import RATE_COLUMNS, RUN_COLUMNS, SLICE_COLUMNS, view_names, view_sql
from common.warehouse.restatement import RESTATEMENT_COLUMNS
from common.warehouse.transpile import MACROS, transpile

_TABLES: Mapping[str, Mapping[str, str]] = {
    TABLE: storage_schema(),
    DAILY_TABLE: DAILY_COLUMNS,
    "restatements": RESTATEMENT_COLUMNS,
    "slices": SLICE_COLUMNS,
    "pipeline_runs": RUN_COLUMNS,
    "exchange_rates": RATE_COLUMNS,
}
_TYPES = {
    "VARCHAR": "STRING",
    "VARCHAR[]": "ARRAY<STRING>",
    "BIGINT": "INT64",
    "DATE": "DATE",
    "JSON": "JSON",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "DECIMAL(38,9)": "NUMERIC",
    "DECIMAL(38,12)": "BIGNUMERIC",
    "DECIMAL(38,24)": "BIGNUMERIC",
}
"""Types of DuckDB -> of BigQuery, in which questions are written."""


def relations() -> dict[str, dict[str, str]]:
    """Table or view -> column -> type of BigQuery, tables first."""
    found: dict[str, dict[str, str]] = {}
    with duckdb.connect(":memory:") as connection:
        connection.execute(MACROS)
        for name, kinds in _TABLES.items():
            described = ", ".join(f"{quoted(column)} {kind}" for column, kind in kinds.items())
            connection.execute(f"create table {quoted(name)} ({described})")
        for name in sorted(view_names()):
            connection.execute(f"create view {quoted(name)} as {transpile(view_sql(name)).sql}")
        for name in (*_TABLES, *sorted(view_names())):
            rows = connection.execute(f"describe {quoted(name)}").fetchall()
            found[name] = {row[0]: _TYPES[row[1]] for row in rows}
    return found


@cache
def meanings() -> dict[str, dict[str, str]]:
    """Table or view -> column -> what it means; `about` -> what a row is."""
    known = tomllib.loads(files("common.warehouse").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    known[TABLE] = {column.name: column.description for column in columns()} | known[TABLE]
    return known


def page() -> str:
    """The page, in Markdown.  Raises KeyError for a column that nothing is said of."""
    parts = [files("common.warehouse").joinpath("catalogue.md").read_text(encoding="utf-8").rstrip("\n")]
    for name, kinds in relations().items():
        said = meanings()[name]
        lines = [f"## {name}", "", said["about"], "", "| column | type | meaning |", "|---|---|---|"]
        lines += [
            f"| `{column}` | {kind} | {said[column].replace('|', chr(92) + '|')} |" for column, kind in kinds.items()
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
