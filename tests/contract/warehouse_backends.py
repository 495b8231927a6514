"""Which warehouses the contract tests run against: CONTRACT_WAREHOUSES=duckdb,bigquery; the embedded one is the default.

BigQuery's peer reads buckets that lie as folders under BIGQUERY_BUCKETS; python -m tests.emulators sets that.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.adapters.embedded.duckdb_warehouse import DuckDbWarehouse
from common.adapters.embedded.folder_objects import FolderObjectStore
from common.adapters.embedded.slice_pointers import read_all
from common.config import Settings
from common.ports import Clock, DocumentStore
from common.ports.objects import StoredObject
from common.warehouse.rates import rates_path

PROJECT = "costwire-test"
REGION = "europe-west3"


class BucketFolder:
    """Objects of a bucket that the peer reads from a folder; what warehouse tests need of an ObjectStore."""

    def __init__(self, place: Path) -> None:
        self.bucket = f"bucket-{hashlib.sha256(str(place).encode()).hexdigest()[:16]}"
        self.root = Path(_needed("BIGQUERY_BUCKETS")) / self.bucket
        self.root.mkdir(parents=True, exist_ok=True)

    def uri(self, name: str) -> str:
        return f"gs://{self.bucket}/{name}"

    def put_file(self, name: str, path: Path) -> StoredObject:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.move(path, target)
        return StoredObject(self.uri(name), target.stat().st_size, "")


@dataclass(frozen=True)
class WarehouseBackend:
    """How a warehouse of a place is opened and looked into.

    open: another warehouse of the place, as a second process would open it.
    set_rates: the operator's way of giving exchange rates, unchecked.
    pointers: which delivery is current, by slice.
    described: (column, type) of a relation that was asked for, in DuckDB's words.
    close: removes what outlives the place.
    untold: cases that cannot be told of it, and why.
    """

    objects: Callable[[Path], Any]
    open: Callable[[Path, DocumentStore, Any, Clock], Any]
    set_rates: Callable[[Path, DocumentStore, str, str], None]
    pointers: Callable[[Any, DocumentStore, str], Any]
    described: Callable[[Any, str, str], list[tuple[str, str]]]
    close: Callable[[Any], None] = lambda warehouse: None
    now: Callable[[], datetime] = lambda: datetime(2026, 3, 31, 12, tzinfo=UTC)
    untold: Mapping[str, str] = field(default_factory=dict)


def environment_of(place: Path) -> str:
    """A deployment's name for each place, so that every test has datasets of its own."""
    return f"t{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"


def settings_of(place: Path, **changes: Any) -> Settings:
    return Settings(runtime="cloud", project=PROJECT, region=REGION, env=environment_of(place), **changes)


def _needed(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set: run the tests by python -m tests.emulators")
    return value


def open_bigquery(place: Path, documents: DocumentStore, objects: Any, clock: Clock) -> Any:
    from common.adapters.gcp.bigquery import BigQueryWarehouse

    _needed("BIGQUERY_EMULATOR_HOST")
    return BigQueryWarehouse.connect(settings_of(place), documents, objects, clock)


def _bigquery_pointers(warehouse: Any, documents: DocumentStore, org_slug: str) -> Any:
    dataset = warehouse._datasets.made(org_slug)
    rows = warehouse._swaps._jobs.rows("select * from slices order by integration_id, billing_period", dataset)
    return [dict(row.items()) for row in rows]


def _bigquery_described(warehouse: Any, org_slug: str, relation: str) -> list[tuple[str, str]]:
    table = warehouse._client.get_table(warehouse._datasets.made(org_slug).table(relation), timeout=30)
    kinds = {"NUMERIC": "DECIMAL(38,9)", "STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE"}
    kinds |= {"INTEGER": "BIGINT", "DATE": "DATE", "JSON": "JSON", "BIGNUMERIC": "BIGNUMERIC"}
    return [(one.name, kinds[one.field_type.split("(")[0]]) for one in table.schema]


def _close_bigquery(warehouse: Any) -> None:
    for dataset in warehouse._datasets._made.values():
        warehouse._client.delete_dataset(dataset, delete_contents=True, not_found_ok=True, timeout=60)
    warehouse.close()


def _duckdb_described(warehouse: Any, org_slug: str, relation: str) -> list[tuple[str, str]]:
    _, dataset = warehouse._datasets[org_slug]
    return [(row[0], row[1]) for row in dataset.connection.execute(f"describe {relation}").fetchall()]


WAREHOUSES = {
    "duckdb": WarehouseBackend(
        objects=lambda place: FolderObjectStore(place / "objects"),
        open=lambda place, documents, objects, clock: DuckDbWarehouse(
            documents, objects, clock, place / "exchange_rates.csv"
        ),
        set_rates=lambda place, documents, org, text: (place / "exchange_rates.csv").write_text(text) and None,
        pointers=lambda warehouse, documents, org: read_all(documents, org),
        described=_duckdb_described,
        untold={"swaps without a roll-up": "what a version without one writes says so by itself"},
    ),
    "bigquery": WarehouseBackend(
        objects=BucketFolder,
        open=open_bigquery,
        set_rates=lambda place, documents, org, text: documents.set(rates_path(org), {"csv": text}),
        pointers=_bigquery_pointers,
        described=_bigquery_described,
        close=_close_bigquery,
        now=lambda: datetime.now(UTC).replace(microsecond=0),
        untold={
            "moved clock": "BigQuery's own clock says what day it is",
            "written aside": "nothing is written aside as an object; test_bigquery.py races inside the adapter's own steps",
            "files": "the files of a bucket are no files of this machine",
            "equal names": "local-bigquery answers with one of two columns of a name, where BigQuery refuses the query",
        },
    ),
}
