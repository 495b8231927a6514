"""A billing export on BigQuery's peer: its table as Google makes it, filled with lines of a sample."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

SAMPLE = Path(__file__).parents[1] / "costwire" / "samples" / "gcp" / "detailed-2026-03.jsonl.gz"
ACCOUNT = "010011_ABCDEF_012345"
DETAILED = f"gcp_billing_export_resource_v1_{ACCOUNT}"
_LABELS = "array<struct<key string, value string>>"
COLUMNS = {
    "billing_account_id": "string",
    "service": "struct<id string, description string>",
    "sku": "struct<id string, description string>",
    "usage_start_time": "timestamp",
    "usage_end_time": "timestamp",
    "project": f"struct<id string, number string, name string, labels {_LABELS}, ancestry_numbers string, "
    "ancestors array<struct<resource_name string, display_name string>>>",
    "labels": _LABELS,
    "system_labels": _LABELS,
    "location": "struct<location string, country string, region string, zone string>",
    "tags": "array<struct<key string, value string, inherited bool, namespace string>>",
    "price": "struct<effective_price numeric, tier_start_amount numeric, unit string, pricing_unit_quantity numeric>",
    "transaction_type": "string",
    "seller_name": "string",
    "export_time": "timestamp",
    "cost": "float64",
    "currency": "string",
    "currency_conversion_rate": "float64",
    "usage": "struct<amount float64, unit string, amount_in_pricing_units float64, pricing_unit string>",
    "credits": "array<struct<name string, amount float64, full_name string, id string, type string>>",
    "invoice": "struct<month string, publisher_type string>",
    "cost_type": "string",
    "adjustment_info": "struct<id string, description string, mode string, type string>",
    "resource": "struct<name string, global_name string>",
}
"""Of the detailed export; Cloud Billing documentation, structure of detailed usage cost data."""
FOCUS_COLUMNS = {
    "BilledCost": "numeric",
    "EffectiveCost": "bignumeric",
    "BillingAccountId": "string",
    "BillingCurrency": "string",
    "BillingPeriodStart": "timestamp",
    "BillingPeriodEnd": "timestamp",
    "ChargeCategory": "string",
    "ChargePeriodStart": "timestamp",
    "ChargePeriodEnd": "timestamp",
    "ServiceName": "string",
    "ChargeDescription": "string",
    "ProviderName": "string",
    "x_ExportTime": "timestamp",
}


def client(place: Path) -> bigquery.Client:
    """Of a project for each place."""
    project = f"export-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    return bigquery.Client(project, credentials=AnonymousCredentials())


def sample() -> list[dict[str, Any]]:
    """The lines of a month, of several days."""
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def make(client: bigquery.Client, table: str, columns: dict[str, str], partition: str = "_PARTITIONDATE") -> None:
    """Make an export table, empty.  partition: none where that is empty."""
    client.create_dataset(table.split(".")[0], exists_ok=True, timeout=30)
    described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    run(client, f"create table `{table}` ({described})" + (f" partition by {partition}" if partition else ""))


def add(
    client: bigquery.Client, table: str, lines: Sequence[dict[str, Any]], columns: dict[str, str] = COLUMNS
) -> None:
    """Append lines as the export does: each to the partition of the day on which it is written."""
    newest = "export_time" if "export_time" in columns else "x_ExportTime"
    staged = f"{table.split('.')[0]}.staged"
    make(client, staged, columns, "")
    text = "\n".join(json.dumps({name: value for name, value in line.items() if name in columns}) for line in lines)
    settings = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON)
    client.load_table_from_file(io.BytesIO(text.encode()), staged, job_config=settings, timeout=60).result(timeout=60)
    names = ", ".join(columns)
    run(
        client,
        f"insert into `{table}` (_PARTITIONTIME, {names}) select timestamp_trunc({newest}, day), {names} from `{staged}`",
    )
    client.delete_table(staged, timeout=30)


def run(client: bigquery.Client, sql: str) -> list[Any]:
    """The answer to a statement."""
    return list(client.query(sql, retry=None, job_retry=None, timeout=60).result(timeout=60))
