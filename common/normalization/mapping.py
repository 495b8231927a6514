"""Mapping SQL: one DuckDB file per source format in its provider's folder, read over the relation `source`."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib.resources import as_file, files

import duckdb

from common.focus import GENAI_COLUMNS, KUBERNETES_COLUMNS, SOME_COLUMNS, columns
from common.formats.recognition import SourceFormat, formats
from common.formats.source import file_literal, quoted
from common.records.contract_prices import ContractPrice
from common.records.own_services import SERVICE_TABLES, OwnService

REFERENCE = "common.reference"
MAPS = {
    "aws_model_sellers": "select first_word, seller from aws_model_sellers",
    "aws_region_names": "select spelling, region_id from aws_region_names",
    "genai_models": "select spelling, family from genai_models",
    "genai_words": "select word, token_kind from genai_words",
    "oci_region_keys": "select region_key, region_id from oci_region_keys",
    "provider_names": "select spelling, service_provider_name from focus_providers",
}
"""Variable -> its keys and values: what few lines look up, since a join costs time on every line."""

AGREED_PRICES = "agreed_prices"
"""The variable with a tenant's own prices of models: what a price is of -> its validities."""
_AGREED = "map(varchar, struct(price varchar, tier varchar, valid_from varchar, valid_to varchar)[])"


@cache
def mapping_sql(source_format: str) -> str:
    """The mapping of a format: a SELECT over `source`, see README.md beside this file for what it must give."""
    found = _provider_sql(source_format)
    if found is None:
        raise LookupError(
            f"format {source_format} has no mapping: {source_format}.sql is missing in its provider's folder"
        )
    return found


@cache
def pairs_sql(source_format: str) -> str | None:
    """The check of rows that must cancel each other in a delivery, where the format has such rows."""
    return _provider_sql(source_format, ".pairs")


def prepare(
    connection: duckdb.DuckDBPyConnection,
    own: Collection[OwnService] = (),
    only_for: str | None = None,
    prices: Collection[ContractPrice] = (),
) -> None:
    """`set_up`, then `choose`."""
    set_up(connection, only_for)
    choose(connection, own, only_for, prices)


def set_up(connection: duckdb.DuckDBPyConnection, only_for: str | None = None) -> None:
    """Make the macros and the reference tables (one a CSV file of `common/reference`, all text) in a database.

    only_for: the SQL that will run, so that what it does not name is left out: reading all tables takes longer than mapping a small bill.
    """
    # bills stream past the small reference tables; left to itself DuckDB guesses a bill small and holds all of it in memory
    connection.execute("set disabled_optimizers = 'build_side_probe_side'")
    connection.execute(_macros())
    for name in _tables(only_for):
        with as_file(files(REFERENCE).joinpath(f"{name}.csv")) as path:
            connection.execute(
                f"create or replace table {quoted(name)} as "
                f"select * from read_csv({file_literal(str(path))}, header = true, all_varchar = true, delim = ',', quote = '\"')"
            )


def choose(
    connection: duckdb.DuckDBPyConnection,
    own: Collection[OwnService] = (),
    only_for: str | None = None,
    prices: Collection[ContractPrice] = (),
) -> None:
    """Prepare one connection of a database that was set up for the same SQL.

    own: a tenant's classes of services, instead of the tables' rows for the same services, as this connection sees them.
    prices: a tenant's own prices of models, the map `agreed_prices`.
    """
    if _names(only_for, AGREED_PRICES):
        connection.execute(f"set variable {AGREED_PRICES} = cast(? as {_AGREED})", [_by_model(prices)])
    tables = _tables(only_for)
    mine = [row for row in own if SERVICE_TABLES[row.provider].name in tables]
    for name in {SERVICE_TABLES[row.provider].name for row in mine}:
        connection.execute(f"create or replace temp table {name} as select * from main.{name}")
    for row in mine:
        _class_own(connection, row)
    for name, pairs in MAPS.items():
        if _names(only_for, name):
            connection.execute(
                f"set variable {name} = (select map_from_entries(list((key, value))) from ({pairs}) as found(key, value))"
            )


def _by_model(prices: Collection[ContractPrice]) -> dict[str, list[dict[str, str]]]:
    """Prices as the macro `agreed_price` looks them up."""
    found: dict[str, list[dict[str, str]]] = {}
    for one in prices:
        cells = one.as_text()
        key = "|".join((one.provider, one.model, one.token_kind, one.variant, one.currency))
        found.setdefault(key, []).append({name: cells[name] for name in ("price", "tier", "valid_from", "valid_to")})
    return found


@cache
def _tables(only_for: str | None) -> list[str]:
    read = [pairs for name, pairs in MAPS.items() if _names(only_for, name)]
    return [name for name in _reference_tables() if _names(only_for, name) or any(_names(sql, name) for sql in read)]


@cache
def _macros() -> str:
    return files("common.normalization").joinpath("sql", "macros.sql").read_text(encoding="utf-8")


@cache
def _reference_tables() -> tuple[str, ...]:
    names = (entry.name for entry in files(REFERENCE).iterdir())
    return tuple(sorted(name.removesuffix(".csv") for name in names if name.endswith(".csv")))


def _names(sql: str | None, name: str) -> bool:
    return sql is None or name in sql


def _class_own(connection: duckdb.DuckDBPyConnection, row: OwnService) -> None:
    table = SERVICE_TABLES[row.provider]
    key = table.spelling(row.service)
    values = {
        "service_name": row.service_name,
        "service_category": row.service_category,
        "service_subcategory": row.service_subcategory,
    }
    known = {column[0] for column in connection.execute(f"select * from {table.name} limit 0").description}
    cells = {name: value for name, value in values.items() if name in known} | {table.key: key}
    connection.execute(f"delete from {table.name} where {table.key} = ?", [key])
    places = ", ".join("?" for _ in cells)
    connection.execute(f"insert into {table.name} ({', '.join(cells)}) values ({places})", list(cells.values()))


@cache
def adjustments_sql(source_format: str) -> str | None:
    """The rows that stand for what did not cancel: a mapping over `pairs`, what all chunks' checks left."""
    return _provider_sql(source_format, ".adjustments")


def own_columns(known: SourceFormat) -> frozenset[str]:
    """Those of SOME_COLUMNS that a format's mapping gives."""
    groups = ((known.genai, GENAI_COLUMNS), (known.kubernetes, KUBERNETES_COLUMNS))
    return frozenset(known.given).union(*(names for has, names in groups if has))


def focus_select(mapped: str, ours: str = "source_row_id, quarantine_reason", own: Collection[str] = ()) -> str:
    """The FOCUS columns of a mapped relation, in order and typed, then ours; ChargeCategory is null on rows for quarantine.

    own: those of SOME_COLUMNS that the mapping gives.
    """
    parts = []
    for column in columns():
        value = f"cast({quoted(column.name)} as {column.storage_type})"
        if column.name == "ChargeCategory":
            value = f"case when quarantine_reason is null then {value} end"
        parts.append(f"{value} as {quoted(column.name)}")
    some = ", ".join(
        f"cast({quoted(name) if name in own else 'null'} as {kind}) as {quoted(name)}"
        for name, kind in SOME_COLUMNS.items()
    )
    return f"select {', '.join(parts)}, {ours}, x_CostCategories, x_Source, {some} from {mapped}"


def _provider_sql(source_format: str, kind: str = "") -> str | None:
    """The format's SQL of a kind, which lies beside its columns in the provider's folder."""
    found = formats()[source_format].folder.joinpath(f"{source_format}{kind}.sql")
    return found.read_text(encoding="utf-8") if found.is_file() else None
