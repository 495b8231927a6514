"""Millions of FOCUS rows in an embedded warehouse: twelve slices of four integrations, the last three months."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from common.config import Settings
from common.focus import storage_schema
from common.formats.source import literal, quoted
from common.ports import Slice
from common.records.charges_version import note_change
from common.runtime.bootstrap import EmbeddedRuntime

PROVIDERS = ("aws", "azure", "gcp", "oci")
MONTHS = 3


@dataclass(frozen=True)
class Spread:
    """How many different accounts and resources the rows have."""

    accounts: int = 40
    resources: int = 100_000


def fill(home: Path, rows: int, spread: Spread | None = None) -> int:
    """Make the warehouse below `home`, unless it is there as of today; returns its rows."""
    stamp, spread = home / "filled.json", spread or Spread()
    wanted = {"rows": rows, "day": f"{datetime.now(UTC):%Y-%m-%d}", "duckdb": duckdb.__version__, **asdict(spread)}
    slices = [(provider, first) for first in _months() for provider in PROVIDERS]
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return rows
    rt = EmbeddedRuntime(Settings(home=home))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        for number, (provider, first) in enumerate(slices):
            each = rows // len(slices) + (number < rows % len(slices))
            show(rt, connection, Slice("default", f"{provider}-main", f"{first:%Y-%m}"), each, spread)
    stamp.write_text(json.dumps(wanted))
    return rows


def _months() -> list[date]:
    """The first days of the running month and of those before."""
    first = datetime.now(UTC).date().replace(day=1)
    found = [first]
    while len(found) < MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def show(
    rt: EmbeddedRuntime,
    connection: duckdb.DuckDBPyConnection,
    piece: Slice,
    rows: int,
    spread: Spread,
    delivery: str = "benchmark",
    instead_of: str | None = None,
) -> None:
    """Generate a slice's rows, store them and swap them in, as normalize_focus does with what it has mapped."""
    provider, first = piece.integration_id.removesuffix("-main"), date.fromisoformat(f"{piece.billing_period}-01")
    known = _values(provider, first, spread, delivery)
    columns = ", ".join(
        f"cast({known.get(name, 'null')} as {kind}) as {quoted(name)}" for name, kind in storage_schema().items()
    )
    written = rt.scratch / f"{delivery}.parquet"
    drawn = f"select range as n, cast(hash(range, {literal(provider)}) >> 1 as bigint) as h from range({rows})"
    connection.execute(
        f"copy (select {columns} from ({drawn})) to {literal(str(written))} (format parquet, compression zstd)"
    )
    name = f"focus/default/{piece.integration_id}/{piece.billing_period}/{delivery}/00000.parquet"
    uri = rt.objects.put_file(name, written).uri
    written.unlink(missing_ok=True)
    shown = rt.warehouse.replace_slice(piece, delivery, datetime.now(UTC), [uri], instead_of)
    if not shown.shown:
        raise RuntimeError(f"{piece} shows {shown.current}, not {delivery}")
    note_change(rt.documents, piece.org_slug)


def _values(provider: str, first: date, spread: Spread, delivery: str) -> dict[str, str]:
    """Column -> SQL over a row's number `n` and its hash `h`."""
    following = (first + timedelta(days=32)).replace(day=1)
    hours = (following - first).days * 24
    starts = f"timestamptz {literal(f'{first}T00:00:00Z')} + to_hours((n * 7919) % {hours})"
    cost = "cast(h % 100000000 as decimal(18, 0)) * 0.0000001"
    account, service = f"'account-' || (h >> 8) % {spread.accounts}", "'Service ' || (h >> 16) % 30"
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
        "ResourceId": f"'i-' || (h >> 4) % {spread.resources}", "SkuId": "'sku-' || (h >> 12) % 400",
        "Tags": tags,
        "x_OrgSlug": "'default'", "x_IntegrationId": f"'{provider}-main'", "x_DeliveryId": literal(delivery),
        "x_Provider": literal(provider), "x_SourceRowId": "'0:' || n", "x_IngestedAt": f"timestamptz {literal(f'{following}T00:00:00Z')}",
    }  # fmt: skip
