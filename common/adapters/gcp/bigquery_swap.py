"""Deliveries of slices shown instead of the earlier ones: staged by one load job, then one multi-statement transaction.

Both jobs are named for their work, so that a repeated or concurrent delivery finds them.  The transaction compares each
slice's pointer with what was read before (as the embedded warehouse does), writes the restatements, deletes the earlier
deliveries' rows and their roll-up within their range of days, inserts the new ones and moves the pointers: readers see all or
nothing.  Its statements are of sets, so that there are as many for fifty slices as for one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

from google.cloud import bigquery

from common.adapters.gcp.bigquery_dataset import SLICE_COLUMNS, Datasets
from common.adapters.gcp.bigquery_errors import explaining
from common.adapters.gcp.bigquery_jobs import Jobs
from common.adapters.gcp.bigquery_turns import add_up, names, transaction, tried_in_turn
from common.errors import BadBill, BadConfiguration, CostError, Permanent
from common.focus import TABLE, storage_schema
from common.ports import Slice, Swap
from common.warehouse.daily import DAILY_TABLE
from common.warehouse.restatement import COMPARED, RESTATEMENT_COLUMNS, restatement_sql

MAX_FILES = 10_000
"""URIs that one load job takes (https://cloud.google.com/bigquery/quotas#load_jobs)."""

READER = "roles/storage.objectViewer on the bucket and roles/bigquery.dataEditor"

_SLICE = "integration_id = @integration_id and billing_period = @billing_period"
_KEYS = ("integration_id", "billing_period")

_MOVE = {
    **dict.fromkeys((*_KEYS, "before_id", "delivery_id"), "STRING"),
    **dict.fromkeys(("delivered_at", "first_start", "last_start"), "TIMESTAMP"),
}
"""An entry of the parameter @slices.  before_id: the delivery that is to be replaced, empty for none."""

_MOVING = """
    select wanted.* from unnest(@slices) as wanted
    left join slices as shown on shown.integration_id = wanted.integration_id and shown.billing_period = wanted.billing_period
    where coalesce(shown.delivery_id, '') = wanted.before_id
"""
"""The slices that still are as they were read."""


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
    """Rows of some deliveries, loaded aside; table None: they have no files.

    spans: the ChargePeriodStarts between which the rows of each slice lie, of those that have rows.
    """

    table: bigquery.TableReference | None
    spans: Mapping[Slice, tuple[datetime, datetime]] = field(default_factory=dict)


class Swaps:
    """Slices of all tenants' datasets."""

    def __init__(self, jobs: Jobs, datasets: Datasets) -> None:
        self._jobs = jobs
        self._datasets = datasets

    def pointers(self, dataset: bigquery.DatasetReference, pieces: Sequence[Slice]) -> dict[Slice, Pointer]:
        """The pointers of some slices; none of one of which nothing was ever shown."""
        sql = (
            "select integration_id, billing_period, delivery_id, delivered_at, replaced, first_start, last_start from slices "
            "where integration_id in unnest(@integrations) and billing_period in unnest(@periods)"
        )
        parameters = {
            "integrations": sorted({one.integration_id for one in pieces}),
            "periods": sorted({one.billing_period for one in pieces}),
        }
        pairs = {(one.integration_id, one.billing_period): one for one in pieces}
        rows = [row.values() for row in self._jobs.rows(sql, dataset, parameters)]
        found = {pairs.get((integration, period)): Pointer(*what) for integration, period, *what in rows}
        return {piece: pointer for piece, pointer in found.items() if piece is not None}

    def load(self, dataset: bigquery.DatasetReference, swaps: Sequence[Swap]) -> Staged:
        """Bring the rows of some deliveries into one staging table.  Raises NotFound for a file that is gone."""
        files = [uri for one in swaps for uri in one.files]
        if not files:
            return Staged(None)
        if len(files) > MAX_FILES:
            raise BadConfiguration(
                f"{slices_of(swaps)}: {len(files):,} files, one load takes {MAX_FILES:,}; land larger chunks"
            )
        name = _named("load", dataset, *(text for one in swaps for text in (one.piece, one.delivery_id, *one.files)))

        begun: list[Staged] = []

        def start(job_id: str) -> bigquery.LoadJob:
            table = self._datasets.staging(dataset, _table_of(job_id), storage_schema())
            begun.append(Staged(table.reference))
            return self._jobs.load_files(files, table, job_id)

        try:
            with explaining(f"a file of {_deliveries_of(swaps)}", READER):
                job_id = self._jobs.once(
                    name, start, lambda job: self._jobs.holds(dataset.table(_table_of(job.job_id)), job)
                )
                return self._checked(dataset, swaps, dataset.table(_table_of(job_id)))
        except Permanent:
            for one in begun[-1:]:
                self._let_go(one)  # its job was refused or has failed: nobody waits for it
            raise

    def swap(
        self,
        dataset: bigquery.DatasetReference,
        swaps: Sequence[Swap],
        before: Mapping[Slice, Pointer],
        staged: Staged,
        now: datetime,
    ) -> None:
        """Show the staged rows of those slices that still are as they were read; nothing happens to the others.

        Raises Contention where other transactions stayed in the way.
        """
        known = [before[one.piece] for one in swaps if one.piece in before]
        starts = [one.first for one in known if one.first]
        first, last = min(starts, default=now), max((one.last for one in known if one.last), default=now)
        parameters = {
            "slices": [_move(one, before.get(one.piece), staged) for one in swaps],
            "integrations": sorted({one.piece.integration_id for one in swaps}),
            "now": now,
            "before_first": first,
            "before_day": datetime.combine(first.astimezone(UTC), time(), UTC),
            "before_last": last,
        }
        sql = _script(staged.table, bool(known))
        ids = {one.piece: before[one.piece].delivery_id if one.piece in before else "" for one in swaps}
        name = _named(
            "swap", dataset, *(text for one in swaps for text in (one.piece, one.delivery_id, ids[one.piece]))
        )

        def start(job_id: str) -> bigquery.QueryJob:
            return self._jobs.start(sql, dataset, parameters, job_id=job_id)

        def lasts(job: Any) -> bool:
            found = self.pointers(dataset, list(ids))
            return all((found[piece].delivery_id if piece in found else "") != was for piece, was in ids.items())

        try:
            with explaining(slices_of(swaps)):
                tried_in_turn(lambda: self._jobs.once(name, start, lasts), slices_of(swaps))
        except Permanent:
            self._let_go(staged)
            raise

    def date(self, dataset: bigquery.DatasetReference, swap: Swap) -> None:
        """Give the slice's delivery the time at which its bytes were delivered last; nothing happens where another is shown."""
        sql = f"update slices set delivered_at = @delivered_at where {_SLICE} and delivery_id = @delivery_id"
        parameters = {
            **_names_of(swap.piece),
            "delivery_id": swap.delivery_id,
            "delivered_at": swap.delivered_at,
        }
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
        self, dataset: bigquery.DatasetReference, swaps: Sequence[Swap], table: bigquery.TableReference
    ) -> Staged:
        """What the staging table holds.  Raises BadBill for rows that no swap could find again."""
        sql = f"""
            select
                x_IntegrationId as integration_id,
                x_DeliveryId as delivery_id,
                min(ChargePeriodStart) as first,
                max(ChargePeriodStart) as last,
                count(*) as there,
                countif(ChargePeriodStart is null) as timeless
            from {names([table.table_id])}
            group by 1, 2
        """
        pieces = {(one.piece.integration_id, one.delivery_id): one.piece for one in swaps}
        spans, strange = {}, 0
        for integration_id, delivery_id, first, last, there, timeless in map(tuple, self._jobs.rows(sql, dataset)):
            piece = pieces.get((integration_id, delivery_id))
            strange += timeless if piece else there
            if piece:
                spans[piece] = first, last
        if strange:
            raise BadBill(
                f"{slices_of(swaps)}: {strange:,} rows of {_deliveries_of(swaps)} name another integration or delivery, or have "
                "no charge period; none of its rows are shown; normalize it again"
            )
        return Staged(table, spans)


def _script(table: bigquery.TableReference | None, replacing: bool) -> str:
    """The transaction.  Times are parameters, so that BigQuery reads only the partitions between them.

    table: of the staged rows, None where there are none.  replacing: whether some slice has rows now.
    """
    steps = []
    staged = names([table.table_id]) if table else f"(select {names(storage_schema())} from {TABLE} where false)"
    arriving = (
        f"from {staged} join ({_MOVING}) as moving "
        "on x_IntegrationId = moving.integration_id and x_DeliveryId = moving.delivery_id"
    )
    if replacing:
        span = "ChargePeriodStart >= @before_first and ChargePeriodStart <= @before_last"
        span += " and x_IntegrationId in unnest(@integrations)"
        own = "x_IntegrationId = moving.integration_id and x_DeliveryId = moving.before_id"
        leaving = f"{span} and exists (select 1 from ({_MOVING}) as moving where {own})"
        known = {"delivery_replaced": "before_id", "delivery_now": "delivery_id"}
        values = [
            "@now" if name == "replaced_at" else f"moving.{known[name]}" if name in known else f"changed.{name}"
            for name in RESTATEMENT_COLUMNS
        ]
        compared = f"{names(COMPARED)}, moving.integration_id, moving.billing_period"
        steps.append(f"""
            insert into restatements ({names(RESTATEMENT_COLUMNS)})
            with before_rows as (select {compared} from {TABLE} join ({_MOVING}) as moving on {own} where {span}),
            after_rows as (select {compared} {arriving} where moving.before_id <> '')
            select {", ".join(values)} from ({restatement_sql(_KEYS)}) as changed
            join ({_MOVING}) as moving
                on moving.integration_id = changed.integration_id and moving.billing_period = changed.billing_period;
            delete from {TABLE} where {leaving};
            delete from {DAILY_TABLE} where {leaving.replace("@before_first", "@before_day")};
        """)
    if table is not None:
        columns = names(storage_schema())
        steps.append(f"insert into {TABLE} ({columns}) select {columns} {arriving};")
        steps.append(add_up(arriving))
    # the new pointers before the old ones go: by these it is known which slices move
    return transaction(f"""
        if exists ({_MOVING}) then
            {"".join(steps)}
            insert into slices ({names(SLICE_COLUMNS)})
            select integration_id, billing_period, delivery_id, delivered_at, nullif(before_id, ''), first_start, last_start, @now
            from ({_MOVING});
            delete from slices where exists (
                select 1 from unnest(@slices) as wanted
                where wanted.integration_id = slices.integration_id and wanted.billing_period = slices.billing_period
                and wanted.before_id = slices.delivery_id
            );
        end if;
    """)


def _move(swap: Swap, before: Pointer | None, staged: Staged) -> bigquery.StructQueryParameter:
    first, last = staged.spans.get(swap.piece, (None, None))
    values = {
        **_names_of(swap.piece),
        "before_id": before.delivery_id if before else "",
        "delivery_id": swap.delivery_id,
        "delivered_at": swap.delivered_at,
        "first_start": first,
        "last_start": last,
    }
    return bigquery.StructQueryParameter(
        None, *(bigquery.ScalarQueryParameter(name, kind, values[name]) for name, kind in _MOVE.items())
    )


def slices_of(swaps: Sequence[Swap]) -> str:
    """What an error is about, in words."""
    return f"slice {swaps[0].piece}" if len(swaps) == 1 else f"{len(swaps)} slices of {swaps[0].piece.org_slug}"


def _deliveries_of(swaps: Sequence[Swap]) -> str:
    return f"delivery {swaps[0].delivery_id}" if len(swaps) == 1 else f"{len(swaps)} deliveries"


def _names_of(piece: Slice) -> dict[str, Any]:
    return {"integration_id": piece.integration_id, "billing_period": piece.billing_period}


def _named(work: str, dataset: bigquery.DatasetReference, *what: Any) -> str:
    text = json.dumps([dataset.dataset_id, *map(str, what)])
    return f"costwire-{work}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _table_of(job_id: str) -> str:
    return job_id.replace("-", "_")
