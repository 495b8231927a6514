"""What the functions do with their messages: how long, and what they publish then.

The rules are those of common/, the seconds those of common/running_costs/seconds.py.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from common.adapters.gcp.bigquery_jobs import JOB_SECONDS
from common.budgets.answers import asking_day
from common.domain.spread import is_due
from common.ingestion.landing import FEW, SMALL_BYTES
from common.ingestion.one_file import WINDOW
from common.normalization import finish
from common.running_costs import seconds as cost_time
from common.running_costs.model import READ_MONTHS
from common.running_costs.world import World
from common.tenancy.schedules import DEFAULTS, clean_up_schedule

from .loop import Loop
from .platform import Platform, Work
from .tenants import HOUR, Bill, Integration, Tenant

CHECK, NEW_DAY = "budget_check", "budget_check_of_a_new_day"
ALERTING_SHARE = 0.02
"""Of evaluations that ask, those that raise an alert: our assumption."""
WORK_SECONDS = 420.0
"""COSTWIRE_WORK_SECONDS of terraform/functions.tf; a test compares them."""
DAY = 24 * HOUR
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Body:
    """What a message is about; None: of all tenants, or of none."""

    tenant: Tenant | None = None
    integration: Integration | None = None
    bill: Bill | None = None
    is_file: bool = False


@dataclass
class _Swap:
    """BigQuery's jobs for the deliveries of a turn, which go on while nobody waits.  One try waits for JOB_SECONDS at most."""

    ends_at: float
    bills: list[Bill]


class Flow:
    """The messages of some days."""

    def __init__(
        self, loop: Loop, world: World, tenants: list[Tenant], chance: random.Random, check_tick_minutes: int
    ) -> None:
        self.platform: Platform  # set by whoever makes both
        self.tenants = tenants
        self._check_tick_seconds = check_tick_minutes * 60
        self._checks_until = FIRST_DAY - timedelta(minutes=check_tick_minutes)
        self._loop, self._world, self._chance = loop, world, chance
        self._swaps: dict[Bill, _Swap] = {}
        self._seconds = lru_cache(maxsize=None)(self._of)

    def plan(self, days: int) -> None:
        """Publish what the schedules publish on so many days.  All tenants were checked just before."""
        for tenant in self.tenants:
            tenant.asked_on = asking_day(tenant.slug, FIRST_DAY - timedelta(seconds=1))
        for day in range(days):
            for number in range(int(DAY // self._check_tick_seconds)):
                moment = day * DAY + number * self._check_tick_seconds
                self._loop.at(moment, lambda: self.platform.publish("budget-check-requested", Body()))
            minute, hour, *_ = clean_up_schedule().cron.split()
            self._loop.at(
                day * DAY + int(hour) * HOUR + int(minute) * 60,
                lambda: self.platform.publish("clean-up-requested", Body()),
            )
            for tenant in self.tenants:
                for moment in tenant.ticks(day):
                    self._loop.at(moment, lambda tenant=tenant: self.sync(tenant))  # type: ignore[misc]

    def sync(self, tenant: Tenant) -> None:
        """A tenant's bills are asked for."""
        self.platform.publish("sync-requested", Body(tenant))

    def work_of(self, subscription: str, body: Body) -> Work:
        """What a try at a message does now."""
        if subscription.startswith("ingest_"):
            return self._read_file(body) if body.is_file else self._ingest(body)
        work: Work = getattr(self, f"_{subscription}")(body)
        return work

    def _dispatch_sync(self, body: Body) -> Work:
        tenant = _known(body.tenant)

        def effect() -> None:
            for one in tenant.integrations:
                self.platform.publish(f"ingest-{one.provider}", Body(tenant, one))

        return Work(self._seconds("dispatching", len(tenant.integrations)), effect)

    def _ingest(self, body: Body) -> Work:
        tenant, integration = _known(body.tenant), _known(body.integration)
        found = integration.found(self._loop.now)
        if not found or (integration.claimed_by not in (None, body) and body.bill is None):
            return Work(self._seconds("looking"))
        integration.claimed_by = integration.claimed_by or body
        seconds, landed = self._seconds("looking"), list[tuple[float, Bill]]()
        for bill in found:
            bill.found_at = self._loop.now if bill.found_at is None else bill.found_at
            if bill.unread and bill.files > FEW and bill.files * bill.file_bytes > SMALL_BYTES:
                return Work(seconds, partial(self._hand_out, tenant, integration, bill))
            if bill.files > FEW:
                seconds += self._seconds("naming", bill.files)
            else:
                seconds += self._seconds("landing", bill.lines, bill.files)
            landed.append((seconds, bill))
            if seconds > WORK_SECONDS:
                break

        def effect() -> None:
            for _, bill in landed:
                bill.landed_at = self._loop.now
                for _ in range(bill.files):
                    self.platform.publish("bill-landed", Body(tenant, integration, bill))
            integration.claimed_by = None
            if len(landed) < len(found):
                self.platform.publish(f"ingest-{integration.provider}", body)

        return Work(seconds, effect)

    def _hand_out(self, tenant: Tenant, integration: Integration, bill: Bill) -> None:
        bill.open = min(WINDOW, bill.unread)
        for _ in range(bill.open):
            self.platform.publish(f"ingest-{integration.provider}", Body(tenant, integration, bill, is_file=True))

    def _read_file(self, body: Body) -> Work:
        tenant, integration, bill = _known(body.tenant), _known(body.integration), _known(body.bill)

        def effect() -> None:
            bill.unread -= 1
            bill.open -= 1
            if not bill.open:
                self.platform.publish(f"ingest-{integration.provider}", Body(tenant, integration, bill))

        return Work(self._seconds("reading_a_file", bill.lines_per_file), effect)

    def _normalize_focus(self, body: Body) -> Work:
        tenant, integration, bill = _known(body.tenant), _known(body.integration), _known(body.bill)

        def effect() -> None:
            bill.mapped += 1
            if bill.mapped == bill.files:
                tenant.waiting.append((integration, bill))
                self.platform.publish("delivery-mapped", Body(tenant, integration, bill), tenant.slug)

        return Work(self._seconds("mapping", bill.lines_per_file), effect)

    def _normalize_focus_in_turn(self, body: Body) -> Work:
        tenant, integration, bill = _known(body.tenant), _known(body.integration), _known(body.bill)
        if bill.shown_at is not None:  # in the turn of another
            of_its_run = len(integration.news) if any(one.shown_at is None for one in integration.news) else 0
            return Work(self._seconds("found_shown", of_its_run))
        now, together = self._loop.now, _together(tenant, integration, bill)
        bills = [one for _, one in together]
        swap = self._swaps.get(bill)
        if swap is None or swap.bills != bills:  # other jobs than those of the try before
            lines, files = sum(one.lines for one in bills), sum(one.files for one in bills)
            swap = self._swaps[bill] = _Swap(now + self._seconds("showing", lines, files, len(bills)), bills)
        left = max(swap.ends_at - now, 1.0)
        if left > JOB_SECONDS:
            return Work(float(JOB_SECONDS), fails=True)

        def effect() -> None:
            for of, one in together:
                one.shown_at = self._loop.now
                tenant.waiting.remove((of, one))
                key = f"{tenant.slug}/{of.name}/{id(one)}"
                self.platform.publish("charges-normalized", Body(tenant, of, one), key)

        return Work(left, effect)

    def _evaluate_budgets(self, body: Body) -> Work:
        return self._evaluation(_known(body.tenant), asks=True)

    def _evaluate_budgets_on_request(self, body: Body) -> Work:
        if body.tenant is None:
            return Work(self._seconds("fanning_out", len(self.tenants)), self._check_those_due)
        tenant = body.tenant
        today = asking_day(tenant.slug, FIRST_DAY + timedelta(seconds=self._loop.now))
        asks = tenant.asked_on != today
        tenant.asked_on = today
        return self._evaluation(tenant, asks)

    def _check_those_due(self) -> None:
        after, now = self._checks_until, FIRST_DAY + timedelta(seconds=self._loop.now)
        for one in self.tenants:
            if is_due(one.slug, DEFAULTS["threshold_check_minutes"], after, now):
                self.platform.publish("budget-check-requested", Body(one), one.slug)
        self._checks_until = now

    def _evaluation(self, tenant: Tenant, asks: bool) -> Work:
        questions = (
            (1 + len(READ_MONTHS) * tenant.budgets) if asks else 0
        )  # as common/running_costs/model.py counts them
        raises = asks and self._chance.random() < ALERTING_SHARE

        def effect() -> None:
            if raises:
                self.platform.publish("alert-raised", Body(tenant), f"{tenant.slug}/{self._loop.now}")

        check = NEW_DAY if asks else CHECK
        return Work(self._seconds("evaluating", tenant.budgets, questions, check), effect)

    def _send_notifications(self, body: Body) -> Work:
        return Work(self._seconds("notifying"))

    def _clean_up(self, body: Body) -> Work:
        if body.tenant is None:
            count = len(self.tenants)

            def effect() -> None:
                for one in self.tenants:
                    self.platform.publish("clean-up-requested", Body(one), one.slug)

            return Work(self._seconds("fanning_out", count, count), effect)
        files = sum(bill.files for one in body.tenant.integrations for bill in one.news)
        # a year of runs, 90 days of versions with their parts, and what goes today: as many files as come
        documents = 400 * 6 * len(body.tenant.integrations) + 90 * files
        return Work(self._seconds("cleaning", documents, 2 + 180 * files // 1_000, 3 * files))

    def _of(self, step: str, *what: Any) -> float:
        return float(getattr(cost_time, step)(self._world, *what))


def _together(tenant: Tenant, integration: Integration, bill: Bill) -> list[tuple[Integration, Bill]]:
    """A delivery, and those that are shown with it."""
    found = [(integration, bill)]
    lines, files = bill.lines, bill.files
    for of, one in tenant.waiting:
        if one is bill:
            continue
        lines, files = lines + one.lines, files + one.files
        if len(found) == finish.MAX_DELIVERIES or lines > finish.MAX_ROWS or files > finish.MAX_FILES:
            break
        found.append((of, one))
    return found


def _known(one: Any) -> Any:
    assert one is not None
    return one
