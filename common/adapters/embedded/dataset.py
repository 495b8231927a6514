"""One tenant's dataset as an in-memory DuckDB: relations over its current files, and access to nothing else."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from common import stopping
from common.adapters.embedded.slice_pointers import Pointer
from common.errors import BadConfiguration
from common.focus import TABLE
from common.formats.source import file_pattern, literal, quoted
from common.ports import Document, ObjectStore
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS, DAILY_SQL, DAILY_TABLE
from common.warehouse.duckdb_errors import explained
from common.warehouse.focus_files import focus_select, parquet
from common.warehouse.promised import RATE_COLUMNS, RUN_COLUMNS, SLICE_COLUMNS, view_sql
from common.warehouse.rates import ExchangeRate
from common.warehouse.restatement import RESTATEMENT_COLUMNS
from common.warehouse.transpile import MACROS, Transpiled, transpile

MEMORY_LIMIT = "1GB"


class Dataset:
    """Open relations of one tenant, as of its slice pointers when it was made.  One thread at a time."""

    def __init__(self, pointers: Sequence[Pointer], objects: ObjectStore) -> None:
        self._stack = ExitStack()
        self.connection = self._stack.enter_context(duckdb.connect(":memory:"))
        self._stack.enter_context(stopping.interruptible(self.connection))
        try:
            spill = tempfile.mkdtemp(prefix="costwire-")
            # also where nobody calls close(): at the latest when the process ends
            self._stack.callback(weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True))
            current = [self._stack.enter_context(objects.local(uri)) for one in pointers for uri in one.files]
            self._restated = [
                (self._stack.enter_context(objects.local(entry.uri)), pointer, number)
                for pointer in pointers
                for number, entry in enumerate(pointer.history)
                if entry.uri
            ]
            self._daily = [self._stack.enter_context(objects.local(one.daily)) for one in pointers if one.daily]
            self._not_rolled_up = [
                self._stack.enter_context(objects.local(uri))
                for one in pointers
                if one.daily is None
                for uri in one.files
            ]
            self._set_up(Path(spill), [*current, *(path for path, _, _ in self._restated), *self._daily])
            self.connection.execute(f"create view {TABLE} as {focus_select(self.connection, current)}")
        except BaseException:
            self._stack.close()
            raise
        self._views: set[str] = set()
        self._slices = [
            {
                "integration_id": one.integration_id,
                "billing_period": one.billing_period,
                "delivery_id": one.current,
                "delivered_at": one.delivered_at.astimezone(UTC).isoformat(),
            }
            for one in pointers
        ]
        self._has_slices = False
        self._has_restatements = False
        self._has_daily = False

    def close(self) -> None:
        """Let go of the connection and of the files."""
        self._stack.close()

    def _set_up(self, spill: Path, readable: Sequence[Path]) -> None:
        connection = self.connection
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"set temp_directory = {literal(str(spill))}")
        connection.execute("set autoinstall_known_extensions = false")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set parquet_metadata_cache = true")
        connection.execute("set python_enable_replacements = false")  # no variable of this process is a table
        connection.execute(MACROS)
        # DuckDB looks at the pattern that it is told, then at the file that it finds
        allowed = dict.fromkeys(text for path in map(str, readable) for text in (path, file_pattern(path)))
        # a question reaches this tenant's files and no others, and cannot change that
        connection.execute(f"set allowed_paths = [{', '.join(map(literal, allowed))}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")

    def ask(self, question: Transpiled, parameters: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
        """Answer a transpiled question; relations that it reads must have been `provide`d before."""
        question.check(parameters)
        with explained():
            self.connection.execute("set variable now = cast($now as timestamptz)", {"now": now.isoformat()})
            result = self.connection.execute(question.sql, dict(parameters) if parameters else None)
            names = [entry[0] for entry in result.description]
            if len(set(names)) < len(names):
                raise BadConfiguration("the query gives two columns the same name; give each its own name with AS")
            return [dict(zip(names, map(_in_utc, row), strict=True)) for row in result.fetchall()]

    def provide_views(self, names: frozenset[str]) -> None:
        """Make the views that are to be read, once."""
        for name in sorted(names - self._views):
            self.connection.execute(f"create view {quoted(name)} as {transpile(view_sql(name)).sql}")
            self._views.add(name)

    def provide_rates(self, rates: Sequence[ExchangeRate]) -> None:
        """Fill the table `exchange_rates`."""
        rows = [{**vars(rate), "month": rate.month.isoformat(), "usd_rate": str(rate.usd_rate)} for rate in rates]
        self._fill("exchange_rates", RATE_COLUMNS, rows)

    def provide_runs(self, org_slug: str, runs: Sequence[tuple[str, Document]]) -> None:
        """Fill the table `pipeline_runs`."""
        rows = [{"run_id": run_id, "org_slug": org_slug, "delivery_ids": [], **run} for run_id, run in runs]
        self._fill("pipeline_runs", RUN_COLUMNS, rows)

    def provide_restatements(self) -> None:
        """Make the view `restatements`, once: it opens a file per replacement, which no other question should wait for."""
        if not self._has_restatements:
            self.connection.execute(f"create view restatements as {_restatements(self._restated)}")
            self._has_restatements = True

    def provide_daily(self) -> None:
        """Make the view of the roll-up, once.  Slices of before there were roll-ups are added up here, from their charges."""
        if self._has_daily:
            return
        selects = []
        if self._daily:
            selects.append(f"select {', '.join(map(quoted, DAILY_COLUMNS))} from {parquet(self._daily)}")
        if self._not_rolled_up or not selects:
            charges = focus_select(self.connection, self._not_rolled_up, ADDED_UP)
            rolled_up = f"with shown_rows as ({charges}) select * from ({transpile(DAILY_SQL).sql})"
            self.connection.execute(f"create table rolled_up as {rolled_up}")
            selects.append(f"select {', '.join(map(quoted, DAILY_COLUMNS))} from rolled_up")
        self.connection.execute(f"create view {DAILY_TABLE} as {' union all '.join(selects)}")
        self._has_daily = True

    def provide_slices(self) -> None:
        """Make the table `slices`, once: these relations show the same slices for as long as they are open."""
        if self._has_slices:
            return
        self.provide_daily()  # which knows between what its charges lie, in far fewer rows
        self._fill("pointers", {name: SLICE_COLUMNS[name] for name in list(SLICE_COLUMNS)[:4]}, self._slices)
        self.connection.execute(
            f"""
            create table slices as
            select {", ".join(SLICE_COLUMNS)}
            from pointers
            left join (
                select
                    x_IntegrationId as integration_id,
                    x_DeliveryId as delivery_id,
                    min(x_FirstChargePeriodStart) as first_start,
                    max(x_LastChargePeriodStart) as last_start
                from {DAILY_TABLE}
                group by all
            ) using (integration_id, delivery_id)
            """
        )
        self._has_slices = True

    def _fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        # through one JSON text: far faster than a row at a time
        shape = json.dumps(
            [{column: ["VARCHAR"] if kind.endswith("[]") else "VARCHAR" for column, kind in columns.items()}]
        )
        casts = ", ".join(
            f"cast(entry.{quoted(column)} as {kind}) as {quoted(column)}" for column, kind in columns.items()
        )
        self.connection.execute(
            f"create or replace table {quoted(name)} as "
            f"select {casts} from (select unnest(from_json(cast($rows as json), {literal(shape)})) as entry)",
            {"rows": json.dumps([{column: row.get(column) for column in columns} for row in rows])},
        )


def _restatements(restated: Sequence[tuple[Path, Pointer, int]]) -> str:
    """What each object says, beside what the pointer knows of the replacement."""
    selects = []
    for path, pointer, number in restated:
        entry = pointer.history[number]
        known = {
            "integration_id": pointer.integration_id,
            "billing_period": pointer.billing_period,
            "delivery_replaced": entry.delivery_replaced,
            "delivery_now": entry.delivery_now,
            "replaced_at": entry.replaced_at.isoformat(),
        }
        columns = (
            f"cast({literal(known[name]) if name in known else quoted(name)} as {kind}) as {quoted(name)}"
            for name, kind in RESTATEMENT_COLUMNS.items()
        )
        selects.append(f"select {', '.join(columns)} from {parquet([path])}")
    nulls = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in RESTATEMENT_COLUMNS.items())
    return " union all ".join(selects) or f"select {nulls} where false"


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
