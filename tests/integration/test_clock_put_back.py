"""A clock that was ahead and is put back: whatever keeps a time in the future goes on as if it had never been ahead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.adapters.embedded.document_scheduler import DocumentScheduler
from common.adapters.embedded.sqlite_bus import LEASE, SqliteBus
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.messages import BudgetCheckRequested, SyncRequested
from common.ports import Schedule
from tests.support import cur_line, cur_text

ROOT = Path(__file__).parents[2]
AHEAD = timedelta(days=400)
TOPIC, SUBSCRIPTION = "sync-requested", "dispatch_sync"


class SetClock:
    def __init__(self, moment: datetime = datetime(2026, 4, 1, 12, 7, tzinfo=UTC)) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def bus(tmp_path: Path, clock: SetClock) -> SqliteBus:
    made = SqliteBus(tmp_path / "bus.sqlite", clock)
    made.subscribe(TOPIC, SUBSCRIPTION)
    return made


@pytest.mark.parametrize("ahead", [timedelta(seconds=5), AHEAD])
def test_a_message_published_while_the_clock_was_ahead_is_due_at_once(
    bus: SqliteBus, clock: SetClock, ahead: timedelta
) -> None:
    clock.moment += ahead
    bus.publish(SyncRequested("run-1", "manual"))
    clock.moment -= ahead
    assert bus.next_due() == clock.now()
    assert bus.pull() is not None


def test_a_message_that_rests_longer_than_any_rest_is_due_at_once(bus: SqliteBus, clock: SetClock) -> None:
    bus.publish(SyncRequested("run-1", "manual"))
    clock.moment += AHEAD
    delivery = bus.pull()
    assert delivery is not None
    bus.nack(delivery, "not ready")
    clock.moment -= AHEAD
    assert bus.next_due() == clock.now()
    again = bus.pull()
    assert again is not None and again.attempt == 2


def test_a_message_still_rests_where_the_clock_runs_right(bus: SqliteBus, clock: SetClock) -> None:
    bus.publish(SyncRequested("run-1", "manual"))
    for _ in range(4):
        delivery = bus.pull()
        assert delivery is not None
        bus.nack(delivery, "not ready")
        assert bus.pull() is None
        due = bus.next_due()
        assert due is not None and due > clock.now()
        clock.moment = due


def test_a_lease_taken_while_the_clock_was_ahead_ends_as_any(bus: SqliteBus, clock: SetClock) -> None:
    clock.moment += AHEAD
    bus.publish(SyncRequested("run-1", "manual"))
    assert bus.pull() is not None
    clock.moment -= AHEAD
    assert bus.pull() is None, "its holder may still be at work"
    clock.moment += LEASE
    assert bus.pull() is not None


def test_a_schedule_that_ticked_while_the_clock_was_ahead_ticks_on(
    tmp_path: Path, bus: SqliteBus, clock: SetClock
) -> None:
    scheduler = DocumentScheduler(SqliteDocumentStore(tmp_path / "documents.sqlite"), bus, clock)
    scheduler.put(Schedule("check", "*/15 * * * *", BudgetCheckRequested("")))
    clock.moment += AHEAD
    assert len(scheduler.tick()) == 1
    clock.moment -= AHEAD
    assert scheduler.tick() == []
    assert scheduler.next_due() == datetime(2026, 4, 1, 12, 15, tzinfo=UTC)
    clock.moment += timedelta(minutes=8)
    assert [tick.due for tick in scheduler.tick()] == [datetime(2026, 4, 1, 12, 15, tzinfo=UTC)]


def test_a_tick_taken_while_the_clock_was_ahead_is_taken_up(tmp_path: Path, clock: SetClock) -> None:
    class Dying:
        def publish(self, message: object) -> str:
            raise SystemExit("killed")

    documents = SqliteDocumentStore(tmp_path / "documents.sqlite")
    dying = DocumentScheduler(documents, Dying(), clock)
    dying.put(Schedule("check", "*/15 * * * *", BudgetCheckRequested("")))
    clock.moment += AHEAD
    with pytest.raises(SystemExit):
        dying.tick()
    clock.moment -= AHEAD
    assert len(DocumentScheduler(documents, SqliteBus(tmp_path / "b.sqlite", clock), clock).tick()) == 1


def test_an_import_does_not_wait_for_a_message_of_a_clock_that_was_ahead(tmp_path: Path) -> None:
    home, bill = tmp_path / "home", tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(number, "1.25") for number in range(10)]))
    ahead = SqliteBus(home / "bus.sqlite", SetClock(datetime.now(UTC) + AHEAD))
    ahead.subscribe(TOPIC, SUBSCRIPTION)
    ahead.publish(SyncRequested("early", "manual"))
    delivery = ahead.pull()
    assert delivery is not None
    ahead.nack(delivery, "not ready")
    ahead.publish(SyncRequested("earlier", "manual"))
    ahead.close()
    env = {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "costwire", "import", str(bill), "--integration", "aws", "--json"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["deliveries"][0]["state"] == "current"
