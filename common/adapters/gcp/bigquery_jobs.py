"""Jobs of BigQuery: bounded waits, typed parameters, and jobs that are named for their work, so that each runs once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound
from google.api_core.retry import Retry
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from common.errors import BadConfiguration, Retryable

JOB_SECONDS = 500
"""Longest wait for one job: less than a function's deadline.  The job goes on, and the next delivery finds it by its name."""

MAX_ATTEMPTS = 200

Parameters = Mapping[str, Any]
Job = bigquery.QueryJob | bigquery.LoadJob


class Jobs:
    """What the warehouse asks of a client.  patience: seconds until a server that does not answer is given up."""

    def __init__(self, client: bigquery.Client, patience: float) -> None:
        self.client = client
        self.patience = patience
        self.retry: Retry = DEFAULT_RETRY.with_timeout(patience)

    @property
    def call(self) -> dict[str, Any]:
        """The options of every call."""
        return {"timeout": self.patience, "retry": self.retry}

    def start(
        self,
        sql: str,
        dataset: bigquery.DatasetReference,
        parameters: Parameters | None = None,
        *,
        job_id: str | None = None,
        **options: Any,
    ) -> bigquery.QueryJob:
        """Begin a query whose tables are the dataset's."""
        settings = bigquery.QueryJobConfig(
            default_dataset=dataset,
            query_parameters=[typed(name, value) for name, value in (parameters or {}).items()],
            **options,
        )
        return self.client.query(sql, job_config=settings, job_id=job_id, job_retry=None, **self.call)

    def rows(self, sql: str, dataset: bigquery.DatasetReference, parameters: Parameters | None = None) -> list[Any]:
        """The answer to a question of our own, as a list of rows."""
        return list(self.result(self.start(sql, dataset, parameters)))

    def result(self, job: bigquery.QueryJob) -> Any:
        """Wait for a query; returns its rows, to be iterated."""
        return job.result(retry=self.retry, timeout=JOB_SECONDS, job_retry=None)

    def load_files(self, uris: Sequence[str], table: bigquery.Table, job_id: str) -> bigquery.LoadJob:
        """Begin to load Parquet objects into an empty table, by column name."""
        settings = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=table.schema,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            write_disposition=bigquery.WriteDisposition.WRITE_EMPTY,
        )
        return self.client.load_table_from_uri(
            list(uris), table.reference, job_id=job_id, job_config=settings, **self.call
        )

    def load_rows(self, rows: Sequence[Mapping[str, Any]], table: bigquery.Table, job_id: str) -> bigquery.LoadJob:
        """Begin to load rows of plain JSON into an empty table."""
        settings = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
            schema=table.schema,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            write_disposition=bigquery.WriteDisposition.WRITE_EMPTY,
        )
        lines = "\n".join(json.dumps(dict(row), ensure_ascii=False) for row in rows).encode()
        return self.client.load_table_from_file(
            io.BytesIO(lines),
            table.reference,
            size=len(lines),
            job_id=job_id,
            job_config=settings,
            timeout=self.patience,
        )

    def once(self, name: str, start: Callable[[str], Job], lasts: Callable[[Any], bool]) -> str:
        """Do work that is named for what it is: the first of `<name>-0`, `<name>-1`, ... that succeeded and whose effect lasts.

        start: begins the job of an id.  lasts: whether the effect of a job that succeeded is still there.
        A job that another worker began is waited for.  One that failed, or whose effect is gone, is followed by the next.
        Returns the job's id.  Raises the vendor's error where the job that this call began failed.
        """
        for attempt in count():
            job_id = f"{name}-{attempt}"
            job: Any
            try:
                job, mine = start(job_id), True
            except Conflict:
                job, mine = self.client.get_job(job_id, location=self.client.location, **self.call), False
            try:
                job.result(retry=self.retry, timeout=JOB_SECONDS)
            except GoogleAPICallError:
                if mine or not self._failed(job_id):
                    raise
            else:
                if mine or lasts(job):
                    return job_id
            if attempt == MAX_ATTEMPTS:
                break
        raise Retryable(f"job {name} has failed {MAX_ATTEMPTS} times")

    def holds(self, table: bigquery.TableReference, job: Any) -> bool:
        """Whether a table still has the rows that a load job brought; an empty one of its name is another."""
        try:
            return bool(self.client.get_table(table, **self.call).num_rows == job.output_rows)
        except NotFound:
            return False

    def _failed(self, job_id: str) -> bool:
        """Whether the job itself came to a bad end, not our wait for it."""
        job = self.client.get_job(job_id, location=self.client.location, **self.call)
        return job.state == "DONE" and bool(job.error_result)


def typed(name: str, value: Any) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    """A named parameter with the type that its Python value stands for.  Raises BadConfiguration for a float."""
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], bigquery.StructQueryParameter):
            return bigquery.ArrayQueryParameter(name, "STRUCT", value)
        kinds = {_kind(name, item) for item in value} or {"STRING"}
        if len(kinds) > 1:
            raise BadConfiguration(f"parameter @{name} mixes {' and '.join(sorted(kinds))}; give it one type")
        return bigquery.ArrayQueryParameter(name, kinds.pop(), [_utc(item) for item in value])
    return bigquery.ScalarQueryParameter(name, _kind(name, value), _utc(value))


def _kind(name: str, value: Any) -> str:
    for python, sql in _KINDS:
        if isinstance(value, python):
            return sql
    raise BadConfiguration(
        f"parameter @{name} is a {type(value).__name__}, expected text, a whole number, Decimal, date, time, bool or a list"
    )


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "BOOL"),
    (int, "INT64"),
    (Decimal, "BIGNUMERIC"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
    (str, "STRING"),
    (type(None), "STRING"),
)


def _utc(value: Any) -> Any:
    """A time without a zone is UTC, as everywhere here."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def in_parts(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The values in runs of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
