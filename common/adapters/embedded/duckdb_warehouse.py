"""The embedded warehouse: DuckDB over the Parquet files that slice pointers name.

Nothing is loaded: a swap is one document transaction, and any number of processes can read at once, each through
its own in-memory connection.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from common.adapters.embedded import slice_pointers
from common.adapters.embedded.dataset import Dataset
from common.adapters.embedded.slice_pointers import Pointer, Restated
from common.errors import BadBill, Contention
from common.formats.engine import engine
from common.formats.source import literal
from common.ports import Clock, Document, DocumentStore, ObjectStore, Replacement, Slice, Swap, Transaction
from common.records.asked import note_query
from common.warehouse.daily import ADDED_UP, DAILY_SQL, DAILY_TABLE
from common.warehouse.focus_files import focus_select
from common.warehouse.promised import view_names, view_sql
from common.warehouse.rates import read_rates, saved_rates
from common.warehouse.restatement import COMPARED, restatement_sql
from common.warehouse.settling import settled
from common.warehouse.transpile import MACROS, transpile

MAX_TRIES = 10


class DuckDbWarehouse:
    """Keeps common.ports.Warehouse.  rates: an `exchange_rates.csv` for tenants that have saved none; it need not exist."""

    def __init__(self, documents: DocumentStore, objects: ObjectStore, clock: Clock, rates: Path | None = None) -> None:
        self._documents = documents
        self._objects = objects
        self._clock = clock
        self._rates = rates
        self._datasets: dict[str, tuple[list[Pointer], Dataset]] = {}
        self._lock = threading.RLock()

    def replace_slice(
        self,
        piece: Slice,
        delivery_id: str,
        delivered_at: datetime,
        files: Sequence[str],
        instead_of: str | None = None,
    ) -> Replacement:
        """`replace_slices` of one."""
        return self._replaced(Swap(piece, delivery_id, delivered_at, files, instead_of))

    def replace_slices(self, swaps: Sequence[Swap]) -> list[Replacement]:
        """One after the other: a swap is one small transaction here."""
        return [self._replaced(one) for one in swaps]

    def _replaced(self, swap: Swap) -> Replacement:
        """Show the rows of the files instead of the slice's earlier ones; restatement and roll-up are written before the swap."""
        piece, delivery_id, delivered_at, files = swap.piece, swap.delivery_id, swap.delivered_at, swap.files
        path = slice_pointers.path_of(piece)
        daily: str | None = None
        for _ in range(MAX_TRIES):
            document = self._documents.get(path)
            before = slice_pointers.read(document) if document else None
            current = before.current if before else None
            replaced = slice_pointers.replaced_by(before, before.current) if before else None
            answer = settled(current, replaced, delivery_id, swap.instead_of)
            if answer is not None and not (answer.shown and before and before.delivered_at != delivered_at):
                return answer
            if answer is not None and before:  # the same bytes, delivered at another time
                after = replace(before, delivered_at=delivered_at)
                if self._documents.transact(lambda tx, b=document, a=after: _swap(tx, path, b, a)):  # type: ignore[misc]
                    return answer
                continue
            history: tuple[Restated, ...] = ()
            if before is None:
                self._check(files)
            else:
                uri = self._write_restatement(piece, before, delivery_id, files)
                # of replacements that changed nothing only the last is asked for, to answer a repeated message alike
                changes = (one for one in before.history if one.uri)
                history = (*changes, Restated(before.current, delivery_id, self._clock.now(), uri))
            daily = daily or self._write_daily(piece, delivery_id, files)
            after = Pointer(
                piece.integration_id, piece.billing_period, delivery_id, delivered_at, tuple(files), history, daily
            )
            if self._documents.transact(lambda tx, b=document, a=after: _swap(tx, path, b, a)):  # type: ignore[misc]
                return Replacement(shown=True, replaced=before.current if before else None)
        raise Contention(f"{piece}: other deliveries repeatedly changed the slice; deliver it again")

    def forget_restatements(self, piece: Slice, before: datetime) -> None:
        """Remove restatements of the slice before a moment, save its last one; the pointer forgets each before its file goes."""
        path = slice_pointers.path_of(piece)

        def work(transaction: Transaction) -> None:
            document = transaction.get(path)
            if document is not None:
                pointer = slice_pointers.read(document)
                known = pointer.history
                staying = tuple(one for one in known if one is known[-1] or one.replaced_at >= before)
                if staying != known:
                    transaction.set(path, slice_pointers.write(replace(pointer, history=staying)))

        self._documents.transact(work)
        # listed first: what a swap writes meanwhile is of the slice's present delivery, or named by the pointer by then
        found = self._objects.list(slice_pointers.restatements_of(piece))
        document = self._documents.get(path)
        pointer = slice_pointers.read(document) if document else None
        named = {one.uri for one in pointer.history} if pointer else set()
        for item in found:
            if item.uri not in named and not (pointer and item.uri.endswith(f"_over_{pointer.current}.parquet")):
                self._objects.delete(item.uri)

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Ask in BigQuery SQL with named parameters; see common/warehouse/transpile.py for what is refused."""
        question = transpile(sql)
        note_query(0)  # on this machine a question scans nothing that is billed
        with self._lock:
            dataset = self._dataset(org_slug)
            views = question.tables & view_names()
            reached = question.tables.union(*(transpile(view_sql(name)).tables for name in views))
            if "exchange_rates" in reached:
                own = saved_rates(self._documents, org_slug)
                dataset.provide_rates(own or (read_rates(self._rates) if self._rates else []))
            if "pipeline_runs" in reached:
                dataset.provide_runs(org_slug, self._documents.list(f"orgs/{org_slug}/runs"))
            if "slices" in reached:
                dataset.provide_slices()
            if "restatements" in reached:
                dataset.provide_restatements()
            if DAILY_TABLE in reached:
                dataset.provide_daily()
            dataset.provide_views(views)
            return dataset.ask(question, parameters or {}, self._clock.now())

    def scanned_bytes(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """None: a question on this machine costs nothing.  What `query` would refuse is refused here too."""
        transpile(sql)

    def export(self, org_slug: str, path: str, where: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Write current rows to .parquet or .csv; the file appears whole or not at all."""
        from common.adapters.shared.focus_export import write_focus  # pyarrow: only where it is needed

        with ExitStack() as stack:
            pointers = slice_pointers.read_all(self._documents, org_slug)
            pointers.sort(key=lambda pointer: (pointer.integration_id, pointer.billing_period))
            slices = [[stack.enter_context(self._objects.local(uri)) for uri in one.files] for one in pointers]
            return write_focus(slices, Path(path), where, parameters or {}, self._clock.now())

    def remove(self, org_slug: str) -> bool:
        """Delete the tenant's slice pointers; the files that they named stay."""
        collection = slice_pointers.collection_of(org_slug)
        found = self._documents.list(collection)
        for name, _ in found:
            self._documents.delete(f"{collection}/{name}")
        with self._lock:
            known = self._datasets.pop(org_slug, None)
            if known is not None:
                known[1].close()
        return bool(found)

    def close(self) -> None:
        """Let go of all connections; the next question opens new ones."""
        with self._lock:
            for _, dataset in self._datasets.values():
                dataset.close()
            self._datasets.clear()

    def _dataset(self, org_slug: str) -> Dataset:
        """The tenant's open relations, made anew when a pointer changed."""
        pointers = slice_pointers.read_all(self._documents, org_slug)
        known = self._datasets.get(org_slug)
        if known is not None and known[0] == pointers:
            return known[1]
        made = Dataset(pointers, self._objects)
        if known is not None:
            known[1].close()
        self._datasets[org_slug] = (pointers, made)
        return made

    def _check(self, files: Sequence[str]) -> None:
        """Raises NotFound for a file that is not there; restatements find out by themselves."""
        with ExitStack() as stack:
            for uri in files:
                stack.enter_context(self._objects.local(uri))

    def _write_restatement(self, piece: Slice, before: Pointer, delivery_id: str, files: Sequence[str]) -> str:
        """The object that says what a replacement changes, "" where it changes nothing."""
        # named by both deliveries: what a lost race wrote is never taken for the answer to another question
        name = f"{slice_pointers.restatements_of(piece)}{delivery_id}_over_{before.current}.parquet"
        try:
            return self._write(name, restatement_sql(), COMPARED, before_rows=before.files, after_rows=files)
        except duckdb.OutOfRangeException:
            raise BadBill(
                "a cost of the earlier delivery and that of this one differ by 10^14 or more, more than a cost column can store; "
                "look for a line with an implausible amount, and export the bill again"
            ) from None

    def _write_daily(self, piece: Slice, delivery_id: str, files: Sequence[str]) -> str:
        """The object with the roll-up of some files, "" without rows.  No sum outgrows a cost: such a delivery is rejected."""
        name = slice_pointers.daily_of(piece, delivery_id, files)
        return self._write(name, DAILY_SQL, ADDED_UP, shown_rows=files)

    def _write(self, name: str, sql: str, columns: Sequence[str], **relations: Sequence[str]) -> str:
        """Write the answer to a question over files of charges as an object, "" where it has no rows; relations: their URIs, by name."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="costwire-")))
            connection = stack.enter_context(engine(folder, set_up=_set_up, keep=True))
            for relation, uris in relations.items():
                paths = [stack.enter_context(self._objects.local(uri)) for uri in uris]
                connection.execute(f"create temp view {relation} as {focus_select(connection, paths, columns)}")
            written = folder / "written.parquet"
            counted = connection.execute(
                f"copy ({transpile(sql).sql}) to {literal(str(written))} (format parquet)"
            ).fetchone()
            return self._objects.put_file(name, written).uri if counted and counted[0] else ""


def _set_up(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(MACROS)


def _swap(transaction: Transaction, path: str, before: Document | None, after: Pointer) -> bool:
    """Write the new pointer if the slice is still as it was read; False if another delivery was faster."""
    if transaction.get(path) != before:
        return False
    transaction.set(path, slice_pointers.write(after))
    return True
