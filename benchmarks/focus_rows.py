"""Millions of FOCUS rows in an embedded warehouse: twelve slices of four integrations, the last three months."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from common.config import Settings
from common.focus import storage_schema
from common.formats.source import literal, quoted
from common.ports import Slice
from common.runtime.bootstrap import EmbeddedRuntime

PROVIDERS = ("aws", "azure", "gcp", "oci")
MONTHS = 3


def fill(home: Path, rows: int) -> int:
    """Make the warehouse below `home`, unless it is there as of today; returns its rows."""
    stamp = home / "filled.json"
    wanted = {"rows": rows, "day": f"{datetime.now(UTC):%Y-%m-%d}", "duckdb": duckdb.__version__}
    slices = [(provider, first) for first in _months() for provider in PROVIDERS]
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return rows
    rt = EmbeddedRuntime(Settings(home=home))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for number, (provider, first) in enumerate(slices):
            each = rows // len(slices) + (number < rows % len(slices))
            _slice(rt, connection, provider, first, each)
    stamp.write_text(json.dumps(wanted))
    return rows


def _months() -> list[date]:
    """The first days of the running month and of those before."""
    first = datetime.now(UTC).date().replace(day=1)
    found = [first]
    while len(found) < MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def _slice(rt: EmbeddedRuntime, connection: duckdb.DuckDBPyConnection, provider: str, first: date, rows: int) -> None:
    known = _values(provider, first)
    columns = ", ".join(
        f"cast({known.get(name, 'null')} as {kind}) as {quoted(name)}" for name, kind in storage_schema().items()
    )
    written = rt.scratch / "focus.parquet"
    drawn = f"select range as n, cast(hash(range, {literal(provider)}) >> 1 as bigint) as h from range({rows})"
    connection.execute(
        f"copy (select {columns} from ({drawn})) to {literal(str(written))} (format parquet, compression zstd)"
    )
    piece = Slice("default", f"{provider}-main", f"{first:%Y-%m}")
    name = f"focus/default/{piece.integration_id}/{piece.billing_period}/benchmark/00000.parquet"
    uri = rt.objects.put_file(name, written).uri
    written.unlink(missing_ok=True)
    rt.warehouse.replace_slice(piece, "benchmark", datetime.now(UTC), [uri])


def _values(provider: str, first: date) -> dict[str, str]:
    """Column -> SQL over a row's number `n` and its hash `h`."""
    following = (first + timedelta(days=32)).replace(day=1)
    hours = (following - first).days * 24
    starts = f"timestamptz {literal(f'{first}T00:00:00Z')} + to_hours((n * 7919) % {hours})"
    cost = "cast(h % 100000000 as decimal(18, 0)) * 0.0000001"
    account, service = "'account-' || (h >> 8) % 40", "'Service ' || (h >> 16) % 30"
    stages = "['production', 'staging', 'development'][1 + (h >> 20) % 3]"
    tags = f"""'{{"environment":"' || {stages} || '","team":"t' || (h >> 28) % 50 || '"}}'"""
    region = "'region-' || (h >> 24) % 8"
    return {
        "BilledCost": cost, "EffectiveCost": cost, "ListCost": f"{cost} * 1.2", "ContractedCost": cost,
        "BillingAccountId": f"'{provider}-payer'", "BillingCurrency": "'USD'",
        "BillingPeriodStart": f"timestamptz {literal(f'{first}T00:00:00Z')}",
        "BillingPeriodEnd": f"timestamptz {literal(f'{following}T00:00:00Z')}",
        "ChargePeriodStart": starts, "ChargePeriodEnd": f"{starts} + interval 1 hour",
        "ChargeCategory": "'Usage'", "ChargeFrequency": "'Usage-Based'", "ChargeDescription": f"'Hours of ' || {service}",
        "ConsumedQuantity": "h % 24", "ConsumedUnit": "'Hours'", "PricingQuantity": "h % 24", "PricingUnit": "'Hours'",
        "PricingCategory": "'Standard'", "ProviderName": literal(provider), "PublisherName": literal(provider),
        "InvoiceIssuerName": literal(provider), "ServiceProviderName": literal(provider),
        "ServiceName": service, "ServiceCategory": "'Compute'", "ServiceSubcategory": "'Virtual Machines'",
        "SubAccountId": account, "SubAccountName": f"upper({account})", "RegionId": region, "RegionName": region,
        "ResourceId": "'i-' || (h >> 4) % 100000", "SkuId": "'sku-' || (h >> 12) % 400",
        "Tags": tags,
        "x_OrgSlug": "'default'", "x_IntegrationId": f"'{provider}-main'", "x_DeliveryId": "'benchmark'",
        "x_Provider": literal(provider), "x_SourceRowId": "'0:' || n", "x_IngestedAt": f"timestamptz {literal(f'{following}T00:00:00Z')}",
    }  # fmt: skip
