"""Google's billing export in BigQuery, on its peer: from the table to proved months, and what changes in it."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from common.adapters.gcp import billing_export
from common.adapters.locations import open_source
from common.errors import BadConfiguration, Changed, NotFound, NotReady
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.ports import Location, Source
from costwire.worker import subscribe_here, work
from tests import export_peer
from tests.contract.backends import chosen
from tests.export_peer import COLUMNS, DETAILED
from tests.support import Laptop, laptop

if "bigquery" not in chosen("WAREHOUSES", "duckdb"):
    pytest.skip("CONTRACT_WAREHOUSES does not name bigquery", allow_module_level=True)

ORG = "default"
TABLE = f"billing.{DETAILED}"
PLANTED = "planted-secret-of-a-test"
KEY = json.dumps(
    {"type": "service_account", "client_email": "reader@bills.example", "private_key_id": "1", "private_key": PLANTED}
).encode()


@pytest.fixture
def client(tmp_path: Path) -> bigquery.Client:
    return export_peer.client(tmp_path)


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """Of March; some of them as if they belonged to February's invoice."""
    found = export_peer.sample()
    for line in found[:100]:
        line["invoice"] = {"month": "202602"}
    return found


@pytest.fixture
def export(client: bigquery.Client, lines: list[dict[str, Any]]) -> str:
    export_peer.make(client, TABLE, COLUMNS)
    export_peer.add(client, TABLE, lines)
    return f"bq://{client.project}/billing/{DETAILED}"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        subscribe_here(made)
        yield made


def place(uri: str, provider: str = "gcp", **more: Any) -> Location:
    return open_source(Source(uri, provider=provider, **more), lambda: KEY)


def read(location: Location, name: str, version: str | None = None) -> list[dict[str, Any]]:
    with location.open(name, version) as stream:
        return list(pq.read_table(stream).to_pylist())


def synced(rt: Laptop) -> list[str]:
    sync(rt, ORG)
    assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []
    return [run["status"] for _, run in rt.documents.list(f"orgs/{ORG}/runs")]


def net(lines: list[dict[str, Any]]) -> Decimal:
    amounts = [amount for line in lines for amount in (line["cost"], *(one["amount"] for one in line["credits"]))]
    return sum((Decimal(repr(amount)) for amount in amounts), Decimal(0))


def late(line: dict[str, Any], day: str = "2026-04-07", month: str = "202603", cost: float = 0.1) -> dict[str, Any]:
    """A correction that was exported later."""
    return {
        **copy.deepcopy(line),
        "export_time": f"{day} 05:36:00 UTC",
        "invoice": {"month": month},
        "cost": cost,
        "credits": [],
    }


def test_each_month_and_day_of_the_export_is_a_file(export: str, lines: list[dict[str, Any]]) -> None:
    location = place(export)
    found = location.list()
    days = {(line["invoice"]["month"], line["export_time"][:10]) for line in lines}
    assert [item.name for item in found] == sorted(
        f"{DETAILED}/invoice_month={month[:4]}-{month[4:]}/{day}.parquet" for month, day in days
    )
    rows = [row for item in found for row in read(location, item.name, item.version)]
    assert len(rows) == len(lines)
    assert sum((Decimal(repr(row["cost"])) for row in rows), Decimal(0)) == sum(
        (Decimal(repr(line["cost"])) for line in lines), Decimal(0)
    )
    one = found[-1]
    assert max(row["export_time"] for row in read(location, one.name)) == one.modified_at


def test_a_connected_table_becomes_proved_months(rt: Laptop, export: str, lines: list[dict[str, Any]]) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY, requested_by="a test"))
    assert rt.sealed.list(f"orgs/{ORG}/credentials")[0][1]["credential_type"] == "service_account"
    assert synced(rt) == ["succeeded"]
    shown = rt.deliveries(state="current")
    assert sorted(one["billing_period"] for one in shown) == ["2026-02", "2026-03"]
    assert {entry["difference"] for one in shown for entry in one["proof"]} == {"0"}
    newest = max(line["export_time"] for line in lines if line["invoice"]["month"] == "202603")
    (march,) = [one for one in shown if one["billing_period"] == "2026-03"]
    assert str(march["delivered_at"])[:19].replace("T", " ") == newest[:19]
    assert rt.billed() == {"USD": net(lines)}
