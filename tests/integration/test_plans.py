"""Plans and quotas as users meet them: over HTTP, on the command line, by the scheduler; and a deployment without plans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.domain.api_keys import Role
from common.ingestion.dispatch import dispatch
from common.messages import SyncRequested
from common.records import organizations
from common.records.integrations import save_integration
from common.retention.cleaning import clean_up
from common.tenancy.api_keys import KeyRequest, create_key
from common.tenancy.organizations import add_organization
from costwire import cli
from costwire.worker import subscribe_all
from tests.integration.api_world import checked, client
from tests.support import Laptop, laptop
from web.api.access import KeyDoor
from web.api.app import Service

ORG = "acme_1x"
INTEGRATIONS = [f"aws-{number}" for number in range(4)]


def filled(home: Path, **settings: Any) -> Iterator[Laptop]:
    with laptop(home, **settings) as made:
        add_organization(made, "Acme", ORG, "Starter")
        for name in INTEGRATIONS:
            save_integration(
                made.documents, made.clock.now(), ORG, name, "aws", (home.parent / name).as_uri(), allow_overlap=True
            )
        subscribe_all(made)
        yield made


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    yield from filled(tmp_path / "home", plans=True)


@pytest.fixture
def without(tmp_path: Path) -> Iterator[Laptop]:
    yield from filled(tmp_path / "home")


class Asking:
    """A client with a key of the organization."""

    def __init__(self, rt: Laptop) -> None:
        self.client: FlaskClient = client(rt, Service(KeyDoor(rt, None)))
        self.headers = {"X-API-Key": create_key(rt, ORG, KeyRequest("a test", Role.OWNER), "a test").secret}

    def sync(self, name: str, status: int) -> Any:
        answer = self.client.post("/api/sync/trigger", json={"integration_id": name}, headers=self.headers)
        return checked(answer, status), answer

    def quota(self) -> Any:
        return checked(self.client.get("/api/quota", headers=self.headers))


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["costwire", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def runs(rt: Laptop, **where: Any) -> list[dict[str, Any]]:
    return [one for _, one in rt.documents.list(f"orgs/{ORG}/runs", where or None)]


def test_a_run_too_many_is_refused_with_the_limit_and_the_time_of_its_reset(rt: Laptop) -> None:
    ask = Asking(rt)
    for _ in range(6):
        ask.sync("aws-0", 202)
    found, answer = ask.sync("aws-0", 429)
    tomorrow = (rt.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00+00:00")
    assert found["code"] == "quota_exceeded" and found["detail"].startswith("Daily pipeline limit reached: 6 of 6 runs")
    assert (found["limit"], found["used"], found["resets_at"]) == (6, 6, tomorrow)
    assert answer.headers["Retry-After"].endswith("00:00:00 GMT")
    assert len(runs(rt)) == 6 and rt.bus.pending() == 6
    used = ask.quota()
    assert (used["plan"], used["status"], used["runs_today"]) == (
        "Starter", "TRIAL", {"used": 6, "limit": 6, "resets_at": tomorrow},
    )  # fmt: skip
    assert (used["runs_this_month"]["limit"], used["runs_in_progress"], used["seats"]) == (
        180, {"used": 6, "limit": 20}, {"used": 0, "limit": 2},
    )  # fmt: skip
    rt.clock.sleep(24 * 3600)
    ask.sync("aws-0", 202)
    assert ask.quota()["runs_today"]["used"] == 1


def test_the_command_line_says_why_in_one_line(
    rt: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = Asking(rt)
    for _ in range(5):
        ask.sync("aws-0", 202)
    assert run(monkeypatch, "sync", "--org", ORG) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "costwire: Daily pipeline limit reached: 5 of 6 runs, 4 more requested on plan Starter; it resets at"
    )
    assert run(monkeypatch, "tenants", "show", ORG) == 0
    told = capsys.readouterr().out
    assert f"{ORG} is TRIAL on plan Starter until" in told and "runs today" in told
    assert run(monkeypatch, "tenants", "show", ORG, "--json") == 0
    assert json.loads(capsys.readouterr().out)["runs_today"]["used"] == 5


def test_a_scheduled_run_without_room_waits_and_those_fetched_longest_ago_come_first(rt: Laptop) -> None:
    for name, hour in zip(INTEGRATIONS, (3, 1, 4, 2), strict=True):
        rt.documents.update(f"orgs/{ORG}/integrations/{name}", {"last_sync": f"2026-03-31T0{hour}:00:00+00:00"})
    for tick in ("one", "two", "two"):  # a repeated tick changes nothing
        dispatch(SyncRequested(tick, "schedule", ORG), rt)
    waiting = {one["run_id"]: one["error"] for one in runs(rt, status="waiting")}
    assert set(waiting) == {"two.aws-0", "two.aws-2"}
    assert all(reason.startswith("Daily pipeline limit reached") for reason in waiting.values())
    assert len(runs(rt, status="queued")) == 6


def test_one_more_provider_than_the_plan_has_is_refused(
    rt: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for provider in ("azure", "gcp"):
        save_integration(rt.documents, rt.clock.now(), ORG, provider, provider, (tmp_path / provider).as_uri())
    for provider, status in (("oci", 1), ("aws", 0)):
        (tmp_path / "new").mkdir(exist_ok=True)
        words = ("connect", provider, "--location", str(tmp_path / "new"), "--id", "more", "--org", ORG)
        assert run(monkeypatch, *words) == status
        told = capsys.readouterr().err
        assert ("Provider limit reached: 3 of 3 providers on plan Starter" in told) == bool(status)


def test_a_suspended_organization_starts_nothing_over_http(rt: Laptop) -> None:
    ask = Asking(rt)
    organizations.suspend(rt.documents, rt.clock.now(), ORG)
    found, _ = ask.sync("aws-0", 422)
    assert found["detail"].startswith(f"organization {ORG} is suspended") and runs(rt) == []


def test_counters_older_than_ninety_days_are_removed_by_the_clean_up(rt: Laptop) -> None:
    now = rt.clock.now()
    months = {(now - timedelta(days=days)).strftime("%Y-%m") for days in (0, 60, 140, 400)}
    for month in months:
        rt.documents.set(f"orgs/{ORG}/usage/{month}", {"runs": 1, "days": {}})
    rt.documents.set(f"orgs/{ORG}/usage/in_progress", {"runs": {}})
    clean_up(rt, ORG)
    left = {name for name, _ in rt.documents.list(f"orgs/{ORG}/usage")}
    assert left == {"in_progress", *((now - timedelta(days=days)).strftime("%Y-%m") for days in (0, 60))}


def test_without_plans_nothing_is_limited_and_no_word_of_a_trial_is_said(
    without: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = Asking(without)
    organizations.add(without.documents, without.clock.now(), "Older", "older_1", "Starter")  # while there were plans
    without.documents.update("orgs/older_1", {"status": "EXPIRED"})
    for _ in range(30):
        ask.sync("aws-0", 202)
    used = ask.quota()
    assert (used["plan"], used["status"], used["trial_ends_at"]) == (None, "ACTIVE", None)
    assert [used[name]["limit"] for name in ("runs_today", "runs_in_progress", "providers", "seats")] == [None] * 4
    for words in (
        ("add", "New"), ("list",), ("list", "--json"), ("show", ORG), ("show", "older_1"), ("suspend", "older_1"),
        ("resume", "older_1"), ("--help",),
    ):  # fmt: skip
        assert run(monkeypatch, "tenants", *words) == 0
    told = capsys.readouterr().out.replace("trial_ends_at", "")
    assert "trial" not in told.lower() and "EXPIRED" not in told
    assert "older_1 is ACTIVE, without limits" in told and "older_1 is SUSPENDED" in told
