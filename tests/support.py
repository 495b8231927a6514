"""A laptop in a folder: the embedded runtime with a clock that a test sets, driven as the command line drives it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from common.config import Settings
from common.ingestion.requesting import new_request_id
from common.messages import SyncRequested
from common.ports import FoundObject, Probe, ProbedLocation, Source
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.records.runs import queue_run
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire.worker import Outcome, subscribe_all, work

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


class SetClock:
    """A clock that stands still between the looks at it, so that backoffs pass quickly."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting for it."""
        self.moment += timedelta(seconds=seconds)


_SHIFT = datetime.now(UTC) - NOW


class _OfItsTime:
    """A location whose files are of the days before NOW, as the test's clock has it, though they were written today."""

    def __init__(self, behind: ProbedLocation) -> None:
        self._behind, self.uri = behind, behind.uri

    def list(self, prefix: str = "") -> list[FoundObject]:
        return [
            replace(one, modified_at=one.modified_at - _SHIFT) if one.modified_at > NOW else one
            for one in self._behind.list(prefix)
        ]

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        return self._behind.open(name, version)

    def probes(self) -> Sequence[Probe]:
        return self._behind.probes()


class Laptop(EmbeddedRuntime):
    """The embedded runtime of a test."""

    def source(self, integration: Source) -> ProbedLocation:
        return _OfItsTime(super().source(integration))

    @cached_property
    def clock(self) -> SetClock:
        return SetClock()

    def bring(
        self,
        path: Path,
        integration: str = "bill",
        provider: str = "aws",
        delivered_at: datetime | None = None,
        corrects: bool = False,
        force: bool = False,
        allow_overlap: bool = False,
    ) -> list[Outcome]:
        """Import a bill through the real functions; returns what became of each message."""
        ensure_default(self.documents, self.clock.now())
        now, uri = self.clock.now(), path.as_uri()
        save_integration(
            self.documents, now, "default", integration, provider, uri, keep_location=True, allow_overlap=allow_overlap
        )
        subscribe_all(self)
        request = SyncRequested(new_request_id(), "import", "default", integration)
        run_id = f"{request.run_id}.{integration}"
        queue_run(
            self.documents, self.clock, "default", run_id, integration, "import", uri, delivered_at, corrects, force
        )
        self.bus.publish(request)
        return list(work(self, self.clock.sleep))

    def deliveries(self, **where: Any) -> list[dict[str, Any]]:
        """The documents of deliveries."""
        return [document for _, document in self.documents.list("orgs/default/deliveries", where or None)]

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """A question to the warehouse."""
        return self.warehouse.query("default", sql)

    def billed(self) -> dict[str, Decimal]:
        """BilledCost by currency."""
        rows = self.ask(
            "select BillingCurrency, sum(BilledCost) as billed from cost_data_standard_1_3 group by BillingCurrency"
        )
        return {row["BillingCurrency"]: row["billed"] for row in rows}

    def exported(self) -> list[dict[str, str]]:
        """All current rows as exported, without the column that tells when they came in."""
        target = self.home / "exported.csv"
        self.warehouse.export("default", str(target), "true")
        rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"), newline="")))
        return [{name: value for name, value in row.items() if name != "x_IngestedAt"} for row in rows]


@contextmanager
def laptop(home: Path, **settings: Any) -> Iterator[Laptop]:
    """A fresh laptop, in use while the context lasts.  One thread, since another makes a small bill cost a tenth more."""
    made = Laptop(Settings(home=home, **{"threads": 1, **settings}))
    bootstrap.use(made)
    try:
        yield made
    finally:
        bootstrap.use(None)


CUR_HEADER = [
    "identity/LineItemId", "identity/TimeInterval", "bill/BillType", "bill/BillingEntity", "bill/PayerAccountId",
    "bill/BillingPeriodStartDate", "bill/BillingPeriodEndDate", "lineItem/UsageAccountId", "lineItem/LineItemType",
    "lineItem/UsageStartDate", "lineItem/UsageEndDate", "lineItem/ProductCode", "lineItem/UsageType", "lineItem/Operation",
    "lineItem/UsageAmount", "lineItem/CurrencyCode", "lineItem/UnblendedRate", "lineItem/UnblendedCost",
    "lineItem/LineItemDescription", "lineItem/LegalEntity", "product/ProductName", "product/regionCode", "product/sku",
    "pricing/publicOnDemandRate", "pricing/unit", "pricing/RateId", "resourceTags/user:team",
]  # fmt: skip


def cur_line(number: int, cost: str, **changes: str) -> dict[str, str]:
    """One line of a legacy CUR; changes are named without the category, as `LineItemType`."""
    day = 1 + number % 28
    line = {
        "LineItemId": f"line{number}", "TimeInterval": "", "BillType": "Anniversary", "BillingEntity": "AWS",
        "PayerAccountId": "111122223333", "BillingPeriodStartDate": "2026-03-01T00:00:00Z",
        "BillingPeriodEndDate": "2026-04-01T00:00:00Z", "UsageAccountId": "444455556666", "LineItemType": "Usage",
        "UsageStartDate": f"2026-03-{day:02d}T00:00:00Z", "UsageEndDate": f"2026-03-{day:02d}T01:00:00Z",
        "ProductCode": "AmazonEC2", "UsageType": "BoxUsage:t3.medium", "Operation": "RunInstances", "UsageAmount": "1",
        "CurrencyCode": "USD", "UnblendedRate": "", "UnblendedCost": cost, "LineItemDescription": "t3.medium",
        "LegalEntity": "Amazon Web Services, Inc.", "ProductName": "Amazon Elastic Compute Cloud", "regionCode": "us-east-1",
        "sku": "SKU1", "publicOnDemandRate": "", "unit": "Hrs", "RateId": "R1", "user:team": "data",
    }  # fmt: skip
    assert set(changes) <= set(line), set(changes) - set(line)
    return line | changes


def cur_text(lines: list[dict[str, str]], extra: Sequence[str] = ()) -> str:
    """A legacy CUR as CSV.  extra: columns beside the usual ones, empty in lines without them."""
    out = io.StringIO(newline="")
    writer, header = csv.writer(out, lineterminator="\n"), [*CUR_HEADER, *extra]
    writer.writerow(header)
    writer.writerows([line.get(name.split("/", 1)[1], "") for name in header] for line in lines)
    return out.getvalue()
