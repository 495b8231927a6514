"""What a tenant's dataset contains in addition to its charges: the promised views, and the tables that the platform fills on demand."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from common.focus import TABLE
from common.warehouse.daily import DAILY_TABLE

RATE_COLUMNS = {"month": "DATE", "currency": "VARCHAR", "usd_rate": "DECIMAL(38,9)", "source": "VARCHAR"}
RUN_COLUMNS = {
    "run_id": "VARCHAR",
    "org_slug": "VARCHAR",
    "integration_id": "VARCHAR",
    "trigger": "VARCHAR",
    "status": "VARCHAR",
    "started_at": "TIMESTAMP WITH TIME ZONE",
    "ended_at": "TIMESTAMP WITH TIME ZONE",
    "records": "BIGINT",
    "bytes": "BIGINT",
    "error": "VARCHAR",
    "delivery_ids": "VARCHAR[]",
}

SLICE_COLUMNS = {
    "integration_id": "VARCHAR",
    "billing_period": "VARCHAR",
    "delivery_id": "VARCHAR",
    "delivered_at": "TIMESTAMP WITH TIME ZONE",
    "first_start": "TIMESTAMP WITH TIME ZONE",
    "last_start": "TIMESTAMP WITH TIME ZONE",
}
"""What a question may read of `slices`: the current delivery, its provider's time, and between which ChargePeriodStart it lies."""

TABLES = frozenset({TABLE, DAILY_TABLE, "restatements", "pipeline_runs", "exchange_rates", "slices"})
"""The tables that a question may read, beside the views."""


@cache
def view_sql(name: str) -> str:
    """A promised view, in BigQuery SQL."""
    return files("common.warehouse").joinpath("views").joinpath(f"{name}.sql").read_text(encoding="utf-8")


@cache
def view_names() -> frozenset[str]:
    """The promised views."""
    folder = files("common.warehouse").joinpath("views")
    return frozenset(entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql"))
