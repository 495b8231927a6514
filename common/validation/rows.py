"""How a relation holds each FOCUS column, and what that makes of the names in a predicate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from common.focus import Column, columns
from common.formats.source import quoted
from common.validation.catalogue import table
from common.validation.predicate import bind, in_list

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_OTHER_NUMBERS = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_TIMES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True)
class Held:
    """One column in a relation.

    names: form of predicate.FORMS -> SQL.  form: text, float or exact.  fault: the type, where it is a wrong one.
    """

    names: Mapping[str, str]
    form: str
    fault: str | None = None


@dataclass(frozen=True)
class Rows:
    """A relation to check.  relation: its name.  row_number: SQL for the row's number, or None to count."""

    relation: str
    held: Mapping[str, Held]
    row_number: str | None = None
    source_row_id: bool = False

    def sql(self, predicate: str) -> str:
        """The predicate as SQL over this relation; columns it does not have are null."""
        return bind(predicate, self.name)

    def name(self, form: str, column: str) -> str:
        """SQL for a form (predicate.FORMS) of a column."""
        if column in self.held:
            return self.held[column].names[form]
        if form == "mistyped":
            return "false"
        storage = next(known.storage_type for known in columns() if known.name == column)
        return f"cast(null as {storage if form == 'value' else 'varchar'})"


def typed_rows(relation: str, types: Mapping[str, str]) -> Rows:
    """A relation whose columns are typed, taken as it is.  types: its `column_types`."""
    held = {
        column.name: hold(column, quoted(column.name), types[column.name])
        for column in columns()
        if column.name in types
    }
    return Rows(quoted(relation), held, source_row_id="x_SourceRowId" in types)


def column_types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Column -> DuckDB type."""
    described = connection.execute(f"describe select * from {quoted(relation)}").fetchall()
    return {row[0]: row[1] for row in described}


def hold(column: Column, sql: str, data_type: str, mistyped: str | None = None, clean: bool = False) -> Held:
    """How a value of `sql`, of a DuckDB type, stands for a column.

    mistyped: SQL that says whether a row holds another type; given for formats that know no column types, where text is
    how every value is written.  clean: read placeholders as null.
    """
    if data_type != "VARCHAR":
        return _typed(column, sql, data_type)
    fault = data_type if mistyped is None and column.data_type in ("Decimal", "DateTime") else None
    plain = f"case when {placeholder(sql)} is null then {sql} end" if clean else sql
    value = plain
    if column.data_type == "Decimal":
        value = _number(column, plain)
    if column.data_type == "DateTime":
        value = f"try_cast({plain} as timestamp with time zone)"
    names = {"plain": plain, "value": value, "raw": sql, "written": plain, "mistyped": mistyped or "false"}
    return Held(names, "text", fault)


def placeholder(sql: str) -> str:
    """SQL for the text of `sql` where it is a word that stands for null, otherwise null."""
    return f"case when {sql} in ({in_list(table('other')['placeholders'])}) then {sql} end"


def _typed(column: Column, sql: str, data_type: str) -> Held:
    text = f"cast({sql} as varchar)"
    fault = None if _fits(column, data_type) else data_type
    plain, value, form = (text if fault else sql), sql, "exact"
    if column.data_type == "Decimal":
        value = _as_decimal(column, sql, data_type)
        if data_type in _FLOATS:
            plain, form = text, "float"
    elif column.data_type == "DateTime":
        value = sql if data_type == _TIMES[0] else f"try_cast({sql} as timestamp with time zone)"
    elif column.data_type == "JSON":
        plain = sql if data_type == "JSON" else f"cast(to_json({sql}) as varchar)"
        value = plain
    names = {"plain": plain, "value": value, "raw": text, "written": "cast(null as varchar)", "mistyped": "false"}
    return Held(names, form, fault)


def _fits(column: Column, data_type: str) -> bool:
    if column.data_type == "Decimal":
        return bool(_DECIMAL.fullmatch(data_type)) or data_type in _INTEGERS | _OTHER_NUMBERS | _FLOATS
    if column.data_type == "DateTime":
        return data_type in _TIMES
    if column.data_type == "JSON":
        return data_type == "JSON" or data_type.startswith(("MAP(", "STRUCT("))
    return data_type.startswith("ENUM(")


def _as_decimal(column: Column, sql: str, data_type: str) -> str:
    scale = 12 if column.name.endswith("Quantity") else 24
    shape = _DECIMAL.fullmatch(data_type)
    if data_type == column.storage_type.replace(" ", ""):
        return sql
    if data_type in _INTEGERS - {"BIGINT"}:
        return f"cast({sql} as decimal(38, {scale}))"
    if shape and int(shape[2]) <= scale and int(shape[1]) - int(shape[2]) <= 38 - scale:
        return f"cast({sql} as decimal(38, {scale}))"
    return _number(column, f"cast({sql} as varchar)")


def _number(column: Column, text: str) -> str:
    return f"focus_{'quantity' if column.name.endswith('Quantity') else 'cost'}({text})"
