"""The warehouse on BigQuery: a dataset per tenant, load jobs from the bucket, a swap in one transaction (decision 9).

Two tables are filled on demand, where a question reaches them, each as a whole and only where its content changed
(a label of the table, set in the same statement, says what it holds):

- `pipeline_runs` from the tenant's run documents;
- `exchange_rates` from the document `orgs/<org>/settings/exchange_rates`, which holds the text of an exchange_rates.csv:
  rates change, and objects never do (`common.warehouse.rates.save_rates` checks and writes it).
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from google.api_core.exceptions import NotFound as NoSuchThing
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage import BigQueryReadClient

from common.adapters.gcp.bigquery_dataset import Datasets, rolled_up_in
from common.adapters.gcp.bigquery_errors import explaining
from common.adapters.gcp.bigquery_export import by_slice, current_rows_sql
from common.adapters.gcp.bigquery_jobs import Jobs
from common.adapters.gcp.bigquery_provided import Provided
from common.adapters.gcp.bigquery_questions import Questions, checked
from common.adapters.gcp.bigquery_swap import Pointer, Swaps, slices_of
from common.adapters.gcp.clients import connect_client
from common.adapters.shared.focus_export import write_focus
from common.adapters.shared.names import checked_slice
from common.config import Settings
from common.errors import BadConfiguration, Contention, NotFound
from common.focus import TABLE
from common.ports import Clock, DocumentStore, ObjectStore, Replacement, Slice, Swap
from common.records.names import check_org_slug
from common.warehouse.promised import view_names, view_sql
from common.warehouse.rates import saved_rates
from common.warehouse.settling import settled
from common.warehouse.transpile import transpile

PATIENCE_SECONDS = 60.0
MAX_TRIES = 10


class BigQueryWarehouse:
    """Keeps common.ports.Warehouse.  patience: seconds until a server that does not answer is given up."""

    def __init__(
        self,
        client: bigquery.Client,
        settings: Settings,
        documents: DocumentStore,
        clock: Clock,
        reader: BigQueryReadClient | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._given_reader = reader
        self._client = client
        self._lock = threading.RLock()
        jobs = Jobs(client, patience)
        self._datasets = Datasets(jobs, client.project, settings.env, settings.region, settings.customer_key)
        self._swaps = Swaps(jobs, self._datasets)
        self._provided = Provided(jobs, self._datasets)
        self._questions = Questions(jobs, lambda: self._reader, settings.maximum_bytes_billed)

    @classmethod
    def connect(
        cls, settings: Settings, documents: DocumentStore, objects: ObjectStore, clock: Clock
    ) -> BigQueryWarehouse:
        """The warehouse of the deployment's project; the emulator's where BIGQUERY_EMULATOR_HOST is set.

        objects: where the files of deliveries lie; BigQuery reads them by itself.
        """
        if not settings.project:
            raise BadConfiguration("COSTWIRE_PROJECT is not set; the cloud runtime needs it")
        anonymous = AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None  # type: ignore[no-untyped-call]
        with explaining("BigQuery"):
            client = bigquery.Client(settings.project, credentials=anonymous, location=settings.region)
        return cls(client, settings, documents, clock)

    def replace_slice(
        self,
        piece: Slice,
        delivery_id: str,
        delivered_at: datetime,
        files: Sequence[str],
        instead_of: str | None = None,
    ) -> Replacement:
        """`replace_slices` of one."""
        return self.replace_slices([Swap(piece, delivery_id, delivered_at, files, instead_of)])[0]

    def replace_slices(self, swaps: Sequence[Swap]) -> list[Replacement]:
        """Load all files aside, then show them instead of the slices' earlier rows, in one transaction."""
        pieces = [checked_slice(one.piece) for one in swaps]
        with explaining(slices_of(swaps)):
            dataset, before = self._found(pieces)
            answers = _answered(swaps, before)
            for one in swaps:
                shown = one.piece in answers and answers[one.piece].shown
                if shown and before[one.piece].delivered_at != one.delivered_at:
                    self._swaps.date(dataset, one)
            left = _without(swaps, answers)
            staged = self._swaps.load(dataset, left)
            for _ in range(MAX_TRIES):
                if not left:
                    break
                self._swaps.swap(dataset, left, before, staged, self._clock.now())
                before = self._swaps.pointers(dataset, pieces)
                answers |= _answered(left, before)
                left = _without(left, answers)
            else:
                raise Contention(
                    f"{slices_of(swaps)}: other deliveries repeatedly changed the dataset; deliver it again"
                )
            if any(
                one.shown for one in answers.values()
            ):  # else the caller may ask again, to whom the rows spare a job
                self._swaps.drop(staged)
        return [answers[piece] for piece in pieces]

    def forget_restatements(self, piece: Slice, before: datetime) -> None:
        """Delete the rows of the slice's replacements before a moment, save those of its last one."""
        checked_slice(piece)
        with explaining(f"slice {piece}"):
            dataset, _ = self._found([piece])
            self._swaps.forget(dataset, piece, before)

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Ask in BigQuery SQL with named parameters; what the laptop refuses is refused here too."""
        dataset = self._prepared(org_slug, sql, parameters or {})
        try:
            return self._questions.answer(self._told(org_slug, sql), dataset, parameters or {})
        except NotFound:
            self._datasets.forget(org_slug)  # removed since; the next question makes it anew
            raise

    def scanned_bytes(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """How many bytes the query would scan; nothing is scanned."""
        dataset = self._prepared(org_slug, sql, parameters or {})
        with explaining("the question"):
            return self._questions.scanned_bytes(self._told(org_slug, sql), dataset, parameters or {})

    def export(self, org_slug: str, path: str, where: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Write current rows to .parquet or .csv, as the embedded warehouse would, byte for byte."""
        sql, target = f"select * from {TABLE} where {where or 'true'}", Path(path)
        dataset = self._prepared(org_slug, sql, parameters or {})
        # beside the target, on its disk; a missing folder is write_focus's to name
        beside = target.parent if target.parent.is_dir() else None
        with tempfile.TemporaryDirectory(prefix=".costwire-", dir=beside) as scratch:
            batches = self._questions.batches(current_rows_sql(where), dataset, parameters or {})
            return write_focus(by_slice(batches, Path(scratch)), target, "", {}, self._clock.now())

    def remove(self, org_slug: str) -> bool:
        """Delete the tenant's dataset; the files that its rows came from stay."""
        with self._lock:
            return self._datasets.remove(org_slug)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    @cached_property
    def _reader(self) -> BigQueryReadClient:
        """The client of the Storage Read API: its emulator's where BIGQUERY_STORAGE_EMULATOR_HOST is set."""
        if self._given_reader is not None:
            return self._given_reader
        return connect_client(BigQueryReadClient, "the Storage Read API", "BIGQUERY_STORAGE_EMULATOR_HOST")

    def _found(self, pieces: Sequence[Slice]) -> tuple[bigquery.DatasetReference, dict[Slice, Pointer]]:
        """The tenant's dataset and the pointers of its slices; made anew where it was removed since this process saw it."""
        (org_slug,) = {one.org_slug for one in pieces}
        with self._lock:
            dataset = self._datasets.made(org_slug)
        try:
            return dataset, self._swaps.pointers(dataset, pieces)
        except NoSuchThing:
            self._datasets.forget(org_slug)
        with self._lock:
            dataset = self._datasets.made(org_slug)
        return dataset, self._swaps.pointers(dataset, pieces)

    def _prepared(self, org_slug: str, sql: str, parameters: Mapping[str, Any]) -> bigquery.DatasetReference:
        """The tenant's dataset, with the tables that the question reaches filled."""
        check_org_slug(org_slug)
        question = checked(sql, parameters)
        reached = question.tables.union(*(transpile(view_sql(name)).tables for name in question.tables & view_names()))
        with self._lock:
            dataset = self._datasets.asked(org_slug)
            if "exchange_rates" in reached:
                self._provided.rates(dataset, saved_rates(self._documents, org_slug))
            if "pipeline_runs" in reached:
                self._provided.runs(dataset, org_slug, self._documents.list(f"orgs/{org_slug}/runs"))
        return dataset

    def _told(self, org_slug: str, sql: str) -> str:
        """The question in words that the dataset can answer, prepared before."""
        return rolled_up_in(sql) if self._datasets.lacks_daily(org_slug) else sql


def _answered(swaps: Sequence[Swap], before: Mapping[Slice, Pointer]) -> dict[Slice, Replacement]:
    """The answers that need no more swap, by the rule of every warehouse."""
    answers = {}
    for one in swaps:
        pointer = before.get(one.piece)
        current, replaced = (pointer.delivery_id, pointer.replaced) if pointer else (None, None)
        answer = settled(current, replaced, one.delivery_id, one.instead_of)
        if answer is not None:
            answers[one.piece] = answer
    return answers


def _without(swaps: Sequence[Swap], answers: Mapping[Slice, Replacement]) -> list[Swap]:
    return [one for one in swaps if one.piece not in answers]
