"""What budget tests share: the embedded adapters in one folder, plain charges, a notifier that counts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from common.adapters.embedded.duckdb_warehouse import DuckDbWarehouse
from common.adapters.embedded.folder_objects import FolderObjectStore
from common.adapters.embedded.sqlite_bus import SqliteBus
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.alerts.sending import send_waiting
from common.budgets.evaluation import evaluate
from common.domain.budgets import Budget, as_document
from common.domain.period import BillingPeriod
from common.errors import CostError
from common.focus import storage_schema
from common.messages import AlertRaised, ChargesNormalized, Message
from common.messages.cloudevent import decode
from common.ports import ONE_PLACE, Notification, Slice
from common.records.charges_version import note_change

ORG = "default"


@dataclass
class SetClock:
    """A clock that stands still until it is moved."""

    moment: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def move(self, **step: float) -> None:
        self.moment += timedelta(**step)


@dataclass
class CountingNotifier:
    """Keeps what it sends; raises the next of `failures` instead while there are any."""

    channel: str = "email"
    recipients: tuple[str, ...] = ONE_PLACE
    sent: list[Notification] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def send(self, notification: Notification, recipient: str = "") -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(notification)
        return f"{self.channel} to people"

    @property
    def subjects(self) -> list[str]:
        return [notification.subject for notification in self.sent]


def charge(day: date, billed_cost: str, period: str | None = None, **values: Any) -> dict[str, Any]:
    """One FOCUS row of a day; `period` is its billing period, the day's month by default."""
    month = BillingPeriod.parse(period) if period else BillingPeriod.of(day)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {
        "BilledCost": billed_cost,
        "EffectiveCost": billed_cost,
        "ListCost": billed_cost,
        "ContractedCost": billed_cost,
        "BillingAccountId": "payer",
        "SubAccountId": "account-1",
        "BillingCurrency": "USD",
        "BillingPeriodStart": month.start,
        "BillingPeriodEnd": month.end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(days=1),
        "ServiceName": "Compute",
        "RegionId": "eu-west-1",
        "Tags": "{}",
        "x_Provider": "aws",
        "x_IngestedAt": start + timedelta(hours=30),
    } | values


def each_day(period: str, days: int, billed_cost: str, **values: Any) -> list[dict[str, Any]]:
    """A charge on each of the first days of a month."""
    start = BillingPeriod.parse(period).start.date()
    return [charge(start + timedelta(days=number), billed_cost, **values) for number in range(days)]


class World:
    """Everything that evaluate_budgets and send_notifications touch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SetClock()
        self.documents = SqliteDocumentStore(folder / "documents.sqlite")
        self.objects = FolderObjectStore(folder / "objects")
        self.warehouse = DuckDbWarehouse(self.documents, self.objects, self.clock)
        self.bus = SqliteBus(folder / "bus.sqlite", self.clock)
        self.bus.subscribe(AlertRaised.topic, "send_notifications")
        self.email = CountingNotifier()
        self._deliveries = itertools.count(1)
        self._shown: dict[Slice, str] = {}

    def budget(self, **values: Any) -> Budget:
        known: dict[str, Any] = {
            "budget_id": "platform-1a2b",
            "name": "platform",
            "currency": "USD",
            "period": "monthly",
        }
        budget = Budget(**known | values)
        self.documents.set(f"orgs/{ORG}/budgets/{budget.budget_id}", as_document(budget))
        return budget

    def deliver(
        self,
        period: str,
        rows: Iterable[dict[str, Any]],
        integration: str = "aws-main",
        delivered_at: datetime | None = None,
    ) -> ChargesNormalized:
        """Show rows as the newest delivery of a slice; returns the message about it, which nobody has handled."""
        message = self.swap(period, rows, integration, delivered_at)
        note_change(self.documents, ORG)
        return message

    def swap(
        self,
        period: str,
        rows: Iterable[dict[str, Any]],
        integration: str = "aws-main",
        delivered_at: datetime | None = None,
    ) -> ChargesNormalized:
        """Show rows, and die before anything is said of it; returns the message that a redelivery would publish.

        delivered_at: the provider's time; by default long after every charge, so that all days are whole.
        """
        number = next(self._deliveries)
        name = f"focus/{ORG}/{integration}/{period}/d{number}/0.parquet"
        named = [{**row, "x_IntegrationId": integration, "x_DeliveryId": f"d{number}"} for row in rows]
        uri = self.objects.put_file(name, _parquet(self.folder / f"d{number}.parquet", named)).uri
        delivered_at = delivered_at or datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        piece = Slice(ORG, integration, period)
        before = self._shown.get(piece)
        if self.warehouse.replace_slice(piece, f"d{number}", delivered_at, [uri], before).shown:
            self._shown[piece] = f"d{number}"
        return ChargesNormalized(ORG, integration, period, f"d{number}", 1)

    def evaluate(self, message: ChargesNormalized) -> None:
        evaluate(message, self.documents, self.warehouse, self.bus, self.clock)

    def bill(
        self,
        period: str,
        rows: Iterable[dict[str, Any]],
        integration: str = "aws-main",
        delivered_at: datetime | None = None,
    ) -> None:
        """Deliver, evaluate, send."""
        self.evaluate(self.deliver(period, rows, integration, delivered_at))
        self.send()

    def send(self, *notifiers: CountingNotifier) -> list[CostError]:
        """Handle every alert-raised that is due; failed ones go back to the bus.  Returns what failed."""
        failed: list[CostError] = []
        for message, delivery in self._due():
            try:
                send_waiting(message, self.documents, notifiers or (self.email,), self.clock)
            except CostError as error:
                failed.append(error)
                self.bus.nack(delivery, str(error))
            else:
                self.bus.ack(delivery)
        return failed

    def _due(self) -> Iterable[tuple[AlertRaised, Any]]:
        while (delivery := self.bus.pull()) is not None:
            message: Message = decode(delivery.event)
            assert isinstance(message, AlertRaised)
            yield message, delivery

    def alert(self, threshold: str, period: str = "2026-11", budget: str = "platform-1a2b") -> dict[str, Any] | None:
        return self.documents.get(f"orgs/{ORG}/alerts/{budget}-{period}-{threshold}")

    def states(self) -> dict[str, str]:
        """Alert id without the budget's -> state."""
        found = self.documents.list(f"orgs/{ORG}/alerts")
        return {alert_id.removeprefix("platform-1a2b-"): document["state"] for alert_id, document in found}

    def notifications(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return self.documents.list(f"orgs/{ORG}/notifications")


def _parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    schema = storage_schema()
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        typed = ", ".join(f'"{name}" {kind}' for name, kind in schema.items())
        connection.execute(f"create table charges ({typed})")
        marks = ", ".join("?" * len(schema))
        if rows:
            connection.executemany(
                f"insert into charges values ({marks})", [[row.get(name) for name in schema] for row in rows]
            )
        connection.execute(f"copy charges to '{path}' (format parquet)")
    return path
