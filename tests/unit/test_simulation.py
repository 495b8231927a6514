"""The rules of the simulated day: Pub/Sub's pushes, Cloud Run's instances, and the limits that are the project's own."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks import thousand_tenants
from benchmarks.simulation import flow, pubsub
from benchmarks.simulation.cloud_run import IDLE_SECONDS, OK, QUEUE_SECONDS, REFUSED, TIMED_OUT, Service, Size
from benchmarks.simulation.loop import Loop
from benchmarks.simulation.platform import (
    Platform,
    Work,
    check_tick_minutes,
    default_quota,
    deployed_sizes,
    production_instances,
)
from benchmarks.simulation.pubsub import Envelope, PushSubscription, backoff, pause
from benchmarks.simulation.tenants import Mix, Tenant
from benchmarks.thousand_tenants import Scenario, simulate
from common.adapters.gcp.bigquery_jobs import JOB_SECONDS
from common.ingestion.one_file import WINDOW
from common.messages.subscriptions import SUBSCRIPTIONS, Subscription
from common.normalization import finish
from common.ports.bus import MAX_ATTEMPTS, MAX_PUSHES
from common.tenancy.schedules import sync_schedule

ROOT = Path(__file__).parents[2]
ALL = [one for table in SUBSCRIPTIONS.values() for one in table]
PLAIN = Subscription("plain", "topic", "normalize_focus", 600, 10, 600)
IN_TURN = Subscription("in_turn", "topic", "normalize_focus", 600, 10, 60, ordered=True)


class Pushed:
    """A subscription whose endpoint is a service with some slots; each message takes so many seconds."""

    def __init__(self, own: Subscription, slots: int, seconds: float, most_attempts: int = MAX_PUSHES) -> None:
        self.loop = Loop()
        self.service = Service(self.loop, Size(slots, 1, 1), cold_start_seconds=0)
        self.pushed_at: dict[Any, list[float]] = {}
        self.worked: list[tuple[Any, float, float]] = []
        self.at_once = 0
        self._seconds = seconds
        self.subscription = PushSubscription(self.loop, own, most_attempts, self._endpoint, random.Random(1))

    def _endpoint(self, one: Envelope, answer: Callable[[bool], None]) -> None:
        self.pushed_at.setdefault(one.body, []).append(self.loop.now)

        def begin() -> float:
            self.at_once = max(self.at_once, self.service.busy)
            self.worked.append((one.body, self.loop.now, self.loop.now + self._seconds))
            return self._seconds

        def end(status: int) -> None:
            one.refused += status == REFUSED
            answer(status == OK)

        self.service.request(begin, end)


def test_more_messages_than_slots_all_arrive_and_attempts_count_each_refusal() -> None:
    pushed = Pushed(PLAIN, slots=3, seconds=60)
    envelopes = [pushed.subscription.publish(number) for number in range(40)]
    pushed.loop.run()
    assert sorted(body for body, _, _ in pushed.worked) == list(range(40))
    assert pushed.at_once == 3 == pushed.service.usage.peak
    assert pushed.service.usage.refused > 0
    assert [one.attempts for one in envelopes] == [1 + one.refused for one in envelopes]
    assert (pushed.subscription.told.acked, pushed.subscription.told.dead) == (40, 0)


def test_a_request_waits_ten_seconds_for_an_instance_and_is_refused_then() -> None:
    loop, answers = Loop(), list[tuple[int, float]]()
    service = Service(loop, Size(1, 1, 1), 0)
    for seconds in (QUEUE_SECONDS - 1, 30, 1):  # the second is served when the first ends, the third finds nobody free
        service.request(lambda seconds=seconds: seconds, lambda status: answers.append((status, loop.now)))  # type: ignore[misc]
    loop.run()
    assert answers == [(OK, QUEUE_SECONDS - 1), (REFUSED, QUEUE_SECONDS), (OK, QUEUE_SECONDS - 1 + 30)]


def test_instances_start_cold_once_and_again_after_they_were_idle_for_long() -> None:
    loop = Loop()
    service = Service(loop, Size(5, 1, 1), cold_start_seconds=2)
    for moment in (0, 10, 20, 20 + IDLE_SECONDS + 60):
        loop.at(moment, lambda: service.request(lambda: 1.0, lambda status: None))
    loop.run(until=60)
    assert service.instances == 1
    loop.run()
    assert service.usage.cold_starts == 2
    assert service.usage.billed_seconds == 4 * 1 + 2 * 2


def test_a_request_that_lasts_longer_than_the_timeout_ends_there() -> None:
    loop, answers = Loop(), list[tuple[int, float]]()
    service = Service(loop, Size(1, 1, 1, timeout_seconds=60), 0)
    service.request(lambda: 100.0, lambda status: answers.append((status, loop.now)))
    loop.run()
    assert answers == [(TIMED_OUT, 60)] and service.instances == 0


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_messages_of_one_ordering_key_never_overlap_and_stay_in_order(slots: int) -> None:
    pushed = Pushed(IN_TURN, slots=slots, seconds=45)
    for number in range(24):
        pushed.subscription.publish((number % 3, number), key=f"tenant-{number % 3}")
    pushed.loop.run()
    assert len(pushed.worked) == 24
    for key in range(3):
        own = [(body, began, ended) for body, began, ended in pushed.worked if body[0] == key]
        assert [body[1] for body, _, _ in own] == sorted(body[1] for body, _, _ in own)
        assert all(before[2] <= after[1] for before, after in itertools.pairwise(own))
    assert pushed.at_once == min(slots, 3)  # other keys do not wait


def test_a_refused_message_holds_up_those_of_its_key() -> None:
    pushed = Pushed(IN_TURN, slots=1, seconds=45)
    for key in ("a", "b", "b"):
        pushed.subscription.publish((key, len(pushed.pushed_at)), key=key)
    pushed.loop.run(until=44)
    assert [body[0] for body in pushed.pushed_at] == ["a", "b"]


@pytest.mark.parametrize("own", ALL, ids=lambda one: one.name)
def test_rests_double_within_the_subscription_s_bounds(own: Subscription) -> None:
    rests = [backoff(own, attempt) for attempt in range(1, MAX_PUSHES + 1)]
    assert rests[0] == own.minimum_backoff_seconds and rests[-1] == own.maximum_backoff_seconds
    assert all(after == min(2 * before, own.maximum_backoff_seconds) for before, after in itertools.pairwise(rests))


def test_a_push_comes_after_the_longer_of_its_rest_and_push_backoff() -> None:
    loop, times = Loop(), list[float]()

    def refuse(one: Envelope, answer: Callable[[bool], None]) -> None:
        times.append(loop.now)
        answer(False)

    PushSubscription(loop, PLAIN, 9, refuse, random.Random(1)).publish("one")
    loop.run()
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(gaps) == 8
    for number, gap in enumerate(gaps):
        assert max(backoff(PLAIN, number + 1), pause(1)) <= gap <= max(1.1 * backoff(PLAIN, number + 1), pause(1))


def test_push_backoff_is_as_in_google_s_examples() -> None:
    assert pause(0) == 0
    assert pause(0.2) == pytest.approx(0.5, rel=0.05)
    assert 30 <= pause(1) <= 60
    assert pause(0.01) >= 0.1


def test_push_backoff_stops_the_whole_subscription() -> None:
    loop, times = Loop(), list[float]()

    def refuse(one: Envelope, answer: Callable[[bool], None]) -> None:
        times.append(loop.now)
        loop.after(1, lambda: answer(False))

    subscription = PushSubscription(loop, PLAIN, MAX_PUSHES, refuse, random.Random(1))
    subscription.publish("one")
    loop.run(until=2)
    subscription.publish("another")
    loop.run(until=1 + pause(1) - 0.1)
    assert times == [0]  # neither the one that was refused nor the new one


def test_the_window_begins_small_grows_with_successes_and_shrinks_with_failures() -> None:
    loop, held = Loop(), list[Callable[[bool], None]]()
    subscription = PushSubscription(loop, PLAIN, MAX_PUSHES, lambda one, answer: held.append(answer), random.Random(1))
    for number in range(100):
        subscription.publish(number)
    first = int(pubsub.Rules().first_window)
    assert len(held) == first < 10
    for answer in held[:first]:
        answer(True)
    assert len(held) - first == 2 * first  # doubled by one round
    for answer in held[first:]:
        answer(False)
    loop.run(until=70)
    assert len(held) - 3 * first == 1


def test_an_expired_deadline_counts_as_an_attempt_and_the_work_as_done_once() -> None:
    done: list[int] = []
    platform, loop = small_platform(
        lambda name, body: Work(130, lambda: done.append(1))
    )  # dispatch_sync has 120 seconds
    platform.services["dispatch_sync"].size = Size(2, 1, 1, timeout_seconds=600)
    platform.publish("sync-requested", "once")
    loop.run()
    told = platform.subscriptions["dispatch_sync"].told
    assert told.most_attempts == 2 and done == [1] and told.tries == 1


def test_refusals_use_up_no_try() -> None:
    begun: list[int] = []

    def work_of(name: str, body: int) -> Work:
        begun.append(body)
        return Work(100, fails=begun.count(body) < MAX_ATTEMPTS)  # the last try that it has is the first to succeed

    platform, loop = small_platform(work_of)
    for number in range(12):
        platform.publish("sync-requested", number)
    loop.run()
    told = platform.subscriptions["dispatch_sync"].told
    assert told.refused > 5 and told.most_attempts > MAX_ATTEMPTS + 1
    assert told.tries == 12 * MAX_ATTEMPTS and platform.dead_letters() == 0


def test_five_real_tries_end_as_a_dead_letter() -> None:
    platform, loop = small_platform(lambda name, body: Work(1, fails=True))
    platform.publish("sync-requested", "never")
    loop.run()
    assert platform.subscriptions["dispatch_sync"].told.tries == MAX_ATTEMPTS and platform.dead_letters() == 1


def test_pub_sub_gives_up_after_its_attempts() -> None:
    loop, attempts = Loop(), list[int]()

    def never(one: Envelope, answer: Callable[[bool], None]) -> None:
        attempts.append(one.attempts)
        loop.after(1, lambda: answer(False))

    subscription = PushSubscription(loop, IN_TURN, 7, never, random.Random(1))
    subscription.publish("first", key="tenant")
    subscription.publish("behind", key="tenant")
    loop.run()
    assert attempts == [*range(1, 8), *range(1, 8)]  # the one behind it gets its turn
    assert subscription.told.dead == 2 and subscription.waiting == 0


def test_instances_and_quotas_are_those_of_terraform() -> None:
    sizes = deployed_sizes()
    assert {path.parent.name for path in (ROOT / "functions").glob("*/main.py")} == set(sizes)
    assert sizes["normalize_focus"].timeout_seconds == 600 and sizes["dispatch_sync"].timeout_seconds == 120
    assert sum(one.slots * one.cpu for one in sizes.values()) <= default_quota()
    instances, quota = production_instances()
    assert sum(one.slots * one.cpu for one in deployed_sizes(instances).values()) <= quota
    assert deployed_sizes(instances)["normalize_focus"].slots == instances["normalize_focus"]
    text = (ROOT / "terraform" / "functions.tf").read_text(encoding="utf-8")
    assert re.search(r'COSTWIRE_WORK_SECONDS\s+= "(\d+)"', text)[1] == f"{flow.WORK_SECONDS:.0f}"  # type: ignore[index]


TINY = Mix(tenants=6, large=1, large_files=80, large_bytes=2_000_000_000)


def test_a_day_ends_with_every_bill_shown_and_is_the_same_each_time() -> None:
    first, again = (simulate(Scenario("tiny", TINY), seed=3) for _ in range(2))
    for result in (first, again):
        assert all(bill.shown_at for group in ("large", "tenant") for bill in result.bills(group))
        assert result.platform.waiting == 0 == result.platform.dead_letters()
    told = [{name: one.told for name, one in result.platform.subscriptions.items()} for result in (first, again)]
    assert [one.tries for one in told[0].values()] == [one.tries for one in told[1].values()]
    assert first.waited("normalize_focus") == again.waited("normalize_focus")
    assert told[0]["normalize_focus"].published == 80 + 5 * 5 + 4
    assert told[0]["evaluate_budgets_on_request"].published == 24 * 60 // check_tick_minutes(False) + 6 * 96
    assert told[0]["dispatch_sync"].published == 6 * 6


def test_syncs_tick_by_the_schedule_that_the_code_makes() -> None:
    tenant = Tenant("tenant_0001", [], 1)
    minute, hours, *_ = (sync_schedule("tenant_0001", 4).cron or "").split()
    first = int(hours.partition("-")[0]) * 3600 + int(minute) * 60
    assert tenant.ticks(0) == [first + 4 * 3600 * number for number in range(6)]
    assert tenant.ticks(1)[0] == 24 * 3600 + first
    assert len({Tenant(f"tenant_{number}", [], 1).ticks(0)[0] for number in range(50)}) > 40  # not all at once


def test_a_day_is_paid_by_the_time_that_was_simulated() -> None:
    usual, slow = (
        simulate(Scenario("tiny", TINY, assumed={"bigquery_seconds_per_question": seconds}), seed=3)
        for seconds in ("1.5", "61.5")
    )
    seconds = [one.platform.services["evaluate_budgets"].usage.billed_seconds for one in (usual, slow)]
    more = Decimal(round(seconds[1] - seconds[0])) * (Decimal("0.000024") + Decimal("0.0000025"))  # 1 vCPU, 1 GiB
    assert slow.usd - usual.usd == pytest.approx(more, rel=Decimal("0.05"))


def test_the_command_says_what_was_lost(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(thousand_tenants, "SCENARIOS", {"tiny": Scenario("a tiny day", TINY)})
    monkeypatch.setattr("sys.argv", ["thousand_tenants"])
    assert thousand_tenants.main() == 0
    assert "## a tiny day" in capsys.readouterr().out
    monkeypatch.setattr(thousand_tenants, "FAILING_SHARE", 1.0)
    assert thousand_tenants.main() == 1
    assert "- 0 dead letters" not in capsys.readouterr().out


def test_files_of_an_integration_are_read_a_window_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    handed = flow.Flow._hand_out

    def counting(self: flow.Flow, *what: Any) -> None:
        handed(self, *what)
        at_once.append(what[-1].open)

    monkeypatch.setattr(flow.Flow, "_hand_out", counting)
    simulate(Scenario("tiny", TINY), seed=3)
    assert at_once == [WINDOW, WINDOW, 80 - 2 * WINDOW]


def test_a_delivery_is_shown_after_its_last_chunk_is_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    shows = flow.Flow._normalize_focus_in_turn

    def checked(self: flow.Flow, body: flow.Body) -> Work:
        assert body.bill is not None and body.bill.mapped == body.bill.files
        return shows(self, body)

    monkeypatch.setattr(flow.Flow, "_normalize_focus_in_turn", checked)
    simulate(Scenario("tiny", TINY), seed=3)


def test_a_swap_longer_than_a_job_is_waited_for_by_further_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "MAX_DELIVERIES", 1)
    mix = Mix(tenants=1, large=1, large_files=10, large_bytes=2_000_000_000)
    result = simulate(Scenario("slow", mix, assumed={"bigquery_seconds_per_swap": 2.3 * JOB_SECONDS}), seed=3)
    told = result.platform.subscriptions["normalize_focus_in_turn"].told
    assert told.tries == 3 * told.published and told.dead == 0
    assert all(bill.shown_at for bill in result.bills("large"))


def test_who_connects_with_a_history_is_shown_some_deliveries_a_turn() -> None:
    mix = Mix(tenants=3, large=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thousand_tenants, "ACCOUNTS", 2)
        patch.setattr(thousand_tenants, "MONTHS", 5)
        patch.setattr(finish, "MAX_DELIVERIES", 4)
        result = simulate(Scenario("newcomer", mix, connects=True), seed=3)
    shown = Counter(bill.shown_at or 0 for bill in result.bills("newcomer"))
    turns = sorted(shown)
    assert sum(shown.values()) == 10 and turns[0] > thousand_tenants.CONNECTS_AT
    assert max(shown.values()) == 4 and len(turns) <= 4
    assert all(after - before >= 90 for before, after in itertools.pairwise(turns))
    told = result.platform.subscriptions["normalize_focus_in_turn"].told
    assert told.published == len([bill for group in ("newcomer", "tenant") for bill in result.bills(group)])


def test_a_check_asks_the_warehouse_from_a_minute_of_each_tenants_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, list[float]] = {}
    evaluation = flow.Flow._evaluation

    def noting(self: flow.Flow, tenant: Tenant, asks: bool) -> Work:
        if asks:
            asked.setdefault(tenant.slug, []).append(self._loop.now % flow.DAY)
        return evaluation(self, tenant, asks)

    monkeypatch.setattr(flow.Flow, "_evaluate_budgets", lambda self, body: Work(1))
    monkeypatch.setattr(flow.Flow, "_evaluation", noting)
    simulate(Scenario("two days", Mix(tenants=30, large=0)), seed=3, days=2)
    begins = {slug: moments[-1] for slug, moments in asked.items()}
    assert len(begins) == 30 and all(len(moments) == 2 for moments in asked.values())
    assert len({int(moment // 900) for moment in begins.values()}) > 15


@pytest.mark.parametrize("production", [False, True])
def test_tenants_are_checked_at_minutes_of_their_own(monkeypatch: pytest.MonkeyPatch, production: bool) -> None:
    checked: dict[str, list[float]] = {}
    evaluation = flow.Flow._evaluation

    def noting(self: flow.Flow, tenant: Tenant, asks: bool) -> Work:
        checked.setdefault(tenant.slug, []).append(self._loop.now // 60)
        return evaluation(self, tenant, asks)

    monkeypatch.setattr(flow.Flow, "_evaluate_budgets", lambda self, body: Work(1))
    monkeypatch.setattr(flow.Flow, "_evaluation", noting)
    simulate(Scenario("a day", Mix(tenants=60, large=0), production=production), seed=3)
    at = Counter(minute % 15 for moments in checked.values() for minute in moments)
    ticks = 15 // check_tick_minutes(production)
    assert ticks == (15 if production else 1)
    assert len(checked) == 60 and len([minute for minute in at if at[minute] > 96]) >= ticks
    assert max(at.values()) < 96 * 60 * 2.5 / ticks


def small_platform(work_of: Callable[[str, Any], Work]) -> tuple[Platform, Loop]:
    loop = Loop()
    return Platform(loop, deployed_sizes(), work_of, random.Random(1), 1.5), loop
