"""Clean-up on one machine: what goes, what stays, what is said of what is gone, and the same end wherever it is killed."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.config import Settings
from common.errors import BadConfiguration, NotFound
from common.messages import CleanUpRequested
from common.normalization.replaying import replay_delivery
from common.normalization.withdrawing import restore, withdraw
from common.records.past_deliveries import PENDING, find_delivery, past_deliveries
from common.records.sizes import in_words, noted_sizes
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.health import look_at_sizes
from common.reporting.restatements import list_restatements
from common.retention.cleaning import clean_up, look
from common.retention.lives import LATEST_VERSIONS, set_life
from common.retention.requesting import request_if_due
from common.runtime.bootstrap import CloudRuntime
from costwire import cli
from costwire.worker import work
from tests.support import NOW, Laptop, cur_line, cur_text, laptop

ORG = "default"
VERSIONS = LATEST_VERSIONS + 3
DAY = 86_400


def bring(rt: Laptop, number: int, integration: str = "bill") -> None:
    path = rt.home.parent / f"{integration}-{number}.csv"
    payer = f"11112222333{len(integration)}"
    lines = [cur_line(line, f"{number + 1}.25", PayerAccountId=payer) for line in range(3)]
    path.write_text(cur_text(lines), encoding="utf-8")
    rt.bring(path, integration, delivered_at=rt.clock.now())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one version on the first day, and more of them minutes apart on the third; another bill; a rejected one."""
    folder = tmp_path_factory.mktemp("filled")
    with laptop(folder / "home") as rt:
        bring(rt, 0)
        rt.clock.sleep(2 * DAY)
        for number in range(1, VERSIONS):
            bring(rt, number)
            rt.clock.sleep(60)
        bring(rt, 0, "other")
        path = folder / "broken.csv"
        path.write_text("not,a,bill\n1,2,3\n", encoding="utf-8")
        rt.bring(path, "other", delivered_at=rt.clock.now())
    return folder


@pytest.fixture
def rt(filled: Path, tmp_path: Path) -> Iterator[Laptop]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with laptop(tmp_path / "home") as made:
        made.clock.moment = NOW + timedelta(days=2, hours=1)
        yield made


def versions(rt: Laptop) -> list[dict[str, Any]]:
    """Of the restated bill, the oldest first."""
    return sorted(rt.deliveries(integration_id="bill"), key=lambda one: one["delivered_at"])


def state_of(rt: Laptop) -> dict[str, Any]:
    """Everything that is left, without when it was noted."""
    objects = sorted(
        item.uri
        for kind in ("raw", "focus", "quarantine", "daily", "restatements")
        for item in rt.objects.list(f"{kind}/")
    )
    past = {
        one.delivery_id: (one.state, len(one.parts), PENDING in one.unknown)
        for one in past_deliveries(rt.documents, ORG)
    }
    there = {one["delivery_id"]: one["state"] for one in rt.deliveries()}
    chunks = {name: len(rt.documents.list(f"orgs/default/deliveries/{name}/chunks")) for name in (*past, *there)}
    return {"objects": objects, "past": past, "there": there, "chunks": chunks, "billed": rt.billed()}


def billed_on(rt: Laptop, day: Any) -> Decimal | None:
    (found,) = ask_costs(rt, ORG, CostsQuestion(known_on=day)).currencies
    return found.amounts.total


def test_versions_of_one_day_go_and_what_explains_the_numbers_stays(rt: Laptop) -> None:
    before, known = versions(rt), [billed_on(rt, NOW.date()), billed_on(rt, (NOW + timedelta(days=2)).date())]
    billed, restated = rt.billed(), list_restatements(rt, ORG)
    planned = look(rt, ORG)
    assert len(versions(rt)) == VERSIONS, "looking changes nothing"
    done = clean_up(rt, ORG)
    assert done.going == planned.going
    gone = {one["delivery_id"] for one in before[1 : -1 - LATEST_VERSIONS]}
    assert {one.name for one in done.going} == gone == {one.delivery_id for one in past_deliveries(rt.documents, ORG)}
    assert sum(one.bytes for one in done.going) == sum(one.bytes for one in planned.sizes.values()) - sum(
        one.bytes for one in done.sizes.values()
    )
    assert not [
        uri for uri in state_of(rt)["objects"] if any(name in uri for name in gone) and "restatements" not in uri
    ]
    assert (rt.billed(), list_restatements(rt, ORG)) == (billed, restated)
    assert [billed_on(rt, NOW.date()), billed_on(rt, (NOW + timedelta(days=2)).date())] == known
    assert not clean_up(rt, ORG).going
    assert noted_sizes(rt.documents, ORG)[rt.clock.now().date()]["raw"].files == LATEST_VERSIONS + 4


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_clean_up_that_is_killed_at_any_step_is_completed_by_the_next(
    filled: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def run(folder: Path, dies_at: int | None) -> tuple[int, dict[str, Any]]:
        shutil.copytree(filled, folder)
        with laptop(folder / "home") as rt:
            rt.clock.moment = NOW + timedelta(days=100)
            steps = 0

            def counting(changes: Any) -> Any:
                def step(*words: Any, **more: Any) -> Any:
                    nonlocal steps
                    steps += 1
                    if steps == dies_at:
                        raise Killed
                    return changes(*words, **more)

                return step

            with monkeypatch.context() as patched:
                patched.setattr(rt.documents, "transact", counting(rt.documents.transact))
                patched.setattr(rt.objects, "delete", counting(rt.objects.delete))
                patched.setattr(rt.documents, "set", counting(rt.documents.set))
                try:
                    clean_up(rt, ORG)
                    assert dies_at is None or steps < dies_at
                except Killed:
                    assert rt.billed() == {"USD": Decimal(VERSIONS) * 3 + Decimal("4.50")}
            if dies_at is not None:
                clean_up(rt, ORG)
            assert not look(rt, ORG).going
            return steps, state_of(rt)

    steps, whole = run(tmp_path / "whole", None)
    assert steps > 20
    for dies_at in range(1, steps + 1, 3):
        assert run(tmp_path / f"killed-{dies_at}", dies_at)[1] == whole, dies_at


def test_what_is_asked_of_a_delivery_without_files_is_answered_in_one_line(rt: Laptop) -> None:
    gone = versions(rt)[1]["delivery_id"]
    clean_up(rt, ORG)
    for asked in (lambda: find_delivery(rt.documents, ORG, gone[:8]), lambda: replay_delivery(rt, ORG, gone),
                  lambda: withdraw(rt, ORG, gone), lambda: restore(rt, ORG, gone)):  # fmt: skip
        with pytest.raises(NotFound, match=f"the files of delivery {gone} .* were removed on 2026-04-12"):
            asked()


def test_a_day_past_the_life_is_an_error_and_never_another_number(rt: Laptop) -> None:
    first = NOW.date()
    set_life(rt, ORG, "versions", 1)
    rt.clock.sleep(30 * DAY)
    clean_up(rt, ORG)
    assert len(versions(rt)) == 1
    with pytest.raises(NotFound, match=f"what was known on {first} cannot be shown"):
        billed_on(rt, first)
    assert billed_on(rt, rt.clock.now().date()) == sum(rt.billed().values())
    rt.clock.sleep(500 * DAY)
    clean_up(rt, ORG)  # what is known of them goes too, and so do restatements
    assert [one.state for one in past_deliveries(rt.documents, ORG)] == ["rejected"], "whose files went only now"
    assert len(list_restatements(rt, ORG)) == 1, "the last one explains the current number"
    with pytest.raises(NotFound, match="was removed at the end of its life; costwire retention"):
        billed_on(rt, first)
    assert rt.billed() == {"USD": Decimal(VERSIONS) * 3 + Decimal("4.50")}


def test_the_same_bytes_again_are_a_new_delivery_that_can_be_shown(rt: Laptop) -> None:
    clean_up(rt, ORG)
    gone = {one.delivery_id for one in past_deliveries(rt.documents, ORG)}
    bring(rt, 1)  # the provider takes its corrections back
    (current,) = rt.deliveries(integration_id="bill", state="current")
    assert current["delivery_id"] in gone
    assert rt.billed() == {"USD": 3 * Decimal("2.25") + 3 * Decimal("1.25")}
    assert list(look(rt, ORG).going) != []
    clean_up(rt, ORG)
    assert rt.billed() == {"USD": 3 * Decimal("2.25") + 3 * Decimal("1.25")}
    assert billed_on(rt, rt.clock.now().date()) == sum(rt.billed().values())


def test_withdrawing_never_skips_a_version_whose_files_are_gone(rt: Laptop) -> None:
    clean_up(rt, ORG)
    for number in range(LATEST_VERSIONS):
        withdraw(rt, ORG, versions(rt)[-1 - number]["delivery_id"])
        list(work(rt, rt.clock.sleep))
    (current,) = rt.deliveries(integration_id="bill", state="current")
    with pytest.raises(BadConfiguration, match=r"cannot be withdrawn: the files of delivery .* is the version before"):
        withdraw(rt, ORG, current["delivery_id"])


def test_a_withdrawn_delivery_without_files_counts_again_once_it_is_fetched(rt: Laptop) -> None:
    wrong = versions(rt)[-1]["delivery_id"]
    withdraw(rt, ORG, wrong)
    list(work(rt, rt.clock.sleep))
    billed = rt.billed()
    rt.clock.sleep(100 * DAY)
    clean_up(rt, ORG)
    (document,) = [one for one in versions(rt) if one["delivery_id"] == wrong]
    assert document["files_removed_at"] and document["state"] == "withdrawn"
    assert not list(rt.objects.list(f"raw/default/bill/2026-03/{wrong}/"))
    bring(rt, VERSIONS - 1)
    assert rt.billed() == billed, "fetching it again does not bring it back"
    assert restore(rt, ORG, wrong) is None
    bring(rt, VERSIONS - 1)
    assert rt.billed() == {"USD": Decimal(VERSIONS) * 3 + Decimal("4.50")}


def test_a_rejected_bill_can_be_looked_at_for_its_life(rt: Laptop) -> None:
    (rejected,) = rt.deliveries(state="rejected")
    raw = rejected["parts"][0]["uri"]
    rt.clock.sleep(89 * DAY)
    clean_up(rt, ORG)
    assert rt.objects.stat(raw)
    rt.clock.sleep(2 * DAY)
    assert "rejected" in {one.kind for one in clean_up(rt, ORG).going}
    with pytest.raises(NotFound):
        rt.objects.stat(raw)


def test_runs_go_after_their_life_but_not_the_latest_of_an_integration(rt: Laptop) -> None:
    rt.clock.sleep(401 * DAY)
    open_run = {"run_id": "open", "integration_id": "bill", "status": "running", "started_at": NOW.isoformat(), "ended_at": None,
                "delivery_ids": [], "org_slug": ORG, "trigger": "sync"}  # fmt: skip
    rt.documents.set("orgs/default/runs/open", open_run)
    clean_up(rt, ORG)
    runs = dict(rt.documents.list("orgs/default/runs"))
    assert "open" in runs
    assert {one["integration_id"] for name, one in runs.items() if name != "open"} == {"bill", "other"}
    assert len(runs) == 3


def test_a_copy_that_a_killed_landing_left_goes_once_no_run_can_need_it(rt: Laptop) -> None:
    rt.objects.put("raw/default/bill/incoming/left", io.BytesIO(b"copied"))
    uri = rt.objects.uri("raw/default/bill/incoming/left")
    run = {**rt.documents.list("orgs/default/runs")[0][1], "run_id": "r", "integration_id": "bill", "status": "running"}
    rt.documents.set("orgs/default/runs/r", run)
    clean_up(rt, ORG)
    assert rt.objects.stat(uri)
    rt.documents.set("orgs/default/runs/r", {**run, "status": "failed", "ended_at": run["started_at"]})
    clean_up(rt, ORG)
    with pytest.raises(NotFound):
        rt.objects.stat(uri)


def test_the_copies_of_a_failed_run_stay_for_its_repetition_until_their_life_is_over(rt: Laptop) -> None:
    rt.objects.put("raw/default/bill/incoming/key", io.BytesIO(b"copied"))
    uri = rt.objects.uri("raw/default/bill/incoming/key")
    known = {"uri": uri, "size_bytes": 6, "digest": "d", "run_id": "r"}
    rt.documents.set("orgs/default/integrations/bill/known_files/key", known)
    moment = rt.clock.now().isoformat()
    run = {**rt.documents.list("orgs/default/runs")[0][1], "integration_id": "bill", "status": "failed"}
    rt.documents.set("orgs/default/runs/r", {**run, "run_id": "r", "started_at": moment, "ended_at": moment})
    rt.clock.sleep(7 * DAY)
    clean_up(rt, ORG)
    assert rt.objects.stat(uri)
    rt.clock.sleep(2 * DAY)
    clean_up(rt, ORG)
    with pytest.raises(NotFound):
        rt.objects.stat(uri)


def test_a_tick_cleans_every_organization_and_imports_do_it_when_versions_pile_up(rt: Laptop) -> None:
    assert not request_if_due(rt, ORG)
    rt.bus.publish(CleanUpRequested("tick-1"))
    assert [one.error for one in work(rt, rt.clock.sleep)] == [None, None]
    assert len(versions(rt)) == LATEST_VERSIONS + 2
    assert not request_if_due(rt, ORG)
    rt.clock.sleep(DAY)
    assert request_if_due(rt, ORG)


def test_the_command_shows_what_would_go_and_says_that_it_cannot_be_undone(rt: Laptop) -> None:
    run = CliRunner()
    would = run.invoke(cli.app, ["clean-up", "--dry-run"])
    assert "would be removed; removing it cannot be undone" in would.output
    assert len(versions(rt)) == VERSIONS
    asked = json.loads(run.invoke(cli.app, ["clean-up", "--dry-run", "--json"]).output)
    done = json.loads(run.invoke(cli.app, ["clean-up", "--json"]).output)
    assert asked["removed"] == done["removed"] != []
    assert "Nothing is past its life" in run.invoke(cli.app, ["clean-up"]).output
    assert run.invoke(cli.app, ["retention", "set", "versions", "45"]).exit_code == 0
    lives = {one["kind"]: one["days"] for one in json.loads(run.invoke(cli.app, ["retention", "--json"]).output)}
    assert lives["versions"] == 45
    assert "from 1 to 3650" in str(run.invoke(cli.app, ["retention", "set", "versions", "0"]).exception)


def test_doctor_shows_what_is_stored_and_how_it_has_grown(rt: Laptop) -> None:
    before = {one.what: one for one in look_at_sizes(rt, ORG)}["storage of default"]
    assert before.well and before.found.startswith("raw ") and "growth" not in before.found
    clean_up(rt, ORG)
    rt.clock.sleep(2 * DAY)
    bring(rt, VERSIONS)
    (grown,) = look_at_sizes(rt, ORG)
    assert "growth since 2026-04-12" in grown.found
    raw = rt.deliveries(state="current", integration_id="bill")[0]["parts"][0]["size_bytes"]
    assert f"(+{in_words(raw)})" in grown.found.partition(",")[0]
    rt.clock.sleep(31 * DAY)
    (old,) = look_at_sizes(rt, ORG)
    assert "growth" not in old.found, "what is older than a month is not a month's growth"


def test_lists_say_that_there_was_more(rt: Laptop) -> None:
    clean_up(rt, ORG)
    run = CliRunner()
    listed = run.invoke(cli.app, ["deliveries"]).output
    assert f"{VERSIONS - 2 - LATEST_VERSIONS} earlier deliver" in listed
    assert "past their life are not listed" not in run.invoke(cli.app, ["restatements"]).output
    rt.clock.sleep(500 * DAY)
    clean_up(rt, ORG)
    assert "past their life are not listed" in run.invoke(cli.app, ["restatements"]).output


def test_doctor_of_a_deployment_shows_what_clean_up_measured(rt: Laptop) -> None:
    cloud = CloudRuntime(Settings(runtime="cloud"))
    vars(cloud).update(documents=rt.documents, clock=rt.clock)
    assert [one.fix for one in look_at_sizes(cloud, ORG)] == ["costwire clean-up --org default"]
    assert list(look_at_sizes(cloud, "nobody")) == []
    clean_up(rt, ORG)
    (measured,) = look_at_sizes(cloud, ORG)
    assert measured.found == next(look_at_sizes(rt, ORG)).found


def test_a_file_of_two_months_stays_while_one_of_them_is_made_of_it(tmp_path: Path) -> None:
    """A file that is known is not copied for the other month: what March shows may lie in April's folder."""
    april = {"BillingPeriodStartDate": "2026-04-01T00:00:00Z", "BillingPeriodEndDate": "2026-05-01T00:00:00Z"}
    place = tmp_path / "place"
    place.mkdir()
    (place / "both.csv").write_text(cur_text([cur_line(1, "1"), cur_line(2, "2", **april)]))
    with laptop(tmp_path / "home") as rt:
        for number in (3, 4):
            (place / "march.csv").write_text(cur_text([cur_line(number, str(number))]))
            rt.bring(place)
        (of_april,) = rt.deliveries(billing_period="2026-04")
        (tmp_path / "april.csv").write_text(cur_text([cur_line(2, "5", **april)]))
        rt.clock.sleep(DAY)
        rt.bring(tmp_path / "april.csv", delivered_at=rt.clock.now())
        rt.clock.sleep(4_000 * DAY)
        assert of_april["delivery_id"] in {one.name for one in clean_up(rt, ORG).going}
        (shown,) = rt.deliveries(state="current", billing_period="2026-03")
        assert {"2026-04" in part["uri"] for part in shown["parts"]} == {True, False}, "the test proves nothing"
        for part in shown["parts"]:
            assert rt.objects.stat(part["uri"]).digest == part["digest"]
