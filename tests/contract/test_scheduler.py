"""Every scheduler runs the same cases: CONTRACT_SCHEDULER=documents,cloud_scheduler (the embedded one by default)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from backends import chosen
from platform_backends import SCHEDULERS

from common.errors import BadConfiguration
from common.messages import AlertRaised, BudgetCheckRequested, SyncRequested
from common.ports import Schedule

SYNC = Schedule("sync-Acme_1", "17 */4 * * *", SyncRequested("", "schedule", "Acme_1", None, ("2026-03",)))
CHECK = Schedule("budget-check", "*/15 * * * *", BudgetCheckRequested(""))


@pytest.fixture(params=chosen("SCHEDULER", "documents"))
def backend(request):
    return SCHEDULERS[request.param]


@pytest.fixture
def scheduler(backend, tmp_path):
    return backend.open(tmp_path)


def test_without_schedules_the_list_is_empty(scheduler):
    assert list(scheduler.list()) == []


def test_a_schedule_comes_back_as_it_was_put(backend, scheduler, tmp_path):
    scheduler.put(SYNC)
    scheduler.put(CHECK)
    assert list(backend.open(tmp_path).list()) == [CHECK, SYNC]


def test_putting_again_changes_nothing(scheduler):
    for _ in range(3):
        scheduler.put(SYNC)
    assert list(scheduler.list()) == [SYNC]


def test_a_put_changes_the_schedule_of_that_name(scheduler):
    scheduler.put(SYNC)
    later = replace(SYNC, cron="5 6 * * MON", message=SyncRequested("", "schedule", "Acme_1", "aws-main"))
    scheduler.put(later)
    assert list(scheduler.list()) == [later]


def test_names_that_differ_in_case_are_two(scheduler):
    scheduler.put(SYNC)
    scheduler.put(replace(SYNC, name="sync-acme_1"))
    assert [one.name for one in scheduler.list()] == ["sync-Acme_1", "sync-acme_1"]


def test_a_removed_schedule_is_gone_and_may_be_removed_again(scheduler):
    scheduler.put(SYNC)
    scheduler.put(CHECK)
    for _ in range(2):
        scheduler.remove(SYNC.name)
    assert list(scheduler.list()) == [CHECK]


def test_the_list_is_by_name_and_by_prefix_however_many_there_are(scheduler):
    names = [f"sync-org_{number:02}" for number in range(20)]
    for name in reversed(names):
        scheduler.put(replace(SYNC, name=name))
    scheduler.put(CHECK)
    assert [one.name for one in scheduler.list("sync-")] == names
    assert [one.name for one in scheduler.list("sync-org_07")] == ["sync-org_07"]
    assert [one.name for one in scheduler.list()] == ["budget-check", *names]
    assert list(scheduler.list("nothing")) == []


def test_schedules_that_are_put_at_once_are_one(backend, scheduler, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: backend.open(tmp_path).put(SYNC), range(12)))
    assert list(scheduler.list()) == [SYNC]


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "30-10 * * * *",
        "5/15 * * * *",
        "0 0 L * *",
        "0 0 * * 1#2",
        "0 0 30 2 *",
        "0 0 */2 * 1",
        "0 0 * * mon",
        "@daily",
        "every 4 hours",
        "0 0 * * *\n",
    ],
)
def test_a_cron_text_that_is_none_is_refused_and_nothing_is_kept(scheduler, cron):
    with pytest.raises(BadConfiguration, match="schedule"):
        scheduler.put(replace(SYNC, cron=cron))
    assert list(scheduler.list()) == []


@pytest.mark.parametrize(
    "cron", ["* * * * *", "0 0 1,15 JAN-MAR *", "59 23 31 12 *", "0 8-18/2 * * MON-FRI", "0 0 1 * SUN"]
)
def test_every_cron_text_that_unix_knows_is_taken(scheduler, cron):
    scheduler.put(replace(SYNC, cron=cron))
    assert [one.cron for one in scheduler.list()] == [cron]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../x", "-x", "ž", "x" * 101])
def test_a_name_that_is_none_is_refused(scheduler, name):
    with pytest.raises(BadConfiguration, match="letters, digits, dashes, underscores"):
        scheduler.put(replace(SYNC, name=name))
    with pytest.raises(BadConfiguration):
        scheduler.remove(name)


@pytest.mark.parametrize(
    "message", [SyncRequested("run-1", "schedule"), BudgetCheckRequested("check-1"), AlertRaised("acme", "a", "open")]
)
def test_a_message_that_would_be_the_same_work_at_each_tick_is_refused(scheduler, message):
    with pytest.raises(BadConfiguration, match="SyncRequested without run_id or BudgetCheckRequested without check_id"):
        scheduler.put(replace(SYNC, message=message))
    assert list(scheduler.list()) == []


def test_a_tick_publishes_the_message_with_an_id_of_its_own(backend, scheduler, tmp_path):
    scheduler.put(SYNC)
    message = backend.tick(tmp_path, SYNC.name)
    assert message.run_id
    assert replace(message, run_id="") == SYNC.message


def test_a_tick_of_the_budget_check_goes_to_its_topic(backend, scheduler, tmp_path):
    scheduler.put(CHECK)
    message = backend.tick(tmp_path, CHECK.name)
    assert message.check_id
    assert replace(message, check_id="") == CHECK.message
