"""What warehouse tests share: charges, files of them, a clock that is set by hand, and an open warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.focus import storage_schema
from common.ports import Replacement, Slice
from tests.contract.warehouse_backends import WAREHOUSES

ORG = "default"
MARCH = "2026-03"


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    moment: datetime = datetime(2026, 3, 31, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def charge(**values: Any) -> dict[str, Any]:
    """One FOCUS row; what is not named has a plain value."""
    known: dict[str, Any] = {
        "BilledCost": "1",
        "EffectiveCost": values.get("BilledCost", "1"),
        "ListCost": values.get("BilledCost", "1"),
        "ContractedCost": values.get("BilledCost", "1"),
        "BillingAccountId": "payer",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "ChargePeriodStart": "2026-03-10T00:00:00Z",
        "ChargePeriodEnd": "2026-03-11T00:00:00Z",
        "ChargeCategory": "Usage",
        "ServiceName": "Compute",
        "ServiceCategory": "Compute",
        "SubAccountId": "account-1",
        "RegionId": "eu-west-1",
        "ConsumedQuantity": "2",
        "ConsumedUnit": "Hours",
        "Tags": "{}",
        "x_OrgSlug": ORG,
        "x_IntegrationId": "aws-main",
        "x_DeliveryId": "d1",
        "x_Provider": "aws",
        "x_SourceRowId": "1",
        "x_IngestedAt": "2026-03-31T10:00:00Z",
    }
    unknown = set(values) - set(storage_schema())
    assert not unknown, f"no FOCUS columns: {unknown}"
    return known | values


def write_parquet(path: Path, rows: Iterable[dict[str, Any]], without: tuple[str, ...] = ()) -> Path:
    """A normalized file; `without` leaves columns out, as an older writer would have."""
    schema = {name: kind for name, kind in storage_schema().items() if name not in without}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        given = list(rows)
        texts = pa.table({name: pa.array([row.get(name) for row in given], pa.string()) for name in schema})
        connection.register("texts", texts)
        typed = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in schema.items())
        connection.execute(f"copy (select {typed} from texts) to '{path}' (format parquet)")
    return path


def swap(warehouse: Any, piece: Slice, delivery_id: str, day: int, files: list[str]) -> Replacement:
    """As a caller would by whose rule the delivery of greater id is to be shown."""
    instead_of = None
    while True:
        moment = datetime(2026, 4, day, tzinfo=UTC)
        done: Replacement = warehouse.replace_slice(piece, delivery_id, moment, files, instead_of)
        if done.shown or (done.current or "") > delivery_id:
            return done
        instead_of = done.current


@dataclass
class Opened:
    """An empty warehouse and what it stands on."""

    folder: Path
    backend: str = "duckdb"
    clock: SetClock = field(default_factory=SetClock)

    def __post_init__(self) -> None:
        self.behind = WAREHOUSES[self.backend]
        self.clock.moment = self.behind.now()
        self.documents = SqliteDocumentStore(self.folder / "documents.sqlite")
        self.objects = self.behind.objects(self.folder)
        self.warehouse = self.another_reader()

    def another_reader(self) -> Any:
        """As a second process would open it."""
        return self.behind.open(self.folder, self.documents, self.objects, self.clock)

    def close(self) -> None:
        """Remove what outlives the folder."""
        self.behind.close(self.warehouse)

    def needs(self, capability: str) -> None:
        """Leave the test where the backend says that this cannot be told of it."""
        if capability in self.behind.untold:
            pytest.skip(f"{self.backend}: {self.behind.untold[capability]}")

    def set_rates(self, text: str) -> None:
        """Give exchange rates, as an operator would."""
        self.behind.set_rates(self.folder, self.documents, ORG, text)

    def pointers(self) -> Any:
        """Which deliveries are current."""
        return self.behind.pointers(self.warehouse, self.documents, ORG)

    def day(self, offset: int) -> str:
        """A day, counted from the warehouse's today."""
        return (self.clock.moment.date() + timedelta(days=offset)).isoformat()

    def put(self, name: str, *rows: dict[str, Any], without: tuple[str, ...] = ()) -> str:
        """Keep a file of charges as an object; returns its URI."""
        return str(self.objects.put_file(name, write_parquet(self.folder / "written.parquet", rows, without)).uri)

    def show(
        self, delivery_id: str, *rows: dict[str, Any], day: int = 1, integration: str = "aws-main", org: str = ORG
    ) -> Replacement:
        """Deliver the rows as the integration's March slice, on a day of April; of two deliveries the one of greater id wins."""
        piece = Slice(org, integration, MARCH)
        names = {"x_OrgSlug": org, "x_IntegrationId": integration, "x_DeliveryId": delivery_id}
        uri = self.put(f"focus/{org}/{integration}/{MARCH}/{delivery_id}/0.parquet", *(row | names for row in rows))
        return swap(self.warehouse, piece, delivery_id, day, [uri])

    def ask(self, sql: str, org: str = ORG, **parameters: Any) -> list[dict[str, Any]]:
        """Rows that answer a question."""
        return self.warehouse.query(org, sql, parameters)

    def billed(self, org: str = ORG) -> Decimal | None:
        """The sum of all billed costs."""
        total = self.ask("select sum(BilledCost) as total from cost_data_standard_1_3", org)[0]["total"]
        assert total is None or isinstance(total, Decimal)
        return total
