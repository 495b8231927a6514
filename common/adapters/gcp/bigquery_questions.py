"""Queries of a tenant's dataset: refused where the embedded runtime refuses them, bounded in bytes, answered in plain Python types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlglot
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery
from google.cloud.bigquery_storage import BigQueryReadClient
from sqlglot import exp

from common.adapters.gcp.bigquery_errors import TOO_MANY_BYTES, explaining, reason_of
from common.adapters.gcp.bigquery_jobs import JOB_SECONDS, Jobs
from common.adapters.gcp.table_stream import STREAM_READER, batches_of, begin_reading
from common.errors import BadConfiguration
from common.records.asked import note_query
from common.warehouse.promised import TABLES, view_names
from common.warehouse.rates import missing_rate
from common.warehouse.transpile import Transpiled, transpile

LARGE_ANSWER_ROWS = 10_000
"""Above so many rows an answer is read as Arrow over the Storage Read API, below as JSON over REST: one call, no session."""

ASKER = "roles/bigquery.jobUser on the project, and roles/bigquery.dataViewer on the dataset"


class Questions:
    """Asks BigQuery.  reader: makes the client of the Storage Read API on first need."""

    def __init__(self, jobs: Jobs, reader: Callable[[], BigQueryReadClient], maximum_bytes: int) -> None:
        self._jobs = jobs
        self._reader = reader
        self._maximum_bytes = maximum_bytes

    def answer(
        self, sql: str, dataset: bigquery.DatasetReference, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """All rows.  Decimals are Decimal, times are in UTC, JSON is its text."""
        with self._explained(sql, dataset, parameters):
            job = self._ask(sql, dataset, parameters)
            rows = self._jobs.result(job)
            note_query(job.total_bytes_billed or 0)
            if rows.total_rows <= LARGE_ANSWER_ROWS:
                kinds = [(field.name, field.field_type) for field in rows.schema]
                return [
                    {name: _plain(value, kind) for (name, kind), value in zip(kinds, row.values(), strict=True)}
                    for row in rows
                ]
            return [
                {name: _plain(value, "") for name, value in row.items()}
                for batch in self._stream(job)
                for row in batch.to_pylist()
            ]

    def batches(
        self, sql: str, dataset: bigquery.DatasetReference, parameters: Mapping[str, Any]
    ) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow, one message of the stream in memory at a time."""
        with self._explained(sql, dataset, parameters):
            job = self._ask(sql, dataset, parameters)
            self._jobs.result(job)
            note_query(job.total_bytes_billed or 0)
            yield from self._stream(job)

    def scanned_bytes(self, sql: str, dataset: bigquery.DatasetReference, parameters: Mapping[str, Any]) -> int:
        """What the question would read, by BigQuery's own estimate; nothing is read and nothing billed."""
        job = self._jobs.start(sql, dataset, parameters, dry_run=True, use_query_cache=False)
        return int(job.total_bytes_processed or 0)

    def _ask(self, sql: str, dataset: bigquery.DatasetReference, parameters: Mapping[str, Any]) -> bigquery.QueryJob:
        labels = {"costwire_dataset": dataset.dataset_id.lower()[:63]}
        return self._jobs.start(sql, dataset, parameters, maximum_bytes_billed=self._maximum_bytes, labels=labels)

    def _stream(self, job: bigquery.QueryJob) -> Iterator[pa.RecordBatch]:
        """The rows of a finished query, in its order: one stream of its answer's table."""
        with explaining("the answer's stream", STREAM_READER):
            if job.destination is None:
                job.reload(**self._jobs.call)
            table = job.destination
            reader = self._reader()
            path = f"{table.project}.{table.dataset_id}.{table.table_id}"
            session = begin_reading(reader, self._jobs.client.project, path, self._jobs.patience)
            yield from batches_of(reader, session, JOB_SECONDS)

    @contextmanager
    def _explained(self, sql: str, dataset: bigquery.DatasetReference, parameters: Mapping[str, Any]) -> Iterator[None]:
        """Turn what BigQuery says of a question into one line that holds no row's content."""
        with explaining(f"dataset {dataset.dataset_id}", ASKER):
            try:
                yield
            except GoogleAPICallError as error:
                reason = self._reason(error, lambda: self.scanned_bytes(sql, dataset, parameters))
                if reason is None:
                    raise
                raise BadConfiguration(reason) from None

    def _reason(self, error: GoogleAPICallError, estimate: Callable[[], int]) -> str | None:
        if reason_of(error) == TOO_MANY_BYTES:
            return (
                f"the query would scan {estimate():,} bytes, COSTWIRE_MAXIMUM_BYTES_BILLED allows "
                f"{self._maximum_bytes:,}; narrow the date range, or raise the limit"
            )
        if not _is_misput(error):
            return None
        rate = missing_rate(str(error))
        if rate:
            return rate
        try:
            estimate()
        except GoogleAPICallError as refused:
            if not _is_misput(refused):
                raise
            # refused before any row was read: the words are about the question alone
            return f"the query cannot be answered: {_first_line(refused)}"
        # refused while reading: the words could hold a row's content
        return "the query cannot be answered: a value does not fit the type or form that the query needs"


def _is_misput(error: GoogleAPICallError) -> bool:
    return getattr(error, "code", None) == 400 and reason_of(error) in {"", "invalid", "invalidQuery"}


def checked(sql: str, parameters: Mapping[str, Any]) -> Transpiled:
    """What the question needs.  Raises BadConfiguration for all that the laptop refuses, and for what is not the tenant's."""
    question = transpile(sql)
    _check_reach(sql)
    question.check(parameters)
    return question


def _check_reach(sql: str) -> None:
    tree = sqlglot.parse_one(sql, read="bigquery")
    known = TABLES | view_names() | {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise BadConfiguration("the query reads files; it may read only the tables and views of its dataset")
        if table.db or table.name not in known:
            named = ".".join(part.name for part in table.parts)
            raise BadConfiguration(
                f"the query cannot be answered: there is no table '{named}'; there are "
                f"{', '.join(sorted(TABLES | view_names()))}"
            )
    for call in tree.find_all(exp.Anonymous):
        if call.name.upper() in {"EXTERNAL_QUERY"}:
            raise BadConfiguration("the query reads outside its dataset; it may read only its tables and views")


def _first_line(error: GoogleAPICallError) -> str:
    words = next((str(entry.get("message")) for entry in error.errors if isinstance(entry, dict)), error.message)
    return str(words).splitlines()[0]


def _plain(value: Any, kind: str) -> Any:
    if kind == "JSON" and value is not None:  # parsed already; over the stream it is text
        return json.dumps(value, ensure_ascii=False)
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
