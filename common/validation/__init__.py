"""Checking FOCUS rows against every FOCUS 1.3 rule whose violation is visible in a file."""

from __future__ import annotations

import duckdb

from common.validation.file import validate_file
from common.validation.report import Failure, Report
from common.validation.rows import column_types, typed_rows
from common.validation.running import prepare as prepare_validation
from common.validation.running import run
from common.validation.schema import check_names

__all__ = ["Failure", "Report", "prepare_validation", "validate_file", "validate_relation"]


def validate_relation(
    connection: duckdb.DuckDBPyConnection, relation: str, label: str | None = None, prepared: bool = False
) -> Report:
    """Check the rows of a table or view whose columns are typed as `common.focus.storage_schema` says.

    relation: its name.  label: how the report calls it.  prepared: `prepare_validation` was called for its database.
    One scan for the cheap rules, a grouping for each other one.
    The order of its columns is not checked: rows that are stored are no file for others, and exports have an order of their own.
    """
    if not prepared:
        prepare_validation(connection)
    types = column_types(connection, relation)
    rows = typed_rows(relation, types)
    schema = check_names(list(types), ordered=False)
    outcome = run(connection, rows)
    checked = {"schema": schema.checked, **outcome.checked}
    failures = (*schema.failures, *outcome.failures)
    return Report(label or relation, outcome.row_count, failures, checked, outcome.skipped, schema.hints)
