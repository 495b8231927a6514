"""Tables whose source of truth is elsewhere, updated before a query reads them.

The rows are loaded into a staging table and put in place by one statement that also labels the table with their digest: a late
writer of older rows labels them with their own digest, and the next query corrects the table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud import bigquery

from common.adapters.gcp.bigquery_dataset import Datasets
from common.adapters.gcp.bigquery_errors import explaining
from common.adapters.gcp.bigquery_jobs import Jobs
from common.adapters.gcp.bigquery_turns import names
from common.ports import Document
from common.warehouse.promised import RATE_COLUMNS, RUN_COLUMNS
from common.warehouse.rates import ExchangeRate

DIGEST_LABEL = "costwire_digest"


class Provided:
    """Fills `pipeline_runs` and `exchange_rates`."""

    def __init__(self, jobs: Jobs, datasets: Datasets) -> None:
        self._jobs = jobs
        self._datasets = datasets

    def rates(self, dataset: bigquery.DatasetReference, rates: Sequence[ExchangeRate]) -> None:
        """Show the tenant's rates."""
        rows = [{**vars(rate), "month": rate.month.isoformat(), "usd_rate": str(rate.usd_rate)} for rate in rates]
        self._fill(dataset, "exchange_rates", RATE_COLUMNS, rows)

    def runs(self, dataset: bigquery.DatasetReference, org_slug: str, runs: Sequence[tuple[str, Document]]) -> None:
        """Show the tenant's runs."""
        rows = [{"run_id": run_id, "org_slug": org_slug, "delivery_ids": [], **run} for run_id, run in runs]
        self._fill(dataset, "pipeline_runs", RUN_COLUMNS, rows)

    def _fill(
        self,
        dataset: bigquery.DatasetReference,
        table: str,
        columns: dict[str, str],
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        shown = [{name: row.get(name) for name in columns} for row in rows]
        digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:40]
        with explaining(f"table {table}"):
            found = self._jobs.client.get_table(dataset.table(table), **self._jobs.call)
            if found.labels.get(DIGEST_LABEL) == digest:
                return
            staged = self._staged(dataset, table, columns, shown, digest) if shown else None
            source = f"from {names([staged.table_id])}" if staged else f"from {table} where false"
            label = f"options (labels = [('{DIGEST_LABEL}', '{digest}')])"
            self._jobs.rows(f"create or replace table {table} {label} as select {names(columns)} {source}", dataset)
            if staged:
                self._jobs.client.delete_table(staged, not_found_ok=True, **self._jobs.call)

    def _staged(
        self,
        dataset: bigquery.DatasetReference,
        table: str,
        columns: dict[str, str],
        rows: Sequence[Mapping[str, Any]],
        digest: str,
    ) -> bigquery.TableReference:
        def start(job_id: str) -> bigquery.LoadJob:
            return self._jobs.load_rows(rows, self._datasets.staging(dataset, _table_of(job_id), columns), job_id)

        name = f"costwire-{table}-{dataset.dataset_id}-{digest}"
        done = self._jobs.once(name, start, lambda job: self._jobs.holds(dataset.table(_table_of(job.job_id)), job))
        return dataset.table(_table_of(done))


def _table_of(job_id: str) -> str:
    return job_id.replace("-", "_")
