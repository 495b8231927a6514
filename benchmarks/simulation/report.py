"""What a run says: a table of the subscriptions, and what became of the bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.ingestion.landing import FEW
from common.ports.bus import MAX_ATTEMPTS

from .flow import Body
from .platform import Platform
from .tenants import HOUR, Bill, Tenant


@dataclass(frozen=True)
class Result:
    """One run.  left: messages that were not done when its days were over; ended: when the last one was, in seconds."""

    title: str
    platform: Platform
    tenants: Sequence[Tenant]
    quota: int
    left: int
    days: int
    ended: float
    processor_seconds: float
    usd: Decimal
    """What a day costs, at list price, without the fixed cost."""

    def bills(self, group: str) -> list[Bill]:
        """The bills of a group: `large` are those of many files, whose tenants' other bills count as any tenant's."""
        found = [(one, bill) for one in self.tenants for each in one.integrations for bill in each.news]
        return [bill for one, bill in found if _group_of(one, bill) == group]

    def shown_after(self, group: str) -> list[float]:
        """Seconds from the first look that found each bill until it was shown."""
        return [
            bill.shown_at - bill.found_at
            for bill in self.bills(group)
            if bill.shown_at is not None and bill.found_at is not None
        ]

    def waited(self, subscription: str, group: str | None = None) -> list[float]:
        """Seconds from publication to the try that succeeded, of each message."""
        found = self.platform.subscriptions[subscription].told.waited
        return [seconds for seconds, body in found if group is None or _group(body) == group]


def at_share(values: Sequence[float], share: float) -> float:
    """The value that such a share of them does not exceed; 0 of none."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def text(result: Result) -> str:
    """For people: Markdown."""
    platform = result.platform
    head = [
        "subscription",
        "messages",
        "waited p50",
        "p99",
        "max",
        "tries",
        "429",
        "most attempts",
        "dead",
        "peak slots",
    ]
    rows = []
    for name, one in platform.subscriptions.items():
        if not one.told.published:
            continue
        waited = result.waited(name)
        service = platform.services[one.own.function]
        rows.append(
            [
                name, f"{one.told.published:,}",
                *(_duration(at_share(waited, share)) for share in (0.5, 0.99, 1)),
                f"{one.told.tries:,}", f"{one.told.refused:,}", f"{one.told.most_attempts}",
                f"{one.told.dead + one.told.failures[MAX_ATTEMPTS]}",
                f"{service.usage.peak} of {service.size.slots}",
            ]
        )  # fmt: skip
    lines = [f"## {result.title}", "", _table(head, rows), ""]
    lines.append(
        f"- {platform.dead_letters()} dead letters; {result.left:,} messages not done at the end of the day, the last one "
        f"{_duration(max(result.ended - result.days * 24 * HOUR, 0))} later"
    )
    lines.append(f"- vCPU of started instances: {platform.peak_cpu:.0f} at most, the quota is {result.quota}")
    starts = sum(one.usage.cold_starts for one in platform.services.values())
    pushes = sum(one.usage.requests - one.usage.refused for one in platform.services.values())
    lines.append(f"- {starts:,} starts of instances, {100 * starts / pushes:.1f} % of {pushes:,} answered pushes")
    share = 100 * len(platform.metric_points) / pushes
    lines.append(
        f"- metrics get points for {share:.1f} % of the answered pushes: one per function, provider and minute"
    )
    lines.append(f"- {result.usd:,.0f} USD a day at list price, the fixed cost not included")
    for group in sorted({one.group for one in result.tenants}):
        lines.append(_shown(result, group))
    lines.append(f"- {result.processor_seconds:.0f} s of processor time")
    return "\n".join(lines) + "\n"


def _shown(result: Result, group: str) -> str:
    bills, seconds = result.bills(group), result.shown_after(group)
    began = [bill.new_at for bill in bills if group == "newcomer"]
    by_ten = sum(1 for bill in bills if bill.shown_at and began and bill.shown_at <= min(began) + HOUR)
    extra = f"; {by_ten:,} within the first hour" if began else ""
    extra += (
        f"; the last one {_duration(max(_ends(bills), default=0) - min(began))} after it connected" if began else ""
    )
    shares = ", ".join(
        f"{name} {_duration(at_share(seconds, share))}" for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))
    )
    return f"- {group}: {len(seconds):,} of {len(bills):,} bills shown, from found to shown {shares}{extra}"


def _group_of(tenant: Tenant, bill: Bill) -> str:
    if tenant.group == "large":
        return "large" if bill.files > FEW else "tenant"
    return tenant.group


def _ends(bills: Sequence[Bill]) -> list[float]:
    return [bill.shown_at for bill in bills if bill.shown_at]


def _group(body: object) -> str | None:
    return body.tenant.group if isinstance(body, Body) and body.tenant else None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
