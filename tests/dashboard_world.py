"""A laptop with enough on it for every state of the dashboard: full, filling, restated, quarantined, rejected, alerted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from common.budgets import manage
from common.domain.budgets import Scope
from tests.support import Laptop, cur_line, cur_text

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
SERVICES = (
    ("AmazonEC2", "Amazon Elastic Compute Cloud", 640),
    ("AmazonRDS", "Amazon Relational Database Service", 310),
    ("AmazonS3", "Amazon Simple Storage Service", 150),
    ("AWSLambda", "AWS Lambda", 60),
    ("AmazonCloudFront", "Amazon CloudFront", 85),
    ("AmazonDynamoDB", "Amazon DynamoDB", 44),
    ("AmazonEKS", "Amazon Elastic Container Service for Kubernetes", 120),
    ("AmazonCloudWatch", "AmazonCloudWatch", 31),
    ("AmazonBedrock", "Amazon Bedrock", 18),
    ("AWSSecretsManager", "AWS Secrets Manager", 3),
    ("AmazonSNS", "Amazon Simple Notification Service", 2),
)
ACCOUNTS = ("444455556666", "777788889999", "101112131415")
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")
TEAMS = ("payments", "search", "", "data")
HOSTILE = "<script>alert(1)</script>\u202e\"'&{{7*7}}"


def lines(
    month: str, until: int, raised: int = 0, currency: str = "USD", few: bool = False
) -> Iterator[dict[str, str]]:
    """A month's CUR up to a day.  raised: percent that the 12th to 14th are dearer by, as a restatement has it."""
    first = date.fromisoformat(f"{month}-01")
    number = 0
    for place, (code, name, base) in enumerate(SERVICES[:3] if few else SERVICES):
        if code == "AmazonBedrock" and month < "2026-03":
            continue
        for step in range(until):
            day = first + timedelta(days=step)
            grown = base * (100 + (day - date(2026, 1, 1)).days * (3 if code == "AmazonBedrock" else 0) // 2) // 100
            weekend = 70 if day.weekday() > 4 else 100
            noise = 90 + (step * 7 + place * 13) % 21
            cost = Decimal(grown * weekend * noise) / Decimal(10000) + Decimal("0.000123456789")
            if raised and 11 <= step <= 13 and place < 2:
                cost = cost * (100 + raised) / 100
            for half, share in enumerate(("0.62", "0.38")):
                number += 1
                yield cur_line(
                    number,
                    str(cost * Decimal(share)),
                    LineItemId=f"{month}-{number}",
                    ProductCode=code,
                    ProductName=name,
                    UsageAccountId=ACCOUNTS[(place + half) % 3],
                    regionCode=REGIONS[(place + half) % 3],
                    UsageStartDate=f"{day}T00:00:00Z",
                    UsageEndDate=f"{day}T01:00:00Z",
                    BillingPeriodStartDate=f"{first}T00:00:00Z",
                    BillingPeriodEndDate=f"{(first + timedelta(days=32)).replace(day=1)}T00:00:00Z",
                    CurrencyCode=currency,
                    **{"user:team": HOSTILE if half and place == 3 else TEAMS[(place + half) % 4]},
                ) | {"ResourceId": resource(code, half)}  # fmt: skip


def resource(code: str, half: int = 0) -> str:
    """The resource of a service's lines: two for each, one of which has signs that addresses must escape."""
    return f"arn:aws:{code.lower()}:main/{'a+b?c=d&e' if half else 'first'}"


def write(folder: Path, name: str, rows: list[dict[str, str]]) -> Path:
    """A bill on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    path.write_text(cur_text(rows, extra=("lineItem/ResourceId",)), encoding="utf-8")
    return path


def fill(rt: Laptop, folder: Path) -> None:
    """Bring everything in, through the real functions."""
    rt.clock.moment = datetime(2026, 4, 10, 6, tzinfo=UTC)

    def at(day: str) -> datetime:
        return datetime.fromisoformat(f"{day}T05:14:00+00:00")

    manage.add_budget(rt, "default", manage.BudgetRequest("Everything on AWS", Decimal(42000), "USD", owner="Ana"))
    manage.add_budget(
        rt, "default", manage.BudgetRequest("Compute", Decimal(9000), "USD", scope=Scope(services=(SERVICES[0][1],)))
    )
    manage.add_budget(
        rt,
        "default",
        manage.BudgetRequest("Storage", Decimal(5000), "USD", scope=Scope(services=(SERVICES[2][1],)), owner="Ben"),
    )
    rt.bring(write(folder, "jan", list(lines("2026-01", 31))), "aws-main", delivered_at=at("2026-02-04"))
    rt.bring(write(folder, "feb", list(lines("2026-02", 28))), "aws-main", delivered_at=at("2026-03-04"))
    rt.bring(write(folder, "march-1", list(lines("2026-03", 31))), "aws-main", delivered_at=at("2026-04-03"))
    march = [*lines("2026-03", 31, raised=8), cur_line(90001, "4.10", LineItemId="bad-1", UsageStartDate="not a day")]
    rt.bring(write(folder, "march-2", march), "aws-main", delivered_at=at("2026-04-06"))
    rt.bring(write(folder, "april", list(lines("2026-04", 9))), "aws-main", delivered_at=at("2026-04-10"))
    rt.bring(
        write(folder, "europe", list(lines("2026-04", 9, currency="EUR", few=True))),
        "aws-europe",
        delivered_at=at("2026-04-10"),
        allow_overlap=True,
    )
    rt.clock.moment = NOW


def refuse(rt: Laptop, folder: Path) -> None:
    """A newer delivery of March that is rejected: not one of its lines can be mapped."""
    rt.clock.moment = datetime(2026, 4, 10, 11, tzinfo=UTC)
    rows = [cur_line(number, "5", LineItemId=f"r{number}", UsageStartDate="not a day") for number in range(20)]
    rt.bring(write(folder, "refused", rows), "aws-main", delivered_at=datetime(2026, 4, 10, 10, tzinfo=UTC))
    rt.clock.moment = NOW
