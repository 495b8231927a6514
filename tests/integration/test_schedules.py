"""Schedules: a tenant's is made when it connects, kept by its settings, and fetches bills; the platform's checks budgets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import Result
from cronsim import CronSim
from typer.testing import CliRunner

from common.adapters.gcp.scheduler import CloudScheduler
from common.domain.budgets import Budget, as_document
from common.errors import BadConfiguration, CostError
from common.messages import BudgetCheckRequested, SyncRequested
from common.messages.cloudevent import decode
from common.records import organizations as tenants
from common.records.integrations import save_integration
from common.tenancy import schedules
from costwire import watch
from costwire.cli import app
from costwire.worker import subscribe_all, work
from functions.evaluate_budgets.main import evaluate_budgets
from tests.emulators.google_grpc import GoogleServer, environment
from tests.support import Laptop, cur_line, cur_text, laptop

ROOT = Path(__file__).parents[2]
Run = Callable[..., Result]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


@pytest.fixture
def run(rt: Laptop) -> Run:
    def invoke(*words: str, status: int = 0) -> Result:
        result = CliRunner().invoke(app, list(words))
        if isinstance(result.exception, CostError):
            result.exit_code = 1
            result.stderr_bytes = str(result.exception).encode()
        elif not isinstance(result.exception, SystemExit | None):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return invoke


def bill(tmp_path: Path) -> Path:
    folder = tmp_path / "bills"
    folder.mkdir(exist_ok=True)
    (folder / "bill.csv").write_text(cur_text([cur_line(1, "2.5"), cur_line(2, "4")]))
    return folder


def shown(run: Run, org: str = "default") -> dict[str, object]:
    found: dict[str, object] = json.loads(run("schedule", "--org", org, "--json").stdout)
    return found


@pytest.mark.parametrize("hours", schedules.HOURS)
@pytest.mark.parametrize("org", ["default", "acme_1", "Acme_1"])
def test_ticks_are_as_many_hours_apart_as_was_said(org: str, hours: int) -> None:
    ticks = CronSim(schedules.sync_schedule(org, hours).cron, datetime(2026, 2, 27, 9, 41, tzinfo=UTC))
    moments = [next(ticks) for _ in range(60)]
    apart = {(later - earlier).total_seconds() / 3600 for earlier, later in pairwise(moments)}
    assert apart == {hours}


def test_tenants_are_spread_over_the_hour_and_the_day() -> None:
    crons = [schedules.sync_schedule(f"org_{number}", 24).cron.split() for number in range(600)]
    minutes = [cron[0] for cron in crons]
    assert len(set(minutes)) == 60
    assert max(minutes.count(one) for one in set(minutes)) < 30
    assert {cron[1] for cron in crons} == {str(hour) for hour in range(24)}
    often = [schedules.sync_schedule(f"org_{number}", 4).cron.split() for number in range(600)]
    assert {cron[1] for cron in often} == {f"{hour}-23/4" for hour in range(4)}
    assert schedules.sync_schedule("org_1", 4) == schedules.sync_schedule("org_1", 4)


@pytest.mark.parametrize("hours", [0, -1, 5, 48])
def test_an_interval_that_does_not_divide_a_day_is_refused(hours: int) -> None:
    with pytest.raises(BadConfiguration, match="expected one of 1, 2, 3, 4, 6, 8, 12, 24"):
        schedules.sync_schedule("acme", hours)


def test_connecting_makes_the_schedule_once(rt: Laptop, run: Run, tmp_path: Path) -> None:
    folder = bill(tmp_path)
    for name in ("first", "second"):
        run("connect", "aws", "--location", folder.as_uri(), "--id", name, "--allow-overlap")
    assert [one.name for one in rt.scheduler.list()] == ["sync-default"]
    assert shown(run)["sync_interval_hours"] == 4


def test_connecting_anew_keeps_what_the_tenant_has_set(rt: Laptop, run: Run, tmp_path: Path) -> None:
    folder = bill(tmp_path)
    run("connect", "aws", "--location", folder.as_uri())
    run("schedule", "--every-hours", "12")
    run("connect", "aws", "--location", folder.as_uri())
    assert shown(run)["sync_interval_hours"] == 12
    run("schedule", "--off")
    run("connect", "aws", "--location", folder.as_uri())
    assert list(rt.scheduler.list()) == []


def test_a_schedule_is_set_shown_and_ended(rt: Laptop, run: Run) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Acme", "acme")
    assert "nothing is scheduled yet" in run("schedule", "--org", "acme").stdout
    told = run("schedule", "--org", "acme", "--every-hours", "6").stdout
    (made,) = rt.scheduler.list()
    assert "every 6 hours" in told and made.cron in told
    assert made.message == SyncRequested("", "schedule", "acme")
    assert shown(run, "acme") == {"org_slug": "acme", "sync_interval_hours": 6, "cron": made.cron}
    assert "only on request" in run("schedule", "--org", "acme", "--off").stdout
    assert (list(rt.scheduler.list()), shown(run, "acme")["cron"]) == ([], None)


def test_another_tenant_and_other_settings_stay_as_they_are(rt: Laptop, run: Run) -> None:
    for org in ("acme", "zeta"):
        tenants.add(rt.documents, rt.clock.now(), org, org)
        run("schedule", "--org", org, "--every-hours", "6")
    rt.documents.set("orgs/acme/settings/general", {"default_currency": "EUR", "sync_interval_hours": 6})
    run("schedule", "--org", "acme", "--off")
    assert [one.name for one in rt.scheduler.list()] == ["sync-zeta"]
    assert rt.documents.get("orgs/acme/settings/general") == {"default_currency": "EUR", "sync_interval_hours": 0}


def test_the_platform_has_a_default_that_a_tenant_overrides(rt: Laptop) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Acme", "acme")
    rt.documents.set("settings/general", {"sync_interval_hours": 8})
    assert schedules.sync_interval_hours(rt.documents, "acme") == 8
    schedules.set_sync_interval(rt, "acme", 2)
    assert schedules.sync_interval_hours(rt.documents, "acme") == 2


def test_a_scheduler_that_does_not_do_what_the_settings_say_is_told(rt: Laptop, run: Run) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Acme", "acme")
    run("schedule", "--org", "acme", "--every-hours", "6")
    for hours, fix in ((8, "costwire schedule --every-hours 8"), (0, "costwire schedule --off")):
        rt.documents.set("orgs/acme/settings/general", {"sync_interval_hours": hours})
        assert fix in run("schedule", "--org", "acme", status=1).stderr


def test_words_that_are_off_change_nothing(rt: Laptop, run: Run) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Acme", "acme")
    assert "expected one of 1, 2, 3" in " ".join(run("schedule", "--every-hours", "5", status=2).stderr.split())
    run("schedule", "--every-hours", "4", "--off", status=2)
    assert (
        "there is no organization nobody" in run("schedule", "--org", "nobody", "--every-hours", "4", status=1).stderr
    )
    assert list(rt.scheduler.list()) == []


@pytest.mark.parametrize("value", ["4", True, [4]])
def test_a_setting_that_is_no_number_is_told(rt: Laptop, value: object) -> None:
    rt.documents.set("orgs/acme/settings/general", {"sync_interval_hours": value})
    with pytest.raises(BadConfiguration, match=r"setting sync_interval_hours is .* expected a whole number"):
        schedules.ensure_schedule(rt, "acme")


def test_a_tick_fetches_the_tenant_s_bills(rt: Laptop, tmp_path: Path) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Default", "default")
    save_integration(rt.documents, rt.clock.now(), "default", "aws", "aws", bill(tmp_path).as_uri())
    schedules.ensure_schedule(rt, "default")
    subscribe_all(rt)
    rt.clock.sleep(4 * 3600)
    (tick,) = rt.scheduler.tick()
    assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []
    ((_, run),) = rt.documents.list("orgs/default/runs")
    assert isinstance(tick.message, SyncRequested)
    assert (run["run_id"], run["trigger"], run["status"]) == (f"{tick.message.run_id}.aws", "schedule", "succeeded")
    assert str(rt.billed()["USD"].normalize()) == "6.5"


def test_the_same_schedule_is_a_job_in_the_cloud(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    server = GoogleServer()
    for name, value in environment(server.address).items():
        monkeypatch.setenv(name, value)
    rt.__dict__["scheduler"] = CloudScheduler.connect("acme-prod", "europe-west1")
    tenants.add(rt.documents, rt.clock.now(), "Acme", "Acme_1")
    schedules.ensure_schedule(rt, "Acme_1")
    schedules.set_sync_interval(rt, "Acme_1", 1)
    schedules.ensure_budget_check(rt)
    expected = [schedules.budget_check_schedule(), schedules.sync_schedule("Acme_1", 1)]
    assert list(rt.scheduler.list()) == expected
    schedules.set_sync_interval(rt, "Acme_1", schedules.OFF)
    assert list(rt.scheduler.list()) == expected[:1]
    server.stop()


def checks(rt: Laptop) -> list[str | None]:
    found = []
    while delivery := rt.bus.pull(["checks"]):
        message = decode(delivery.event)
        assert isinstance(message, BudgetCheckRequested) and message.check_id == "check-1"
        found.append(message.org_slug)
        rt.bus.ack(delivery)
    return found


def test_a_check_of_all_asks_for_each_tenant_that_may_run(rt: Laptop) -> None:
    for org in ("acme", "idle", "zeta"):
        tenants.add(rt.documents, rt.clock.now(), org, org)
    tenants.suspend(rt.documents, rt.clock.now(), "idle")
    rt.bus.subscribe("budget-check-requested", "checks")
    evaluate_budgets(BudgetCheckRequested("check-1"))
    assert sorted(map(str, checks(rt))) == ["acme", "zeta"]


def test_a_check_of_one_evaluates_its_budgets_and_may_be_repeated(rt: Laptop, tmp_path: Path) -> None:
    file = bill(tmp_path) / "bill.csv"
    rt.bring(file)
    budget = Budget("cloud", "Cloud", Decimal(5), "USD", "monthly", forecast_thresholds=())
    rt.documents.set("orgs/default/budgets/cloud", as_document(budget))
    tenants.add(rt.documents, rt.clock.now(), "Empty", "empty")
    subscribe_all(rt)
    before = rt.documents.list("orgs/default/alerts")
    for _ in range(2):
        rt.clock.sleep(15 * 60)
        rt.bus.publish(BudgetCheckRequested("check-1"))
        outcomes = list(work(rt, rt.clock.sleep))
        assert [one.error for one in outcomes if one.error] == []
        assert [one.delivery.subscription for one in outcomes].count("evaluate_budgets_on_request") == 3
    alerts = [document for _, document in rt.documents.list("orgs/default/alerts")]
    assert before == [] and {one["state"] for one in alerts} == {"open"}
    sent = [one for one in rt.documents.list("orgs/default/notifications")]
    assert len(alerts) > 1 and len(sent) == 1


@pytest.mark.parametrize("minutes", [0, 7, 61])
def test_a_check_interval_that_does_not_divide_an_hour_is_refused(rt: Laptop, minutes: int) -> None:
    rt.documents.set("settings/general", {"threshold_check_minutes": minutes})
    with pytest.raises(BadConfiguration, match="expected one of 5, 10, 15, 20, 30, 60"):
        schedules.ensure_budget_check(rt)


def test_watching_says_one_line_for_each_thing(rt: Laptop, tmp_path: Path) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Default", "default")
    for name, place in (("aws", bill(tmp_path)), ("gone", tmp_path / "gone")):
        save_integration(rt.documents, rt.clock.now(), "default", name, "aws", place.as_uri())
    subscribe_all(rt)
    schedules.ensure_schedule(rt, "default")
    rt.clock.sleep(4 * 3600)
    lines: list[str] = []

    class Idle(Exception):
        pass

    def sleep(seconds: float) -> None:
        raise Idle

    with pytest.raises(Idle):
        for line in watch.events(rt, sleep):
            lines.append(line.plain)
    assert lines[0].startswith("sync-default was due at ")
    assert "dispatch_sync default: done" in lines
    assert "normalize_focus default/aws/2026-03: done" in lines
    (failed,) = [line for line in lines if "failed" in line]
    assert failed.startswith("ingest_aws default/gone: failed, given up: ")


def test_watching_goes_on_after_a_passing_failure(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    from common.errors import Contention

    tries: list[float] = []

    def tick() -> list[object]:
        if len(tries) < 2:
            raise Contention("somebody else writes")
        raise KeyboardInterrupt

    monkeypatch.setattr(rt.scheduler, "tick", tick)
    lines = []
    with pytest.raises(KeyboardInterrupt):
        for line in watch.events(rt, tries.append):
            lines.append(line)
    assert len(lines) == len(tries) == 2 and "somebody else writes" in lines[0]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_watch_works_beside_commands_and_stops_cleanly(tmp_path: Path, sign: signal.Signals) -> None:
    home = tmp_path / "home"
    env = {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "costwire"]
    watcher = subprocess.Popen(
        [*command, "watch"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert watcher.stdout is not None and watcher.stderr is not None
    try:
        assert "watching 2 schedules (budget-check, clean-up)" in watcher.stdout.readline()
        words = ["import", str(bill(tmp_path)), "--json"]
        done = subprocess.run([*command, *words], env=env, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        (delivery,) = json.loads(done.stdout)["deliveries"]
        assert delivery["state"] == "current"
        time.sleep(0.3)
        watcher.send_signal(sign)
        _, errors = watcher.communicate(timeout=30)
    finally:
        watcher.kill()
    assert watcher.returncode == 128 + sign
    assert errors == "costwire: stopped; unfinished work is stored for the next costwire watch or sync\n"


def test_watch_is_for_the_laptop_alone(tmp_path: Path) -> None:
    env = {**os.environ, "COSTWIRE_RUNTIME": "cloud", "COSTWIRE_PROJECT": "acme-prod", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "costwire", "watch"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr == "costwire: this command requires the embedded runtime; unset COSTWIRE_RUNTIME to use it here\n"
    )
