"""Tenants from their first day to their last: made, suspended, resumed, restored, removed, and what is refused meanwhile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.errors import AlreadyExists, BadConfiguration, NotFound
from common.ingestion.dispatch import dispatch
from common.messages import IngestBill, SyncRequested
from common.ports import Schedule
from common.records import organizations as tenants
from common.records.integrations import save_integration
from common.records.names import check_org_slug
from common.records.runs import run_path
from common.records.sizes import OBJECTS
from common.tenancy import credentials
from common.tenancy import data as tenant_data
from common.tenancy.organizations import change_organization
from common.tenancy.schedules import set_sync_interval
from costwire.worker import Outcome, subscribe_all, work
from tests import commands
from tests.support import NOW, Laptop, cur_line, cur_text, laptop

ROOT = Path(__file__).parents[2]
ORG, OTHER = "acme_1", "other_1"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        for org in (ORG, OTHER):
            tenants.add(made.documents, made.clock.now(), org.title(), org)
        yield made


def bring(rt: Laptop, org: str, costs: list[str], integration: str = "aws") -> list[Outcome]:
    """A bill of one line a cost through the real functions, each newer than the one before."""
    bill = rt.home.parent / f"{org}.csv"
    bill.write_text(cur_text([cur_line(number, cost) for number, cost in enumerate(costs)]))
    save_integration(rt.documents, rt.clock.now(), org, integration, "aws", bill.as_uri(), allow_overlap=True)
    subscribe_all(rt)
    rt.bus.publish(SyncRequested(f"run{rt.clock.now().timestamp()}", "manual", org, integration))
    return list(work(rt, rt.clock.sleep))


def billed(rt: Laptop, org: str) -> Decimal | None:
    total = rt.warehouse.query(org, "select sum(BilledCost) as total from cost_data_standard_1_3")[0]["total"]
    assert total is None or isinstance(total, Decimal)
    return total


def files(rt: Laptop, org: str) -> list[Path]:
    return [path for path in (rt.home / "objects").rglob("*") if path.is_file() and org in path.parts]


def documents(rt: Laptop, org: str) -> list[str]:
    """Every document of a tenant, told by the database itself."""
    import sqlite3

    with sqlite3.connect(rt.home / "documents.sqlite") as connection:
        rows = connection.execute("select * from documents").fetchall()
    return [str(row) for row in rows if f"orgs/{org}" in str(row) or f"'{org}'" in str(row[:2])]


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("Acme Corp", "acme_corp_"),
        ("Über & Söhne GmbH", "uber_sohne_gmbh_"),
        ("株式会社", "org_"),
        ("x" * 200, "x" * 41),
    ],
)
def test_a_slug_is_made_of_name_and_time(name: str, begin: str) -> None:
    slug = tenants.make_slug(name, NOW)
    assert slug.startswith(begin) and check_org_slug(slug) and len(slug) <= 50
    assert int(slug.rpartition("_")[2], 36) == NOW.timestamp() * 1000
    assert tenants.make_slug(name, NOW + timedelta(milliseconds=1)) != slug


def test_a_new_tenant_is_on_trial_with_the_limits_of_its_plan(rt: Laptop) -> None:
    made = tenants.add(rt.documents, datetime(2026, 4, 1, tzinfo=UTC), "Acme", plan="Professional")
    assert rt.documents.get(f"orgs/{made['org_slug']}") == made
    assert (made["status"], made["trial_ends_at"]) == ("TRIAL", "2026-04-15T00:00:00+00:00")
    assert made["limits"] == {
        "runs_per_day": 25, "runs_per_month": 750, "concurrent_runs": 20, "seats": 6, "providers": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        ({"name": "  "}, BadConfiguration, "expected 1 to 200"),
        ({"name": "a\nb"}, BadConfiguration, "printable"),
        ({"name": "Acme", "slug": "a-b"}, BadConfiguration, "expected 3 to 50 letters"),
        ({"name": "Acme", "slug": ORG}, AlreadyExists, f"organization {ORG} already exists"),
        ({"name": "Acme", "plan": "Huge"}, BadConfiguration, "expected one of Starter, Professional, Scale"),
    ],
)
def test_a_tenant_that_cannot_be_is_refused(rt: Laptop, words: Any, error: type[Exception], told: str) -> None:
    before = rt.documents.list("orgs")
    with pytest.raises(error, match=re.escape(told)):
        tenants.add(rt.documents, rt.clock.now(), **words)
    assert rt.documents.list("orgs") == before


def test_another_plan_brings_its_limits_and_leaves_the_status_as_it_is(rt: Laptop) -> None:
    tenants.add(rt.documents, rt.clock.now(), "Third", "third_1", "Starter")
    changed = change_organization(rt, "third_1", " Third Ltd ", "Scale")
    assert (changed["name"], changed["plan"], changed["status"]) == ("Third Ltd", "Scale", "ACTIVE")
    stored = tenants.load(rt.documents, "third_1")
    assert stored["limits"] == tenants.limits_of("Scale") and stored["status"] == "TRIAL"
    assert change_organization(rt, "third_1", "Third Ltd", "Scale") == changed
    with pytest.raises(BadConfiguration, match="plan is 'Huge', expected one of"):
        change_organization(rt, "third_1", "Third", "Huge")


def test_a_suspended_tenant_runs_nothing_and_a_resumed_one_does(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    assert tenants.suspend(rt.documents, rt.clock.now(), ORG)["status"] == "SUSPENDED"
    (lost,) = bring(rt, ORG, ["1", "2"])
    assert lost.final and lost.error and lost.error.startswith(f"organization {ORG} is suspended")
    assert billed(rt, ORG) == Decimal(1)
    runs = {one["status"]: one["error"] for _, one in rt.documents.list(f"orgs/{ORG}/runs")}
    assert runs["failed"] == lost.error
    assert tenants.resume(rt.documents, rt.clock.now(), ORG)["status"] == "TRIAL"
    assert not any(outcome.error for outcome in bring(rt, ORG, ["1", "2"]))
    assert billed(rt, ORG) == Decimal(3)


def test_a_suspended_tenant_does_not_tick_and_a_resumed_one_does_as_before(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    for org in (ORG, OTHER):
        set_sync_interval(rt, org, 6)
    before = list(rt.scheduler.list())
    tenant_data.suspend(rt, ORG)
    assert [one.message for one in rt.scheduler.list()] == [SyncRequested("", "schedule", OTHER)]
    tenant_data.resume(rt, ORG)
    assert list(rt.scheduler.list()) == before
    set_sync_interval(rt, ORG, 0)
    tenant_data.suspend(rt, ORG)
    tenant_data.resume(rt, ORG)
    assert len(rt.scheduler.list()) == 1, "a schedule that was off is on"


def test_ingest_refuses_what_was_asked_for_before_the_suspension_and_the_integration_stays_well(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    tenants.suspend(rt.documents, rt.clock.now(), ORG)
    rt.bus.publish(IngestBill("aws", ORG, "aws", "late.aws"))
    (lost,) = work(rt, rt.clock.sleep)
    assert lost.final and f"organization {ORG} is suspended" in str(lost.error)
    integration = rt.documents.get(f"orgs/{ORG}/integrations/aws") or {}
    assert (integration["status"], integration["error_message"]) == ("active", None)


def test_a_tick_for_everybody_passes_over_who_may_not_run(rt: Laptop) -> None:
    for org in (ORG, OTHER):
        bring(rt, org, ["1"])
    tenants.suspend(rt.documents, rt.clock.now(), ORG)
    dispatch(SyncRequested("tick", "schedule"), rt)
    assert rt.documents.get(run_path(OTHER, "tick.aws")) and not rt.documents.get(run_path(ORG, "tick.aws"))


def test_nobody_is_told(rt: Laptop) -> None:
    with pytest.raises(NotFound, match="there is no organization nobody_1; costwire tenants list shows them"):
        dispatch(SyncRequested("tick", "manual", "nobody_1"), rt)
    for act in (tenants.suspend, tenants.resume):
        with pytest.raises(NotFound, match="there is no organization nobody_1"):
            act(rt.documents, rt.clock.now(), "nobody_1")
    with pytest.raises(NotFound, match="there is nothing for organization nobody_1"):
        tenant_data.remove(rt, "nobody_1")


def test_a_removed_tenant_leaves_nothing_and_its_neighbour_everything(rt: Laptop) -> None:
    for org in (ORG, OTHER):
        bring(rt, org, ["1"])
        bring(rt, org, ["1", "2", "no amount"])
        rt.scheduler.put(Schedule(f"sync-{org}", "0 */4 * * *", SyncRequested("", "schedule", org)))
    kept = (billed(rt, OTHER), len(files(rt, OTHER)), len(documents(rt, OTHER)))
    known = len(documents(rt, ORG))
    removed = tenant_data.remove(rt, ORG)
    assert removed.schedules == 1 and removed.dataset and removed.objects > 3 and removed.documents == known > 13
    assert (files(rt, ORG), documents(rt, ORG)) == ([], [])
    assert billed(rt, ORG) is None
    assert (billed(rt, OTHER), len(files(rt, OTHER)), len(documents(rt, OTHER))) == kept
    assert [one.name for one in rt.scheduler.list()] == [f"sync-{OTHER}"]
    with pytest.raises(NotFound, match="there is nothing for organization"):
        tenant_data.remove(rt, ORG)


@pytest.mark.parametrize("step", ["scheduler.remove", "warehouse.remove", "objects.delete", "documents.transact"])
def test_an_interrupted_removal_can_be_repeated_and_nothing_starts_meanwhile(
    rt: Laptop, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(rt, ORG, ["1"])
    bring(rt, ORG, ["2"])
    rt.scheduler.put(Schedule(f"sync-{ORG}", "0 */4 * * *", SyncRequested("", "schedule", ORG)))
    port, method = step.split(".")
    calls = iter(range(100))
    real = getattr(getattr(rt, port), method)

    def dies(*words: Any) -> Any:
        if next(calls) == (0 if port in ("scheduler", "warehouse") else 1):
            raise KeyboardInterrupt
        return real(*words)

    with monkeypatch.context() as patched:
        patched.setattr(getattr(rt, port), method, dies)
        with pytest.raises(KeyboardInterrupt):
            tenant_data.remove(rt, ORG)
    with pytest.raises(BadConfiguration, match=f"organization {ORG} is cancelled"):
        tenants.check_may_run(rt.documents, ORG, plans=False)
    with pytest.raises(BadConfiguration, match=f"is being removed; costwire tenants remove {ORG} --yes"):
        tenants.resume(rt.documents, rt.clock.now(), ORG)
    tenant_data.remove(rt, ORG)
    assert (files(rt, ORG), documents(rt, ORG), rt.scheduler.list()) == ([], [], [])


def test_credentials_are_removed_from_the_store_of_their_own(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), ORG, "aws", "aws", b"the secret", "a test")
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), "other_1", "aws", "aws", b"the secret", "a test")
    assert rt.documents.list(f"orgs/{ORG}/credentials") == []
    tenant_data.remove(rt, ORG)
    assert rt.sealed.list(f"orgs/{ORG}/credentials") == []
    assert credentials.load(rt.sealed, rt.keys, "other_1", "aws") == b"the secret"


def test_what_a_late_handler_wrote_is_removed_by_another_removal(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    tenant_data.remove(rt, ORG)
    rt.documents.set(f"orgs/{ORG}/deliveries/late", {"delivery_id": "late"})
    assert tenant_data.remove(rt, ORG).documents == 1
    assert documents(rt, ORG) == []


def test_every_collection_that_the_code_names_is_removed() -> None:
    named = set()
    for folder in ("common", "functions", "costwire", "web"):
        for path in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r"orgs/\{[^}]+\}/([a-z_]+)", path.read_text(encoding="utf-8")))
    removed = {*tenant_data.COLLECTIONS, *tenant_data.SEALED_COLLECTIONS}
    assert named <= removed, named - removed


def test_every_kind_of_object_that_the_code_names_is_removed() -> None:
    named = set()
    for folder in ("common", "functions", "costwire", "web"):
        for path in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r'f"([a-z]+)/\{[^}]*(?:org|folder)[^}]*\}', path.read_text(encoding="utf-8"))) - {
                "orgs"
            }
    assert named and named <= set(OBJECTS), named - set(OBJECTS)


def test_a_lost_warehouse_is_shown_again_as_it_was(rt: Laptop) -> None:
    for costs in (["1"], ["1.5", "2"], ["0.25"]):
        bring(rt, ORG, costs)
    bring(rt, ORG, ["7"], integration="second")
    before = rt.warehouse.query(
        ORG, "select * except (x_IngestedAt) from cost_data_standard_1_3 order by x_SourceRowId"
    )
    rt.warehouse.remove(ORG)
    assert billed(rt, ORG) is None
    restored = tenant_data.restore(rt, ORG)
    assert len(restored) == 2 and all(one.shown and not one.reason for one in restored)
    again = rt.warehouse.query(ORG, "select * except (x_IngestedAt) from cost_data_standard_1_3 order by x_SourceRowId")
    assert sorted(map(str, again)) == sorted(map(str, before))
    assert rt.warehouse.query(ORG, "select * from restatements") == []


def test_a_restoration_with_history_brings_the_restatements_back(rt: Laptop) -> None:
    for costs in (["1"], ["1.5", "2"], ["0.25"]):
        bring(rt, ORG, costs)
    told = (
        "select delivery_replaced, delivery_now, sum(billed_cost_delta) as delta "
        "from restatements group by delivery_replaced, delivery_now order by delta"
    )
    before = rt.warehouse.query(ORG, told)
    assert len(before) == 2
    rt.warehouse.remove(ORG)
    restored = tenant_data.restore(rt, ORG, history=True)
    assert len(restored) == 3 and not any(one.reason for one in restored)
    assert (rt.warehouse.query(ORG, told), billed(rt, ORG)) == (before, Decimal("0.25"))


def test_restoring_what_is_not_lost_changes_nothing(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    bring(rt, ORG, ["2"])
    before = rt.documents.list(f"orgs/{ORG}/slices")
    assert [one.shown for one in tenant_data.restore(rt, ORG, history=True)] == [False, True]
    assert rt.documents.list(f"orgs/{ORG}/slices") == before


def test_a_delivery_whose_files_are_gone_is_told_and_the_others_are_restored(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    bring(rt, ORG, ["7"], integration="second")
    rt.warehouse.remove(ORG)
    for item in rt.objects.list(f"focus/{ORG}/aws/"):
        rt.objects.delete(item.uri)
    lost, well = tenant_data.restore(rt, ORG)
    assert (lost.integration_id, lost.shown, well.shown) == ("aws", False, True)
    assert lost.reason and "focus/" in lost.reason
    assert billed(rt, ORG) == Decimal(7)


def costwire(home: Path, *words: str, status: int = 0, typed: str | None = None) -> str:
    """Run a command; typed: what a person types at its terminal.  Returns what it printed, or its one line of failure."""
    environment = {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    if typed is None:
        done = commands.run(*words, env=environment)
    else:
        person, terminal = os.openpty()
        os.write(person, f"{typed}\n".encode())
        done = commands.run(*words, env=environment, terminal=os.ttyname(terminal))
        os.close(person)
        os.close(terminal)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 1, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_the_commands_from_first_to_last_day(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "No organizations yet" in costwire(home, "tenants", "list")
    made = json.loads(costwire(home, "tenants", "add", "Acme Corp", "--plan", "Scale", "--json"))
    slug = made["org_slug"]
    assert slug.startswith("acme_corp_") and (made["status"], made["plan"]) == ("ACTIVE", "Scale")
    assert "trial" not in costwire(home, "tenants", "add", "Other", "--slug", "other_1")
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "1.5")]))
    costwire(home, "import", str(bill), "--org", slug)
    costwire(home, "tenants", "suspend", slug)
    bill.write_text(cur_text([cur_line(1, "2.5")]))
    refused = costwire(home, "import", str(bill), "--org", slug, status=1)
    assert f"organization {slug} is suspended; costwire tenants resume {slug} reactivates it" in refused
    listed = {one["org_slug"]: one for one in json.loads(costwire(home, "tenants", "list", "--json"))}
    assert (listed[slug]["status"], listed[slug]["integrations"]) == ("SUSPENDED", 1) and listed[slug]["last_sync"]
    shown = costwire(home, "tenants", "list")
    assert "SUSPENDED" in shown and "other_1" in shown and "never" in shown
    costwire(home, "tenants", "resume", slug)
    costwire(home, "import", str(bill), "--org", slug)
    assert "2.5" in costwire(home, "costs", "--org", slug)
    assert "1 slices are shown, 0 deliveries could not be" in costwire(home, "tenants", "restore", slug)
    assert "confirm with --yes" in costwire(home, "tenants", "remove", slug, status=1)
    assert "nothing was removed" in costwire(home, "tenants", "remove", slug, status=1, typed="other_1")
    assert "2.5" in costwire(home, "costs", "--org", slug)
    assert f"{slug} is removed" in costwire(home, "tenants", "remove", slug, typed=slug)
    assert "there is nothing for organization" in costwire(home, "tenants", "remove", slug, "--yes", status=1)
    assert slug not in costwire(home, "tenants", "list")


@pytest.mark.parametrize(
    "words", [("suspend", "nobody_1"), ("resume", "nobody_1"), ("restore", "nobody_1"), ("remove", "nobody_1", "--yes")]
)
def test_an_unknown_tenant_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "organization nobody_1; costwire tenants list shows them" in costwire(tmp_path, "tenants", *words, status=1)


def test_a_restoration_that_lacks_files_fails_and_names_the_delivery(rt: Laptop) -> None:
    bring(rt, ORG, ["1"])
    rt.warehouse.remove(ORG)
    for item in rt.objects.list(f"focus/{ORG}/"):
        rt.objects.delete(item.uri)
    assert "aws 2026-03: " in costwire(rt.home, "tenants", "restore", ORG, status=1)
