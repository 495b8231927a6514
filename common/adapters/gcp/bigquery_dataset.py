"""A tenant's dataset: created on first use, with its tables, views and labels, in the deployment's region.

Views are the files of common/warehouse/views; BigQuery wants the tables in them fully named, which is done to the
parsed statement's own positions, so that their text stays as it was written.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import sqlglot
from google.api_core.exceptions import Conflict, Forbidden, NotFound, PreconditionFailed
from google.cloud import bigquery
from sqlglot import exp

from common.adapters.gcp.bigquery_errors import explaining
from common.adapters.gcp.bigquery_jobs import Jobs
from common.adapters.gcp.bigquery_turns import TURN_COLUMNS, TURNS, names, transaction, tried_in_turn
from common.errors import BadConfiguration, Retryable
from common.focus import TABLE, storage_schema
from common.records.names import check_org_slug
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS, DAILY_SQL, DAILY_TABLE
from common.warehouse.promised import RATE_COLUMNS, RUN_COLUMNS, view_names, view_sql
from common.warehouse.restatement import RESTATEMENT_COLUMNS

LAYOUT_LABEL = "costwire_layout"
STAGING_HOURS = 24
CLUSTERED_BY = ["x_IntegrationId", "x_Provider", "SubAccountId", "ServiceName"]
REMOVER = "roles/bigquery.dataOwner"
CREATOR = "roles/bigquery.user, which may create datasets, and roles/bigquery.jobUser on the project"

SLICE_COLUMNS = {
    "integration_id": "VARCHAR",
    "billing_period": "VARCHAR",
    "delivery_id": "VARCHAR",
    "delivered_at": "TIMESTAMP WITH TIME ZONE",
    "replaced": "VARCHAR",
    "first_start": "TIMESTAMP WITH TIME ZONE",
    "last_start": "TIMESTAMP WITH TIME ZONE",
    "shown_at": "TIMESTAMP WITH TIME ZONE",
}
"""The table `slices`: which delivery is current, the one before it, and between which ChargePeriodStart its rows lie."""


class Datasets:
    """Datasets `<org_slug>_<env>` of one project.  customer_key: encrypts what is in a dataset; it is chosen when one is created."""

    def __init__(self, jobs: Jobs, project: str, env: str, region: str, customer_key: str | None = None) -> None:
        if not re.fullmatch(r"[a-z0-9_]{1,30}", env):
            raise BadConfiguration(f"COSTWIRE_ENV is '{env}', expected lower-case letters, digits or underscores")
        self._jobs = jobs
        self._project = project
        self._env = env
        self._region = region
        self._customer_key = customer_key
        self._made: dict[str, bigquery.DatasetReference] = {}
        self._asked: set[str] = set()

    def made(self, org_slug: str) -> bigquery.DatasetReference:
        """The tenant's dataset, whole.  Raises BadConfiguration where it lies in another location."""
        if org_slug not in self._made:
            reference = self._reference(org_slug)
            with explaining(f"dataset {reference.dataset_id}", CREATOR):
                dataset = self._found(reference, org_slug)
                self._check_location(dataset)
                if dataset.labels.get(LAYOUT_LABEL) != layout():
                    self._lay_out(dataset)
            self._made[org_slug] = reference
        return self._made[org_slug]

    def asked(self, org_slug: str) -> bigquery.DatasetReference:
        """The tenant's dataset for a question: whole as from `made`, or as it stands where this account may not change it.

        Raises BadConfiguration as `made` does, Retryable while another process is making it.
        """
        if org_slug in self._asked:
            return self._reference(org_slug)
        try:
            return self.made(org_slug)
        except BadConfiguration as error:
            if not isinstance(error.__cause__, Forbidden):
                raise
        # who only asks may change nothing: a dataset of an earlier version goes on answering until a delivery lays it out
        reference = self._reference(org_slug)
        with explaining(f"dataset {reference.dataset_id}", CREATOR):
            if LAYOUT_LABEL not in self._jobs.client.get_dataset(reference, **self._jobs.call).labels:
                raise Retryable(f"dataset {reference.dataset_id} is being created; try again")
        self._asked.add(org_slug)
        return reference

    def lacks_daily(self, org_slug: str) -> bool:
        """Whether a question may be of a dataset that has no roll-up yet, since this account may not lay it out."""
        return org_slug in self._asked

    def remove(self, org_slug: str) -> bool:
        """Delete the tenant's dataset with all that stands in it; whether there was one."""
        reference = self._reference(org_slug)
        self.forget(org_slug)
        with explaining(f"dataset {reference.dataset_id}", REMOVER):
            try:
                self._jobs.client.delete_dataset(reference, delete_contents=True, **self._jobs.call)
            except NotFound:
                return False
        return True

    def forget(self, org_slug: str) -> None:
        """Look at the dataset again before its next use."""
        self._made.pop(org_slug, None)
        self._asked.discard(org_slug)

    def staging(self, dataset: bigquery.DatasetReference, name: str, columns: dict[str, str]) -> bigquery.Table:
        """An empty table that goes by itself after a day; the same name again is the same table."""
        table = bigquery.Table(dataset.table(name), schema=fields(columns))
        # BigQuery's own clock decides when it goes, so this one must be real
        table.expires = datetime.now(UTC) + timedelta(hours=STAGING_HOURS)
        return self._jobs.client.create_table(table, exists_ok=True, **self._jobs.call)

    def _reference(self, org_slug: str) -> bigquery.DatasetReference:
        return bigquery.DatasetReference(self._project, f"{check_org_slug(org_slug)}_{self._env}")

    def _check_location(self, dataset: bigquery.Dataset) -> None:
        if dataset.location.lower() != self._region.lower():
            raise BadConfiguration(
                f"dataset {dataset.dataset_id} is in {dataset.location}, expected {self._region}: set "
                "COSTWIRE_REGION to where it lies, or copy it to a new dataset there and delete this one"
            )

    def _found(self, reference: bigquery.DatasetReference, org_slug: str) -> bigquery.Dataset:
        try:
            return self._jobs.client.get_dataset(reference, **self._jobs.call)
        except NotFound:
            wanted = bigquery.Dataset(reference)
            wanted.location = self._region
            wanted.labels = {"costwire_env": self._env, "costwire_org": org_slug.lower()}
            if self._customer_key:
                wanted.default_encryption_configuration = bigquery.EncryptionConfiguration(self._customer_key)
        try:
            return self._jobs.client.create_dataset(wanted, **self._jobs.call)
        except Conflict:  # another worker was faster
            return self._jobs.client.get_dataset(reference, **self._jobs.call)

    def _lay_out(self, dataset: bigquery.Dataset) -> None:
        """Make what is missing; the label that says so comes last.  Views read a roll-up that has what is shown."""
        for table in _tables(dataset.reference):
            self._make(table)
        self._roll_up(dataset.reference)
        for name in sorted(view_names()):
            view = bigquery.Table(dataset.table(name))
            view.view_query = qualified(view_sql(name), dataset.reference)
            self._make(view)
        dataset.labels = {**dataset.labels, LAYOUT_LABEL: layout()}
        try:
            self._jobs.client.update_dataset(dataset, ["labels"], **self._jobs.call)
        except (Conflict, PreconditionFailed):  # another worker did the same
            return

    def _roll_up(self, dataset: bigquery.DatasetReference) -> None:
        """Add up what was shown before there was a roll-up."""
        # where nothing was shown yet, the roll-up has it all
        first = "select 0, case when not exists (select 1 from slices) then 0 end from (select 1)"
        self._jobs.rows(
            f"insert into {TURNS} (turn, daily_turn) {first} where not exists (select 1 from {TURNS})", dataset
        )
        if self._jobs.rows(f"select 1 from {TURNS} where daily_turn is distinct from turn", dataset):
            tried_in_turn(lambda: self._jobs.rows(transaction(), dataset), f"dataset {dataset.dataset_id}")

    def _make(self, wanted: bigquery.Table) -> None:
        found = self._jobs.client.create_table(wanted, exists_ok=True, **self._jobs.call)
        if wanted.view_query is not None:
            if found.view_query != wanted.view_query:
                found.view_query = wanted.view_query
                self._jobs.client.update_table(found, ["view_query"], **self._jobs.call)
            return
        known = {field.name for field in found.schema}
        added = [field for field in wanted.schema if field.name not in known]
        if added:
            found.schema = [*found.schema, *added]
            self._jobs.client.update_table(found, ["schema"], **self._jobs.call)


def _tables(dataset: bigquery.DatasetReference) -> list[bigquery.Table]:
    columns = {
        TABLE: storage_schema(),
        DAILY_TABLE: DAILY_COLUMNS,
        "restatements": RESTATEMENT_COLUMNS,
        "slices": SLICE_COLUMNS,
        "pipeline_runs": RUN_COLUMNS,
        "exchange_rates": RATE_COLUMNS,
        TURNS: TURN_COLUMNS,
    }
    tables = [bigquery.Table(dataset.table(name), schema=fields(kinds)) for name, kinds in columns.items()]
    for table in tables[:2]:
        table.time_partitioning = bigquery.TimePartitioning(bigquery.TimePartitioningType.DAY, "ChargePeriodStart")
        table.clustering_fields = CLUSTERED_BY
    return tables


def layout() -> str:
    """What stands in a dataset, as a label: other tables or views give another one."""
    text = [str(table.to_api_repr()) for table in _tables(bigquery.DatasetReference("project", "dataset"))]
    text += [view_sql(name) for name in sorted(view_names())]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]


def table_names() -> frozenset[str]:
    """The tables and views of a whole dataset."""
    tables = _tables(bigquery.DatasetReference("project", "dataset"))
    return frozenset(table.table_id for table in tables) | view_names()


def fields(columns: dict[str, str]) -> list[bigquery.SchemaField]:
    """A schema of DuckDB types as BigQuery's.  Decimals of more than nine fractional digits are BIGNUMERIC."""
    return [_field(name, kind) for name, kind in columns.items()]


def _field(name: str, kind: str) -> bigquery.SchemaField:
    mode = "REPEATED" if kind.endswith("[]") else "NULLABLE"
    plain = kind.removesuffix("[]")
    if plain.startswith("DECIMAL"):
        precision, scale = map(int, re.findall(r"\d+", plain))
        if scale <= 9:
            return bigquery.SchemaField(name, "NUMERIC", mode)
        return bigquery.SchemaField(name, "BIGNUMERIC", mode, precision=precision, scale=scale)
    return bigquery.SchemaField(name, _TYPES[plain], mode)


_TYPES = {"VARCHAR": "STRING", "BIGINT": "INTEGER", "DATE": "DATE", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}


def qualified(sql: str, dataset: bigquery.DatasetReference) -> str:
    """The query with the names of its tables made full; names of its own WITH clauses stay."""
    for table, start, end in _tables_in(sql):
        sql = f"{sql[:start]}`{dataset.project}.{dataset.dataset_id}.{table.name}`{sql[end:]}"
    return sql


def rolled_up_in(sql: str) -> str:
    """The query with the roll-up added up from the charges, for a dataset of before there was one."""
    rolled_up = f"(with shown_rows as (select {names(ADDED_UP)} from {TABLE}) select * from ({DAILY_SQL}))"
    for table, start, end in _tables_in(sql):
        if table.name == DAILY_TABLE:
            sql = f"{sql[:start]}{rolled_up}{'' if table.alias else f' as {DAILY_TABLE}'}{sql[end:]}"
    return sql


def _tables_in(sql: str) -> list[tuple[exp.Table, int, int]]:
    """The dataset's tables in a query and where their names stand, the last one first; not those of its own WITH clauses."""
    tree = sqlglot.parse_one(sql, read="bigquery")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    found = [table for table in tree.find_all(exp.Table) if table.name not in own]
    places = [(table, table.this.meta["start"], table.this.meta["end"] + 1) for table in found]
    return sorted(places, key=lambda place: place[1], reverse=True)
