"""local-bigquery as it is started here, in its own environment: what keeps it from running offline or from being exact is mended first.

- DuckDB is told the time zone after it connects; as an option it would load an extension over the network.
- BIGNUMERIC keeps 24 fractional digits instead of 18, or the scale that a column declares; BigQuery keeps 38.
- SAFE_DIVIDE of decimals is exact.
- Two callers who make one dataset at the same time get it, and a 409, instead of a failed commit.
- The tables that hold answers go after 40 more.
- Of two transactions that change rows of one table the second is cancelled, at its first statement that does; local-bigquery notices at
  the commit (https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency).
- A project is a plain DuckDB database, not a DuckLake, where each question takes longer with every table there is.
- A load job takes Parquet files of several schemas, by column name.
- Objects of gs:// come from a folder (GCS_LOCAL_ROOT/<bucket>/<name>) where it has the bucket, else from the emulator at
  STORAGE_EMULATOR_HOST, over its JSON API; local-bigquery would load a DuckDB extension for that.
"""

from __future__ import annotations

import decimal
import functools
import os
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import duckdb

_connect = duckdb.connect
BIG = "DECIMAL(38,24)"
KEPT_ANSWERS = 40


def connect(*args: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> duckdb.DuckDBPyConnection:
    """DuckDB's connection, with the time zone set by a statement."""
    options = dict(config or {})
    zone = options.pop("TimeZone", None)
    connection = _connect(*args, config=options, **kwargs)
    if zone:
        connection.execute(f"SET TimeZone='{zone}'")
    return connection


def exact_decimals() -> None:
    """Columns and casts keep the digits that a cost has."""
    from local_bigquery.engine import types
    from local_bigquery.sql.rules import typing

    types.TO_DUCKDB.update(BIGNUMERIC=BIG, BIGDECIMAL=BIG)
    typing.DECIMALS[typing.Type.BIGDECIMAL] = "DECIMAL(38, 24)"
    plain = types.duckdb_type

    def duckdb_type(field: Any) -> str:
        if (field.type or "").upper() in {"BIGNUMERIC", "NUMERIC"} and field.precision and field.mode != "REPEATED":
            return f"DECIMAL({min(int(field.precision), 38)},{int(field.scale or 0)})"
        return str(plain(field))

    types.duckdb_type = duckdb_type


def exact_quotients() -> None:
    """SAFE_DIVIDE of decimals is a NUMERIC, rounded half away from zero to nine digits, not a float."""
    from local_bigquery.sql import native
    from local_bigquery.sql.rules import NODE_RULES, typing
    from sqlglot import exp

    plain = native.register

    def register(connection: duckdb.DuckDBPyConnection) -> None:
        plain(connection)
        text = duckdb.sqltype("VARCHAR")
        connection.create_function("_exact_quotient", quotient, [text, text], text, null_handling="special")

    def divided(node: exp.Expression, context: Any) -> exp.Expression:
        if not isinstance(node, exp.SafeDivide):
            return node
        sides = [typing.kind(side) for side in (node.this, node.expression)]
        if any(side in typing.FLOATS for side in sides) or all(side in exp.DataType.INTEGER_TYPES for side in sides):
            return node
        texts = [exp.cast(side.copy(), "VARCHAR") for side in (node.this, node.expression)]
        return exp.cast(exp.Anonymous(this="_exact_quotient", expressions=texts), exp.DataType.build("DECIMAL(38, 9)"))

    native.register = register
    NODE_RULES.insert(0, divided)


def quotient(dividend: str | None, divisor: str | None) -> str | None:
    """dividend / divisor with nine fractional digits; None where there is none."""
    if dividend is None or divisor is None or not decimal.Decimal(divisor):
        return None
    with decimal.localcontext(decimal.Context(prec=100)):
        exact = decimal.Decimal(dividend) / decimal.Decimal(divisor)
        return format(exact.quantize(decimal.Decimal("1e-9"), rounding=decimal.ROUND_HALF_UP), "f")


def one_maker_at_a_time() -> None:
    """Datasets and tables are made and dropped as wholes: who comes second finds them, instead of failing to commit."""
    from local_bigquery.catalog import datasets, tables

    lock = threading.RLock()

    def alone(work: Any) -> Any:
        @functools.wraps(work)
        def locked(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return work(*args, **kwargs)

        return locked

    for module, names in ((datasets, ("create", "update", "delete")), (tables, ("create", "update", "delete"))):
        for name in names:
            setattr(module, name, alone(getattr(module, name)))


def results_that_go() -> None:
    """The tables of answers go after so many others, as BigQuery's go after a day: each one slows every look for a table."""
    from local_bigquery.catalog import tables
    from local_bigquery.errors import BigQueryError
    from local_bigquery.jobs import runner, store

    plain, kept = runner._execute, deque()

    def execute(job: Any, *given: Any) -> None:
        plain(job, *given)
        project, job_id = job.jobReference.projectId, job.jobReference.jobId
        query = store.load(project, job_id).configuration.query
        if query and query.destinationTable and query.destinationTable.datasetId == tables.RESULTS:
            kept.append((project, job_id))
        while len(kept) > KEPT_ANSWERS:
            with suppress(BigQueryError, duckdb.Error):
                tables.delete(kept[0][0], tables.RESULTS, kept[0][1])
            kept.popleft()

    runner._execute = execute


def one_transaction_per_table() -> None:
    """A transaction is cancelled where it would change rows of a table that another one has changed since it began."""
    from local_bigquery.jobs import query
    from sqlglot import exp

    statement, execute, turns = query._statement, query.execute, Turns()

    def checked(cursor: Any, tree: Any, context: Any, *given: Any) -> Any:
        if isinstance(tree, exp.Update | exp.Delete | exp.Merge):
            turns.take(cursor, query._target(tree, context))
        done = statement(cursor, tree, context, *given)
        if isinstance(tree, exp.Transaction):
            turns.begin(cursor)
        elif isinstance(tree, exp.Commit | exp.Rollback):
            turns.end(cursor)
        return done

    def executed(cursor: Any, *given: Any, session: Any = None, **words: Any) -> Any:
        try:
            done = execute(cursor, *given, session=session, **words)
        except BaseException:
            with suppress(duckdb.Error):
                cursor.execute("rollback")
            turns.end(cursor)
            raise
        if session is None:
            turns.end(cursor)
        return done

    query._statement, query.execute = checked, executed


class Turns:
    """Which open transaction changes rows of which table.  A transaction is known by its cursor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = 0
        self._began: dict[int, int] = {}
        self._holder: dict[tuple[str, ...], int] = {}
        self._changed: dict[tuple[str, ...], int] = {}

    def begin(self, cursor: Any) -> None:
        """A transaction begins."""
        with self._lock:
            self._began[id(cursor)] = self._ended

    def take(self, cursor: Any, table: tuple[str, ...]) -> None:
        """It is about to change rows of a table.  Raises BigQuery's error where it is cancelled."""
        from local_bigquery.errors import BigQueryError

        with self._lock:
            began = self._began.get(id(cursor))
            if began is None:
                return
            holder = self._holder.setdefault(table, id(cursor))
            if holder != id(cursor) or self._changed.get(table, 0) > began:
                name = f"{table[0]}:{'.'.join(table[1:])}"
                raise BigQueryError(
                    "invalidQuery", f"Transaction is aborted due to concurrent update against table {name}."
                )

    def end(self, cursor: Any) -> None:
        """It was committed or rolled back, if there was one."""
        with self._lock:
            if self._began.pop(id(cursor), None) is None:
                return
            self._ended += 1
            for table in [table for table, holder in self._holder.items() if holder == id(cursor)]:
                del self._holder[table]
                self._changed[table] = self._ended


def columns_by_name() -> None:
    """A column that a Parquet file lacks is null, as BigQuery has it where a schema is given."""
    from local_bigquery.jobs import load

    plain = load._reader

    def reader(cursor: Any, files: str, config: Any, fields: Any) -> str:
        if config.sourceFormat != "PARQUET" or not fields:
            return str(plain(cursor, files, config, fields))
        source = f"read_parquet({files}, union_by_name = true)"
        there = set(cursor.sql(f"select * from {source} limit 0").columns)
        absent = "".join(f', null as "{field.name}"' for field in fields if field.name not in there)
        return f"(select *{absent} from {source})"

    load._reader = reader


def objects_over_json() -> None:
    """Load jobs read gs:// from a folder or from a Cloud Storage emulator."""
    from local_bigquery.errors import BigQueryError
    from local_bigquery.jobs import load, storage

    from_folder = storage._matches

    def paths(cursor: Any, uri: str) -> list[str]:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        folder = Path(os.environ.get("GCS_LOCAL_ROOT", "/nonexistent")) / bucket
        host = os.environ.get("STORAGE_EMULATOR_HOST")
        if not uri.startswith("gs://") or folder.is_dir() or not host:
            found = from_folder(uri)
            if uri.startswith("gs://") and not all(Path(path).is_file() for path in found):
                raise BigQueryError("notFound", f"Not found: URI {uri}")
            return list(found)
        address = f"{host if '://' in host else 'http://' + host}/download/storage/v1/b/{bucket}/o/"
        target = Path(tempfile.mkdtemp(prefix="object-")) / "object"
        try:
            urllib.request.urlretrieve(f"{address}{urllib.parse.quote(name, safe='')}?alt=media", target)
        except urllib.error.HTTPError as error:
            reason = "notFound" if error.code == 404 else "dontRetry"
            raise BigQueryError(reason, f"Not found: URI {uri}, HTTP {error.code}") from error
        return [str(target)]

    storage.paths = load.paths = paths


def plain_databases() -> None:
    """A project is a DuckDB database in memory, and a table is looked for by its name.

    A DuckLake is read anew after every statement that defines something, and writes a Parquet file for every insert;
    duckdb_columns() and its like list what all projects have, several times in each question.
    """
    from local_bigquery.engine import database

    plain, listed = database.fetch, database.objects

    def attach(connection: duckdb.DuckDBPyConnection, project_id: str) -> None:
        connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {database.quote(project_id)}")
        database._attached.add(project_id)

    def fetch(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
        if "duckdb_columns()" not in sql or not params:
            return list(plain(sql, params))
        # asked for a table's columns that may not be null, or for one column by its name
        project_id, dataset_id, table_id, *named = params
        about = "SELECT name FROM pragma_table_info(?) WHERE " + ("name = ?" if named else '"notnull"')
        try:
            return list(plain(about, [database.quote(project_id, dataset_id, table_id), *named]))
        except duckdb.CatalogException:
            return []  # a table that is not there has no columns

    def objects(project_id: str, dataset_id: str, table_id: str | None = None) -> list[tuple[str, str, int]]:
        if table_id is None or table_id != table_id.lower():  # DuckDB finds a table in other letters too
            return list(listed(project_id, dataset_id, table_id))
        table = database.quote(project_id, dataset_id, table_id)
        try:
            ((rows, _),) = plain(f"SELECT count(*), any_value(rowid) FILTER (false) FROM {table}")
            return [(table_id, "TABLE", rows)]
        except duckdb.CatalogException as error:
            if f"Table with name {table_id} does not exist" in str(error):
                return []
        except duckdb.BinderException:
            pass  # a view has no rowid; it is there also where what it asks for is gone
        return list(listed(project_id, dataset_id, table_id))

    database._attach, database.fetch, database.objects = attach, fetch, objects
    database.projects = lambda: sorted(database._attached)


def main() -> int:
    """Run the console script of local-bigquery, mended."""
    duckdb.connect = connect
    exact_decimals()
    exact_quotients()
    one_maker_at_a_time()
    results_that_go()
    one_transaction_per_table()
    columns_by_name()
    objects_over_json()
    plain_databases()
    (script,) = [one for one in entry_points(group="console_scripts") if one.name == "local-bigquery"]
    return int(script.load()() or 0)


if __name__ == "__main__":
    sys.exit(main())
