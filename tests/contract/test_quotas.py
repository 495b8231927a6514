"""Quotas on every document store: CONTRACT_DOCUMENTS=sqlite,firestore (the embedded one by default)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backends import DOCUMENTS, SetClock, chosen

from common.domain.quotas import Usage
from common.errors import BadConfiguration, QuotaExceeded
from common.ports import DocumentStore
from common.records import organizations, usage
from common.records.runs import Run, end_waiting, fail_run, load_run
from common.records.usage import start_runs, usage_of

ORG = "acme_1"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
REQUESTS = 100


@pytest.fixture(params=chosen("DOCUMENTS", "sqlite"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    made = DOCUMENTS[request.param](tmp_path)
    organizations.add(made, NOON, "Acme", ORG, "Starter", organizations.ACTIVE)
    yield made
    DOCUMENTS[request.param].clear(tmp_path)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


def allow(store: DocumentStore, **limits: int) -> None:
    """Change what the plan allows."""
    document = organizations.load(store, ORG)
    store.set(f"orgs/{ORG}", {**document, "limits": {**document["limits"], **limits}})


def run(name: str, clock: SetClock) -> Run:
    return Run(name, ORG, "aws", "manual", clock.now().isoformat())


def start(store: DocumentStore, clock: SetClock, *names: str) -> list[str]:
    return start_runs(store, clock, True, [run(name, clock) for name in names])


def refusal(store: DocumentStore, clock: SetClock, *names: str) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as refused:
        start(store, clock, *names)
    assert all(load_run(store, ORG, name) is None for name in names), "a refused run was queued"
    return refused.value


def test_of_a_hundred_requests_at_once_exactly_as_many_start_as_the_plan_allows(
    store: DocumentStore, clock: SetClock
) -> None:
    allow(store, runs_per_day=37, concurrent_runs=90)
    assert started_at_once(store, clock, REQUESTS) == 37
    assert usage_of(store, ORG, NOON) == Usage(today=37, this_month=37, in_progress=37)
    assert len(store.list(f"orgs/{ORG}/runs")) == 37


def test_processes_that_count_at_once_start_no_run_too_many(
    store: DocumentStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_turn", lambda org_slug: nullcontext())  # as between processes
    allow(store, runs_per_day=2)
    assert started_at_once(store, clock, 4) == 2


def started_at_once(store: DocumentStore, clock: SetClock, requests: int) -> int:
    """How many of some requests that are made at once started a run."""

    def one(number: int) -> bool:
        try:
            return bool(start(store, clock, f"run-{number}"))
        except QuotaExceeded:
            return False

    with ThreadPoolExecutor(requests) as several:
        return sum(several.map(one, range(requests)))


def test_a_day_ends_at_midnight_and_a_month_on_its_last_day_without_any_job(
    store: DocumentStore, clock: SetClock
) -> None:
    allow(store, runs_per_day=1, runs_per_month=2)
    clock.time = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC)
    start(store, clock, "a")
    daily = refusal(store, clock, "b")
    assert str(daily) == (
        "Daily pipeline limit reached: 1 of 1 runs on plan Starter; it resets at 2026-11-30 00:00 UTC"
    )
    assert (daily.limit, daily.used, daily.resets_at) == (1, 1, datetime(2026, 11, 30, tzinfo=UTC))
    clock.move(seconds=1)
    start(store, clock, "b")
    monthly = refusal(store, clock, "c")
    assert str(monthly).startswith("Monthly pipeline limit reached: 2 of 2 runs on plan Starter")
    assert monthly.resets_at == datetime(2026, 12, 1, tzinfo=UTC)
    clock.move(days=1)
    assert start(store, clock, "c") == ["c"]
    counted = usage_of(store, ORG, clock.now())
    assert (counted.today, counted.this_month) == (1, 1)


def test_a_request_for_more_runs_than_are_left_starts_none(store: DocumentStore, clock: SetClock) -> None:
    start(store, clock, "a", "b", "c", "d")
    refused = refusal(store, clock, "e", "f", "g")
    assert "4 of 6 runs, 3 more requested" in str(refused)
    assert start(store, clock, "e", "f") == ["e", "f"]


def test_a_repeated_request_is_counted_once(store: DocumentStore, clock: SetClock) -> None:
    for _ in range(3):
        assert start(store, clock, "a", "b") == ["a", "b"]
    assert usage_of(store, ORG, NOON).today == 2


def test_a_run_that_ended_as_waiting_is_not_worked_on_again(store: DocumentStore, clock: SetClock) -> None:
    start(store, clock, "a")
    end_waiting(store, clock, ORG, "a", "not there yet")
    assert start(store, clock, "a") == []


@pytest.mark.parametrize("end", ["ends", "is forgotten", "is stale"])
def test_a_run_that_is_over_makes_room_by_itself(store: DocumentStore, clock: SetClock, end: str) -> None:
    allow(store, concurrent_runs=2, runs_per_day=100)
    start(store, clock, "a", "b")
    refused = refusal(store, clock, "c")
    assert (
        str(refused).startswith("Concurrent pipeline limit reached: 2 of 2 runs at once") and refused.resets_at is None
    )
    if end == "ends":
        fail_run(store, clock, ORG, "a", "it failed")
    elif end == "is forgotten":
        store.delete(f"orgs/{ORG}/runs/a")
    else:
        clock.time += timedelta(days=1, seconds=1)
    assert usage_of(store, ORG, clock.now()).in_progress == (0 if end == "is stale" else 1)
    assert start(store, clock, "c") == ["c"]


def test_a_trial_ends_on_time_and_a_subscription_continues_it(store: DocumentStore, clock: SetClock) -> None:
    def set_(**changes: Any) -> None:
        store.set(f"orgs/{ORG}", {**organizations.load(store, ORG), **changes})

    set_(status=organizations.TRIAL, trial_ends_at=(NOON + timedelta(hours=1)).isoformat())
    start(store, clock, "a")
    clock.move(hours=1)
    with pytest.raises(BadConfiguration, match=f"organization {ORG} is expired: its trial ended on 2026-11-22; a paid"):
        start(store, clock, "b")
    set_(stripe={"subscription_id": "sub_1"})
    assert start(store, clock, "b") == ["b"]


@pytest.mark.parametrize("status", ["SUSPENDED", "CANCELLED", "EXPIRED"])
def test_nothing_starts_for_another_status_than_trial_and_active(
    store: DocumentStore, clock: SetClock, status: str
) -> None:
    store.set(f"orgs/{ORG}", {**organizations.load(store, ORG), "status": status})
    with pytest.raises(BadConfiguration, match=f"is {status.lower()}; a paid subscription activates it"):
        start(store, clock, "a")
    assert start_runs(store, clock, False, [run("b", clock)]) == ["b"], "without plans everybody is active"


def test_without_plans_nothing_is_counted_or_limited(store: DocumentStore, clock: SetClock) -> None:
    allow(store, runs_per_day=1, concurrent_runs=1)
    names = [f"run-{number}" for number in range(5)]
    assert start_runs(store, clock, False, [run(name, clock) for name in names]) == names
    assert usage_of(store, ORG, NOON).today == 0


def test_another_plan_counts_at_once(store: DocumentStore, clock: SetClock) -> None:
    start(store, clock, *(f"run-{number}" for number in range(6)))
    refusal(store, clock, "next")
    organizations.change_terms(store, NOON, ORG, "Acme", "Professional")
    assert start(store, clock, "next") == ["next"]
