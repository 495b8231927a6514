"""Rows of a BigQuery table as Arrow, over the Storage Read API."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from google.cloud.bigquery_storage import BigQueryReadClient, DataFormat, ReadSession

STREAM_READER = "roles/bigquery.readSessionUser on the project"


def begin_reading(
    reader: BigQueryReadClient, paying_project: str, table: str, timeout: float, condition: str = ""
) -> ReadSession:
    """A session of one stream: the rows of `project.dataset.table` as they are now, whatever changes while they are read.

    condition: SQL that the rows meet; all without it.  Nothing is read yet, and nothing is charged.
    """
    project, dataset, name = table.rsplit(".", 2)
    return reader.create_read_session(
        parent=f"projects/{paying_project}",
        read_session=ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{name}",
            data_format=DataFormat.ARROW,
            read_options=ReadSession.TableReadOptions(row_restriction=condition),
        ),
        max_stream_count=1,
        timeout=timeout,
    )


def schema_of(session: ReadSession) -> pa.Schema:
    """The columns of a session."""
    return pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))


def batches_of(reader: BigQueryReadClient, session: ReadSession, timeout: float) -> Iterator[pa.RecordBatch]:
    """The rows, one message of the stream in memory at a time."""
    schema = schema_of(session)
    for stream in session.streams:  # none where no row meets the condition
        for message in reader.read_rows(stream.name, timeout=timeout):  # type: ignore[no-untyped-call]
            yield pa.ipc.read_record_batch(pa.py_buffer(message.arrow_record_batch.serialized_record_batch), schema)
