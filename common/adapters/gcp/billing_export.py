"""Google's billing export in BigQuery as a place of bills: a file for each invoice month and partition, extracted when it is opened.

`list` asks one question a table (common.providers.gcp.export_tables); what a file was when it was listed guards its extraction.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, cast

import pyarrow.parquet as pq
from google.cloud import bigquery
from google.cloud.bigquery_storage import BigQueryReadClient

from common.adapters.gcp.arrow_bills import Extracted, storable
from common.adapters.gcp.bigquery_errors import explaining
from common.adapters.gcp.bigquery_jobs import JOB_SECONDS, Jobs
from common.adapters.gcp.clients import connect_client
from common.adapters.gcp.identity import credentials_of, signed_in_as, signing_in
from common.adapters.gcp.table_stream import batches_of, begin_reading, schema_of
from common.errors import BadConfiguration, Changed, NoSuchPlace, NotFound, NotReady
from common.ports.locations import FoundObject, Probe
from common.providers.gcp.credential import GoogleCredential
from common.providers.gcp.export_tables import (
    INGESTION_TIME,
    ExportTable,
    Piece,
    export_tables,
    kind_of,
    parse_name,
    pieces_of,
)
from common.providers.gcp.permissions import (
    DATASET_ROLE,
    JOB_ROLE,
    READ_ROLE,
    grant_on_dataset,
    grant_on_project,
)
from common.telemetry import counted

SCHEME = "bq://"
PATIENCE_SECONDS = 60.0
ROWS_AT_ONCE = 100_000
"""Rows of a row group: as many are in memory."""
_URI = re.compile(r"bq://(?P<project>[a-z0-9][a-z0-9.:-]{3,}[a-z0-9])/(?P<dataset>\w+)(?:/(?P<table>\w+))?/?", re.ASCII)
_MULTI_REGIONS = frozenset({"EU", "US"})
_NO_LINES = ("2000-01", "2000-01-01")
"""A month and a day before any export."""
_NEW = "a new export has its first lines within 48 hours"


@dataclass(frozen=True)
class _Found:
    """A table of the export that is there.  bytes_per_line: as BigQuery stores it."""

    table: ExportTable
    bytes_per_line: int


class BillingExportLocation:
    """`bq://project/dataset`, which is every billing account's export in it, or `bq://project/dataset/table`.

    Queries and reads are charged to that project.  maximum_bytes: the most that one question or one extraction may scan.
    """

    def __init__(
        self, uri: str, provider: str, credential: Callable[[], GoogleCredential | None], maximum_bytes: int
    ) -> None:
        found = _URI.fullmatch(uri)
        if found is None:
            raise BadConfiguration(
                "location is not bq://<project>/<dataset> or bq://<project>/<dataset>/<table>: give the dataset of the billing export"
            )
        self._project, self._dataset, self._table = found["project"], found["dataset"], found["table"]
        self._provider, self._given, self._maximum_bytes = provider or "gcp", credential, maximum_bytes
        self.uri = SCHEME + "/".join(filter(None, (self._project, self._dataset, self._table)))

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """A file for each invoice month and partition, by name; sizes are BigQuery's own and only an estimate of the files'.

        Raises BadConfiguration where there is no such table, it is not an export, or it may not be read, naming the role; NotReady where
        it has no lines yet.
        """
        listed: list[FoundObject] = []
        for found in self._tables():
            for piece in self._pieces(found.table, "true"):
                size_bytes = piece.lines * found.bytes_per_line
                listed.append(FoundObject(piece.name, size_bytes, piece.newest, piece.version))
        if not listed:
            raise NotReady(f"{self._what} has no lines yet; {_NEW}")
        return sorted((one for one in listed if one.name.startswith(prefix)), key=lambda one: one.name)

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Extract one file, as Parquet: columns as they are in the table, decimals exact, floats as BigQuery has them.

        Raises NotFound, Changed as the port says, and BadConfiguration as `list`.
        """
        parsed = parse_name(name)
        if parsed is None or (self._table and parsed[0] != self._table):
            raise NotFound(f"there is no {name} at {self.uri}")
        table = self._found(parsed[0]).table
        condition = table.condition(*parsed[1:])
        with self._reaching("roles/bigquery.readSessionUser on the project"):
            session = begin_reading(self._reader, self._project, table.path, PATIENCE_SECONDS, condition)
        self._check_bytes(int(session.estimated_total_bytes_scanned), f"the extraction of {name}")
        # asked after the session, which does not change any more, has begun: as listed, and as extracted
        piece = next((one for one in self._pieces(table, condition) if one.name == name), None)
        if piece is None:
            raise NotFound(f"there is no {name} at {self.uri}")
        if version not in (None, piece.version):
            raise Changed(f"{name} changed since it was listed; it is read again")
        return self._extracted(table, piece, session)

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run: metadata, a query that is not run, a read session of a day before any export.  Nothing is billed."""
        email = self._credential.email if self._credential else None
        project = self._project
        return [
            Probe("identity", lambda: signed_in_as(self._credential, self._signed_in)),
            Probe("listing", self._described, DATASET_ROLE, grant_on_dataset(project, self._dataset, email)),
            Probe("querying", self._tried_query, JOB_ROLE, grant_on_project(project, email, JOB_ROLE)),
            Probe("reading", self._tried_session, READ_ROLE, grant_on_project(project, email, READ_ROLE)),
        ]

    def _described(self) -> str:
        found = self._tables()
        with self._reaching("roles/bigquery.dataViewer on the dataset"):
            dataset = self._client.get_dataset(f"{self._project}.{self._dataset}", **self._jobs.call)
        filled = (
            "filled from the start of the month before"
            if dataset.location in _MULTI_REGIONS
            else "from its first day on"
        )
        names = ", ".join(f"{one.table.name} ({one.table.kind.title})" for one in found)
        return f"{names} in {dataset.location}, {filled}"

    def _tried_query(self) -> str:
        table, dataset = self._tables()[0].table, bigquery.DatasetReference(self._project, self._dataset)
        with self._reaching("roles/bigquery.jobUser on the project"):
            estimate = self._jobs.start(table.facts_sql(), dataset, dry_run=True)
        scanned = int(estimate.total_bytes_processed or 0)
        self._check_bytes(scanned, f"looking for new lines in {table.name}")
        return f"a look for new lines scans {scanned:,} bytes"

    def _tried_session(self) -> str:
        table = self._tables()[0].table
        with self._reaching("roles/bigquery.readSessionUser on the project"):
            begin_reading(self._reader, self._project, table.path, PATIENCE_SECONDS, table.condition(*_NO_LINES))
        return f"{table.name} can be read"

    def _extracted(self, table: ExportTable, piece: Piece, session: Any) -> BinaryIO:
        target = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            schema = storable(schema_of(session))
            extracted = Extracted(table.kind)
            with (
                self._reaching("roles/bigquery.dataViewer on the dataset"),
                pq.ParquetWriter(target, schema, compression="zstd") as writer,
            ):
                for rows in extracted.in_groups(batches_of(self._reader, session, JOB_SECONDS), schema, ROWS_AT_ONCE):
                    writer.write_table(rows)
            extracted.check(piece)
        except BaseException:
            target.close()
            raise
        target.seek(0)
        return cast(BinaryIO, target)

    def _tables(self) -> Sequence[_Found]:
        if self._table:
            return [self._found(self._table)]
        with self._reaching("roles/bigquery.dataViewer on the dataset"):
            names = [
                one.table_id for one in self._client.list_tables(f"{self._project}.{self._dataset}", **self._jobs.call)
            ]
        chosen = export_tables(names, self._provider)
        if not chosen:
            raise NotReady(
                f"{self._what} has no table called as the {self._provider} integration's exports are, gcp_billing_export_…; {_NEW}"
            )
        return [self._found(name) for name in chosen]

    def _found(self, name: str) -> _Found:
        with self._reaching("roles/bigquery.dataViewer on the dataset"):
            there = self._client.get_table(f"{self._project}.{self._dataset}.{name}", **self._jobs.call)
        kind = kind_of([column.name for column in there.schema])
        if kind is None:
            raise BadConfiguration(
                f"table {name} of {self.uri} is not a billing export: it lacks columns of the standard, detailed and FOCUS exports; "
                "give the table that Cloud Billing writes"
            )
        types = {column.name: column.field_type for column in there.schema}
        table = ExportTable(f"{self._project}.{self._dataset}.{name}", kind, _partition(there, types), types)
        return _Found(table, (there.num_bytes or 0) // max(1, there.num_rows or 0))

    def _pieces(self, table: ExportTable, where: str) -> Sequence[Piece]:
        sql, dataset = table.facts_sql(where), bigquery.DatasetReference(self._project, self._dataset)
        with self._reaching("roles/bigquery.jobUser on the project, and roles/bigquery.dataViewer on the dataset"):
            estimate = self._jobs.start(sql, dataset, dry_run=True)
            self._check_bytes(int(estimate.total_bytes_processed or 0), f"looking for new lines in {table.name}")
            job = self._jobs.start(sql, dataset, maximum_bytes_billed=self._maximum_bytes)
            rows = [dict(row.items()) for row in self._jobs.result(job)]
        counted(export_bytes_billed=int(job.total_bytes_billed or 0))
        return pieces_of(table, rows)

    def _check_bytes(self, scanned: int, what: str) -> None:
        if scanned > self._maximum_bytes:
            raise BadConfiguration(
                f"{what} would scan {scanned:,} bytes, COSTWIRE_MAXIMUM_BYTES_BILLED allows {self._maximum_bytes:,}; raise the limit"
            )

    @property
    def _what(self) -> str:
        kind = "table" if self._table else "dataset"
        return f"{kind} {self._table or self._dataset} of location {self.uri}"

    @cached_property
    def _credential(self) -> GoogleCredential | None:
        return self._given()

    @cached_property
    def _signed_in(self) -> Any:
        return credentials_of(self._credential, "BIGQUERY_EMULATOR_HOST")

    @cached_property
    def _client(self) -> bigquery.Client:
        return bigquery.Client(self._project, credentials=self._signed_in)

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self._client, PATIENCE_SECONDS)

    @cached_property
    def _reader(self) -> BigQueryReadClient:
        variable = "BIGQUERY_STORAGE_EMULATOR_HOST"
        return connect_client(BigQueryReadClient, "the Storage Read API", variable, self._signed_in)

    @contextmanager
    def _reaching(self, role: str) -> Iterator[None]:
        """Says of what is not there, or not open to us, which one it is and what to do."""
        try:
            with explaining(self._what, role), signing_in(self._credential):
                yield
        except NotFound as error:
            raise NoSuchPlace(f"{self._what} does not exist: check its name, or wait: {_NEW}") from error


def _partition(there: bigquery.Table, types: dict[str, str]) -> str | None:
    by = there.time_partitioning
    if by is None:
        return None
    if by.field is None:
        return INGESTION_TIME
    return str(by.field) if types.get(by.field) in ("TIMESTAMP", "DATE", "DATETIME") else None
