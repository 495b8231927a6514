"""A slice's delivery shown instead of the earlier one: staged by a load job, then one multi-statement transaction.

Both jobs are named for their work, so that a repeated or concurrent delivery finds them.  The transaction compares the
slice's pointer with what was read before (as the embedded warehouse does), writes the restatement, deletes the earlier
delivery's rows and their roll-up within their range of days, inserts the new ones and moves the pointer: readers see all or nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from google.cloud import bigquery

from common.adapters.gcp.bigquery_dataset import SLICE_COLUMNS, Datasets
from common.adapters.gcp.bigquery_errors import explaining
from common.adapters.gcp.bigquery_jobs import Jobs
from common.adapters.gcp.bigquery_turns import add_up, names, transaction, tried_in_turn
from common.errors import BadBill, BadConfiguration, CostError, Permanent
from common.focus import TABLE, storage_schema
from common.ports import Slice
from common.warehouse.daily import DAILY_TABLE
from common.warehouse.restatement import COMPARED, RESTATEMENT_COLUMNS, RESTATEMENT_SQL

MAX_FILES = 10_000
"""URIs that one load job takes (https://cloud.google.com/bigquery/quotas#load_jobs)."""

READER = "roles/storage.objectViewer on the bucket and roles/bigquery.dataEditor"

_SLICE = "integration_id = @integration_id and billing_period = @billing_period"


@dataclass(frozen=True)
class Pointer:
    """Which delivery readers of a slice see.  first and last: the ChargePeriodStarts between which its rows lie."""

    delivery_id: str
    delivered_at: datetime
    replaced: str | None
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Staged:
    """A delivery's rows, loaded aside; table None: it has no files."""

    table: bigquery.TableReference | None
    first: datetime | None = None
    last: datetime | None = None


class Swaps:
    """Slices of all tenants' datasets."""

    def __init__(self, jobs: Jobs, datasets: Datasets) -> None:
        self._jobs = jobs
        self._datasets = datasets

    def pointer(self, dataset: bigquery.DatasetReference, piece: Slice) -> Pointer | None:
        """The slice's pointer, None where nothing was ever shown."""
        sql = f"select delivery_id, delivered_at, replaced, first_start, last_start from slices where {_SLICE}"
        rows = self._jobs.rows(sql, dataset, _names_of(piece))
        return Pointer(*rows[0].values()) if rows else None

    def load(self, dataset: bigquery.DatasetReference, piece: Slice, delivery_id: str, files: Sequence[str]) -> Staged:
        """Bring a delivery's rows into a staging table.  Raises NotFound for a file that is gone."""
        if not files:
            return Staged(None)
        if len(files) > MAX_FILES:
            raise BadConfiguration(f"{piece}: {len(files):,} files, one load takes {MAX_FILES:,}; land larger chunks")
        name = _named("load", dataset, piece, delivery_id, *files)

        begun: list[Staged] = []

        def start(job_id: str) -> bigquery.LoadJob:
            table = self._datasets.staging(dataset, _table_of(job_id), storage_schema())
            begun.append(Staged(table.reference))
            return self._jobs.load_files(files, table, job_id)

        try:
            with explaining(f"a file of delivery {delivery_id}", READER):
                job_id = self._jobs.once(
                    name, start, lambda job: self._jobs.holds(dataset.table(_table_of(job.job_id)), job)
                )
                return self._checked(dataset, piece, delivery_id, dataset.table(_table_of(job_id)))
        except Permanent:
            for one in begun[-1:]:
                self._let_go(one)  # its job was refused or has failed: nobody waits for it
            raise

    def swap(
        self,
        dataset: bigquery.DatasetReference,
        piece: Slice,
        before: Pointer | None,
        after: Pointer,
        staged: Staged,
        now: datetime,
    ) -> None:
        """Show the staged rows if the slice still is as it was read; nothing happens where it is not.

        Raises Contention where other transactions stayed in the way.
        """
        sql = _script(before, staged)
        before_first = (before and before.first) or now
        parameters = {
            **_names_of(piece),
            "before": before.delivery_id if before else "",
            "delivery_id": after.delivery_id,
            "delivered_at": after.delivered_at,
            "now": now,
            **({"first_start": staged.first or now, "last_start": staged.last or now} if staged.table else {}),
            "before_first": before_first,
            "before_day": datetime.combine(before_first.astimezone(UTC), time(), UTC),
            "before_last": (before and before.last) or now,
        }
        name = _named("swap", dataset, piece, after.delivery_id, before.delivery_id if before else "")

        def start(job_id: str) -> bigquery.QueryJob:
            return self._jobs.start(sql, dataset, parameters, job_id=job_id)

        def lasts(job: Any) -> bool:
            found = self.pointer(dataset, piece)
            return (found and found.delivery_id) != (before and before.delivery_id)

        try:
            with explaining(f"slice {piece}"):
                tried_in_turn(lambda: self._jobs.once(name, start, lasts), str(piece))
        except Permanent:
            self._let_go(staged)
            raise

    def date(self, dataset: bigquery.DatasetReference, piece: Slice, delivery_id: str, delivered_at: datetime) -> None:
        """Give the slice's delivery the time at which its bytes were delivered last; nothing happens where another is shown."""
        sql = f"update slices set delivered_at = @delivered_at where {_SLICE} and delivery_id = @delivery_id"
        parameters = {**_names_of(piece), "delivery_id": delivery_id, "delivered_at": delivered_at}
        self._jobs.rows(sql, dataset, parameters)

    def forget(self, dataset: bigquery.DatasetReference, piece: Slice, before: datetime) -> None:
        """Delete the slice's restatements of replacements before a moment, save those of its last one."""
        last = f"(select max(replaced_at) from restatements where {_SLICE})"
        sql = f"delete from restatements where {_SLICE} and replaced_at < @before and replaced_at < {last}"
        self._jobs.rows(sql, dataset, {**_names_of(piece), "before": before})

    def _let_go(self, staged: Staged) -> None:
        """Drop a staging table after a failure that stays, which is what is to be told; a table that stays goes by itself."""
        with suppress(CostError):
            self.drop(staged)

    def drop(self, staged: Staged) -> None:
        """Drop a staging table; one that stays goes by itself."""
        if staged.table is not None:
            with explaining(f"table {staged.table.table_id}"):
                self._jobs.client.delete_table(staged.table, not_found_ok=True, **self._jobs.call)

    def _checked(
        self, dataset: bigquery.DatasetReference, piece: Slice, delivery_id: str, table: bigquery.TableReference
    ) -> Staged:
        """What the staging table holds.  Raises BadBill for rows that no swap could find again."""
        own = "x_IntegrationId = @integration_id and x_DeliveryId = @delivery_id and ChargePeriodStart is not null"
        sql = f"""
            select
                min(ChargePeriodStart) as first,
                max(ChargePeriodStart) as last,
                countif(not coalesce({own}, false)) as strange
            from {names([table.table_id])}
        """
        parameters = {"integration_id": piece.integration_id, "delivery_id": delivery_id}
        first, last, strange = self._jobs.rows(sql, dataset, parameters)[0].values()
        if strange:
            raise BadBill(
                f"{piece}: {strange:,} rows of delivery {delivery_id} name another integration or delivery, or have no "
                "charge period; none of its rows are shown; normalize it again"
            )
        return Staged(table, first, last)


def _script(before: Pointer | None, staged: Staged) -> str:
    """The transaction.  Values are parameters, so that BigQuery reads only the partitions that they name."""
    steps = []
    after_rows = f"from {names([staged.table.table_id])}" if staged.table else f"from {TABLE} where false"
    mine = (
        "x_IntegrationId = @integration_id and x_DeliveryId = @before "
        "and ChargePeriodStart >= @before_first and ChargePeriodStart <= @before_last"
    )
    if before is not None:
        known = {"delivery_replaced": "@before", "delivery_now": "@delivery_id", "replaced_at": "@now"}
        known |= {"integration_id": "@integration_id", "billing_period": "@billing_period"}
        values = ", ".join(known.get(name, f"changed.{name}") for name in RESTATEMENT_COLUMNS)
        steps.append(f"""
            insert into restatements ({names(RESTATEMENT_COLUMNS)})
            with before_rows as (select {names(COMPARED)} from {TABLE} where {mine}),
            after_rows as (select {names(COMPARED)} {after_rows})
            select {values} from ({RESTATEMENT_SQL}) as changed;
            delete from {TABLE} where {mine};
            delete from {DAILY_TABLE} where {mine.replace("@before_first", "@before_day")};
        """)
    if staged.table is not None:
        columns = names(storage_schema())
        steps.append(f"insert into {TABLE} ({columns}) select {columns} {after_rows};")
        steps.append(add_up(after_rows))
    replaced = "@before" if before is not None else "cast(null as string)"
    days = "@first_start, @last_start" if staged.table else "cast(null as timestamp), cast(null as timestamp)"
    return transaction(f"""
        if coalesce((select max(delivery_id) from slices where {_SLICE}), '') = @before then
            {"".join(steps)}
            delete from slices where {_SLICE};
            insert into slices ({names(SLICE_COLUMNS)})
            values (@integration_id, @billing_period, @delivery_id, @delivered_at, {replaced}, {days}, @now);
        end if;
    """)


def _names_of(piece: Slice) -> dict[str, Any]:
    return {"integration_id": piece.integration_id, "billing_period": piece.billing_period}


def _named(work: str, dataset: bigquery.DatasetReference, *what: Any) -> str:
    text = json.dumps([dataset.dataset_id, *map(str, what)])
    return f"costwire-{work}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _table_of(job_id: str) -> str:
    return job_id.replace("-", "_")
