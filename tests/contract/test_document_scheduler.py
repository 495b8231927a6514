"""What only the embedded scheduler does itself, where the cloud has a service for it: ticking."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from backends import SetClock

from common.adapters.embedded.document_scheduler import LEASE, DocumentScheduler
from common.adapters.embedded.sqlite_bus import SqliteBus
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.messages import BudgetCheckRequested, Message, SyncRequested
from common.messages.cloudevent import decode
from common.ports import Schedule

SPAWN = multiprocessing.get_context("spawn")
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
SYNC = Schedule("sync-acme", "30 */4 * * *", SyncRequested("", "schedule", "acme"))
CHECK = Schedule("budget-check", "*/15 * * * *", BudgetCheckRequested(""))


@dataclass
class FailingBus:
    """Keeps what is published; dies before the next publication while `dies` is set."""

    published: list[Message] = field(default_factory=list)
    dies: bool = False
    before: Callable[[], None] = lambda: None

    def publish(self, message: Message) -> str:
        self.before()
        if self.dies:
            raise ConnectionError
        self.published.append(message)
        return "id"


@pytest.fixture
def clock():
    return SetClock(NOON)


@pytest.fixture
def bus():
    return FailingBus()


@pytest.fixture
def scheduler(tmp_path, bus, clock):
    return DocumentScheduler(SqliteDocumentStore(tmp_path / "documents.sqlite"), bus, clock)


def test_nothing_is_published_before_it_is_due(scheduler, bus, clock):
    scheduler.put(SYNC)
    assert scheduler.tick() == []
    clock.move(minutes=29, seconds=59)
    assert (scheduler.tick(), bus.published) == ([], [])


def test_each_due_moment_is_published_once_with_its_own_id(scheduler, bus, clock):
    scheduler.put(SYNC)
    for _ in range(3):
        clock.move(hours=4)
        (tick,) = scheduler.tick()
        assert scheduler.tick() == []
        assert (tick.name, tick.message.org_slug) == ("sync-acme", "acme")
    assert [one.run_id for one in bus.published] == [
        "sync-acme-20260401T1230",
        "sync-acme-20260401T1630",
        "sync-acme-20260401T2030",
    ]


def test_missed_ticks_collapse_into_one(scheduler, bus, clock):
    scheduler.put(SYNC)
    clock.move(days=3)
    assert [one.due for one in scheduler.tick()] == [datetime(2026, 4, 1, 12, 30, tzinfo=UTC)]
    assert scheduler.tick() == []
    assert scheduler.next_due() == datetime(2026, 4, 4, 12, 30, tzinfo=UTC)


def test_next_due_is_the_earliest(scheduler):
    assert scheduler.next_due() is None
    scheduler.put(SYNC)
    scheduler.put(CHECK)
    assert scheduler.next_due() == datetime(2026, 4, 1, 12, 15, tzinfo=UTC)


def test_putting_the_same_again_does_not_put_its_tick_off(scheduler, clock):
    scheduler.put(SYNC)
    clock.move(hours=5)
    scheduler.put(replace(SYNC, message=SyncRequested("", "schedule", "acme", "aws")))
    (tick,) = scheduler.tick()
    assert tick.message.integration_id == "aws"


def test_another_cron_text_counts_from_now(scheduler, clock):
    scheduler.put(SYNC)
    clock.move(hours=5)
    scheduler.put(replace(SYNC, cron="0 0 * * *"))
    assert scheduler.tick() == []
    assert scheduler.next_due() == datetime(2026, 4, 2, tzinfo=UTC)


def test_a_removed_schedule_ticks_no_more(scheduler, clock):
    scheduler.put(SYNC)
    clock.move(hours=5)
    scheduler.remove(SYNC.name)
    assert scheduler.tick() == []


def test_one_that_is_removed_while_it_is_published_stays_removed(scheduler, bus, clock):
    scheduler.put(SYNC)
    clock.move(hours=1)
    bus.before = lambda: scheduler.remove(SYNC.name)
    assert len(scheduler.tick()) == 1
    assert list(scheduler.list()) == []


def test_a_tick_whose_process_died_is_the_same_work_again(scheduler, bus, clock):
    scheduler.put(SYNC)
    clock.move(minutes=31)
    bus.dies = True
    with pytest.raises(ConnectionError):
        scheduler.tick()
    bus.dies = False
    assert scheduler.tick() == []  # it may still be under way
    clock.time += LEASE
    assert [one.message.run_id for one in scheduler.tick()] == ["sync-acme-20260401T1230"]
    assert scheduler.tick() == []
    clock.move(hours=4)
    assert [one.message.run_id for one in scheduler.tick()] == ["sync-acme-20260401T1630"]


def test_threads_that_tick_at_once_publish_each_moment_once(tmp_path, clock):
    bus = FailingBus()
    documents = SqliteDocumentStore(tmp_path / "documents.sqlite")
    scheduler = DocumentScheduler(documents, bus, clock)
    names = [f"sync-org{number}" for number in range(10)]
    for name in names:
        scheduler.put(replace(SYNC, name=name))
    clock.move(hours=1)
    with ThreadPoolExecutor(6) as pool:
        ticks = [tick.name for done in pool.map(lambda _: scheduler.tick(), range(12)) for tick in done]
    assert sorted(ticks) == names
    assert len(bus.published) == len(names)


def tick_often(place: Path, minutes: int, together) -> None:
    clock = SetClock(NOON)
    scheduler = DocumentScheduler(
        SqliteDocumentStore(place / "documents.sqlite"), SqliteBus(place / "bus.sqlite", clock), clock
    )
    for _ in range(minutes):
        clock.move(minutes=1)
        together.wait(60)  # a clock far behind the other's would be one that was put back
        scheduler.tick()


def test_processes_that_tick_at_once_publish_each_moment_once(tmp_path, clock):
    bus = SqliteBus(tmp_path / "bus.sqlite", clock)
    bus.subscribe("budget-check-requested", "test")
    DocumentScheduler(SqliteDocumentStore(tmp_path / "documents.sqlite"), bus, clock).put(CHECK)
    together = SPAWN.Barrier(2)
    workers = [SPAWN.Process(target=tick_often, args=(tmp_path, 120, together)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    clock.move(days=1)
    ids = []
    while delivery := bus.pull():
        ids.append(decode(delivery.event).check_id)
        bus.ack(delivery)
    assert len(ids) == len(set(ids))
    assert len(ids) == 8
