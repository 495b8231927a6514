"""`costwire integrations` and `costwire deliveries withdraw`, as a user types them; what the schedule fetches and what not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.errors import BadBill, BadConfiguration, NotFound
from common.ingestion.connecting import Connection, connect
from common.ingestion.dispatch import dispatch
from common.messages import SyncRequested
from common.normalization.withdrawing import withdraw
from common.records.integrations import note_sync
from common.tenancy.credentials import credential_path
from costwire.cli import app
from costwire.worker import work
from tests.integration.test_which_delivery_is_shown import cur
from tests.support import Laptop, laptop


def typed(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == status, (done.output, done.exception)
    return done.output


def as_json(*words: str) -> Any:
    return json.loads(typed(*words, "--json"))


def fetched(rt: Laptop) -> list[str]:
    """The integrations that a tick of the schedule fetches."""
    before = {name for name, _ in rt.documents.list("orgs/default/runs")}
    dispatch(SyncRequested("tick", "scheduler", "default"), rt)
    found = {name: run for name, run in rt.documents.list("orgs/default/runs") if name not in before}
    for name in found:
        rt.documents.delete(f"orgs/default/runs/{name}")
    return sorted(run["integration_id"] for run in found.values())


def test_the_schedule_fetches_what_is_connected_and_no_bill_that_was_imported_by_hand(tmp_path: Path) -> None:
    path = cur(tmp_path / "bill.csv", "10")
    with laptop(tmp_path / "home") as rt:
        rt.bring(path, integration="by_hand")
        assert fetched(rt) == []
        connect(rt, Connection("default", "aws", str(path), "connected"))
        assert fetched(rt) == ["connected"]
        connect(rt, Connection("default", "aws", str(path), "by_hand", allow_overlap=True))
        assert fetched(rt) == ["by_hand", "connected"]


def test_a_paused_integration_is_not_fetched_until_it_is_resumed(tmp_path: Path) -> None:
    path = cur(tmp_path / "bill.csv", "10")
    with laptop(tmp_path / "home") as rt:
        rt.bring(path)
        connect(rt, Connection("default", "aws", str(path), "bill"))
        for _ in range(2):
            assert as_json("integrations", "pause", "bill")["status"] == "disabled"
        note_sync(rt.documents, rt.clock.now(), "default", "bill", "a run that began before")
        assert fetched(rt) == []
        done = CliRunner().invoke(app, ["sync"])
        assert isinstance(done.exception, NotFound) and "nothing to sync" in str(done.exception)
        assert as_json("integrations", "resume", "bill")["status"] == "validating"
        assert fetched(rt) == ["bill"]
        typed("sync")
        (one,) = as_json("integrations", "list")
        assert (one["status"], one["error_message"]) == ("active", None)


def test_removing_an_integration_erases_its_credential_and_keeps_its_costs(tmp_path: Path) -> None:
    path = cur(tmp_path / "bill.csv", "10")
    with laptop(tmp_path / "home") as rt:
        rt.bring(path)
        keys = b'{"access_key_id": "a", "secret_access_key": "hush"}'
        connect(rt, Connection("default", "aws", str(path), "bill", secret=keys))
        assert rt.sealed.get(credential_path("default", "bill")) is not None
        shown = typed("integrations", "show", "bill")
        assert "stored, encrypted" in shown and "hush" not in typed("integrations", "show", "bill", "--json")
        refused = CliRunner().invoke(app, ["integrations", "remove", "bill"])
        assert isinstance(refused.exception, BadConfiguration) and "--yes" in str(refused.exception)
        assert as_json("integrations", "remove", "bill", "--yes") == {"removed": "bill", "current_deliveries": 1}
        assert rt.sealed.get(credential_path("default", "bill")) is None
        assert as_json("integrations", "list") == [] and rt.billed() == {"USD": 10}
        gone = CliRunner().invoke(app, ["integrations", "show", "bill"])
        assert isinstance(gone.exception, NotFound) and "known: none yet" in str(gone.exception)


def test_a_first_import_that_was_rejected_can_be_taken_away_whole(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "bad.csv", "much"), integration="bad")
        (one,) = as_json("integrations", "list")
        assert one["status"] == "error" and one["deliveries"] == {"rejected": 1} and fetched(rt) == []
        (delivery,) = as_json("deliveries")
        typed("deliveries", "withdraw", delivery["delivery_id"][:6])
        typed("integrations", "remove", "bad", "--yes")
        assert as_json("integrations", "list") == []
        assert [one["state"] for one in as_json("deliveries")] == ["withdrawn"]


def test_withdrawing_says_what_is_shown_instead_and_how_to_undo_it(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "bill.csv", "10"))
        (delivery,) = as_json("deliveries")
        name = delivery["delivery_id"]
        said = typed("deliveries", "withdraw", name[:8])
        assert "has no costs now" in said and f"costwire deliveries restore {name}" in said
        assert "1" in typed("deliveries", "restore", name[:8]) and rt.billed() == {"USD": 10}
        wrong = CliRunner().invoke(app, ["deliveries", "--period", "2026-03", "withdraw", name])
        assert wrong.exit_code == 2 and "after `withdraw`" in wrong.output


@pytest.mark.parametrize("command", ["withdraw", "restore"])
def test_an_id_that_no_delivery_has_is_refused(tmp_path: Path, command: str) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "bill.csv", "10"))
        done = CliRunner().invoke(app, ["deliveries", command, "zz"])
        assert isinstance(done.exception, NotFound) and "no delivery zz" in str(done.exception)


def test_a_delivery_that_is_still_processed_is_not_withdrawn(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(cur(tmp_path / "bill.csv", "10"))
        (delivery,) = rt.deliveries()
        path = f"orgs/default/deliveries/{delivery['delivery_id']}"
        rt.documents.set(path, {**delivery, "state": "landed"})
        with pytest.raises(BadConfiguration, match="still processed"):
            withdraw(rt, "default", delivery["delivery_id"])
        assert rt.billed() == {"USD": 10} and list(work(rt, rt.clock.sleep)) == []


def test_of_several_paths_what_is_not_a_bill_is_skipped_and_named(tmp_path: Path) -> None:
    bill, notes = cur(tmp_path / "bill.csv", "10"), tmp_path / "notes.txt"
    notes.write_text("not a bill")
    (more := tmp_path / "more.md").write_text("none either")
    with laptop(tmp_path / "home") as rt:
        said = as_json("import", str(bill), str(notes))
        assert [one["state"] for one in said["deliveries"]] == ["current"]
        assert len(said["skipped"]) == 1 and "notes.txt is skipped" in said["skipped"][0]
        nothing = CliRunner().invoke(app, ["import", str(notes), str(more)])
        assert isinstance(nothing.exception, BadBill) and "none of the 2 paths" in str(nothing.exception)
        runs = len(rt.documents.list("orgs/default/runs"))
        missing = CliRunner().invoke(app, ["import", str(bill), str(tmp_path / "nowhere")])
        assert isinstance(missing.exception, NotFound) and len(rt.documents.list("orgs/default/runs")) == runs


def test_a_check_that_was_left_out_says_so_once(tmp_path: Path) -> None:
    folder = tmp_path / "bills"
    folder.mkdir()
    path = cur(folder / "bill.csv", "10")
    with laptop(tmp_path / "home") as rt:
        connect(rt, Connection("default", "aws", str(folder), "bill"))
        path.unlink()
        folder.rmdir()
        printed = " ".join(typed("integrations", "check", "bill", status=1).split())
        assert "not checked: an earlier check did not pass" in printed
        assert "not checked: not checked" not in printed
