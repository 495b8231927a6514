"""A connection is checked by the clock and after an error: what changed is in its history, and an alert that is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.config import Settings
from common.ingestion.checking import check_integration
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import request_all, sync
from common.runtime.bootstrap import CloudRuntime
from common.tenancy.integrations import pause, remove
from costwire import cli
from costwire.worker import subscribe_all, work
from tests.integration.test_which_delivery_is_shown import cur
from tests.support import Laptop, laptop

ORG = "default"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bills").mkdir()
    cur(tmp_path / "bills" / "bill.csv", "10")
    return tmp_path / "bills"


@pytest.fixture
def rt(tmp_path: Path, place: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        subscribe_all(made)
        connect(made, Connection(ORG, "aws", str(place), "bills", requested_by="Ada"))
        yield made


def tick(rt: Laptop) -> None:
    request_all(rt, ORG, "schedule", [])
    list(work(rt, rt.clock.sleep))


def fetch(rt: Laptop) -> None:
    sync(rt, ORG)
    list(work(rt, rt.clock.sleep))


def integration(rt: Laptop) -> dict[str, Any]:
    return dict(rt.documents.get(f"orgs/{ORG}/integrations/bills") or {})


def alerts(rt: Laptop) -> dict[str, str]:
    return {name: alert["state"] for name, alert in rt.documents.list(f"orgs/{ORG}/alerts")}


def outcomes(rt: Laptop) -> dict[str, str]:
    return {one["name"]: one["outcome"] for one in integration(rt)["checks"]["checks"]}


def test_the_clock_has_a_connection_checked_once_a_day(rt: Laptop) -> None:
    tick(rt)
    assert {outcomes(rt)[name] for name in ("identity", "listing", "reading", "export")} == {"passed"}
    first = integration(rt)["checks"]["checked_at"]
    rt.clock.moment += timedelta(hours=4)
    tick(rt)
    assert integration(rt)["checks"]["checked_at"] == first
    rt.clock.moment += timedelta(hours=20)
    tick(rt)
    assert integration(rt)["checks"]["checked_at"] > first
    assert alerts(rt) == {}


def test_an_error_is_checked_at_once_and_its_alert_is_taken_back_when_it_works_again(rt: Laptop, place: Path) -> None:
    tick(rt)
    place.rename(place.with_name("elsewhere"))
    fetch(rt)
    assert (integration(rt)["status"], outcomes(rt)["listing"]) == ("error", "failed")
    assert alerts(rt) == {"check-bills-listing": "open", "check-bills-synchronization": "open"}
    messages = [one["facts"] for _, one in rt.documents.list(f"orgs/{ORG}/notifications")]
    (listing,) = [one for one in messages if one["lines"]["check"] == "listing"]
    assert listing["title"] == "Integration bills: check listing failed"
    assert str(place) in listing["lines"]["found"] and "costwire connect aws --id bills" in listing["notes"][0]
    fetch(rt)  # the same fault again is no news
    assert len(rt.documents.list(f"orgs/{ORG}/notifications")) == 2
    place.with_name("elsewhere").rename(place)
    fetch(rt)
    assert alerts(rt) == {"check-bills-listing": "retracted", "check-bills-synchronization": "retracted"}
    assert (integration(rt)["status"], integration(rt)["error_message"]) == ("active", None)
    changes = [(one["by"], one["what"].partition(":")[0], one["status"]) for one in integration(rt)["history"]]
    assert changes == [
        ("Ada", f"connected at {place.as_uri().partition(':')[0]}", "validating"),
        ("synchronization", "fetched", "active"),
        ("synchronization", "failed", "error"),
        ("check", "check listing failed", "error"),
        ("check", "check synchronization failed", "error"),
        ("synchronization", "fetched", "active"),
        ("check", "check listing passed", "active"),
        ("check", "check synchronization passed", "active"),
    ]


def test_removing_an_integration_resolves_its_alerts(rt: Laptop, place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    fetch(rt)
    assert set(alerts(rt).values()) == {"open"}
    remove(rt, ORG, "bills")
    assert set(alerts(rt).values()) == {"resolved"}


def test_what_is_paused_or_was_imported_by_hand_is_not_watched(rt: Laptop, tmp_path: Path) -> None:
    pause(rt, ORG, "bills", "Ada")
    path = cur(tmp_path / "by-hand.csv", "10")
    rt.bring(path, integration="by_hand")
    path.unlink()
    rt.bring(path, integration="by_hand")
    tick(rt)
    assert all("checks" not in one for _, one in rt.documents.list(f"orgs/{ORG}/integrations"))
    assert alerts(rt) == {}


def test_the_command_shows_each_check_and_fails_where_one_does(rt: Laptop, place: Path) -> None:
    fetch(rt)
    shown = CliRunner().invoke(cli.app, ["integrations", "check"])
    assert shown.exit_code == 0, shown.output
    assert "bill.csv can be read" in " ".join(shown.output.split())
    place.rename(place.with_name("elsewhere"))
    failed = CliRunner().invoke(cli.app, ["integrations", "check", "bills"])
    assert failed.exit_code == 1
    assert "  costwire connect aws --id bills --location URI\n" in failed.output
    (found,) = json.loads(CliRunner().invoke(cli.app, ["integrations", "check", "bills", "--json"]).output)
    assert (found["verdict"], {one["name"] for one in found["checks"] if one["outcome"] == "failed"}) == (
        "failed",
        {"listing"},
    )
    assert "checks" not in integration(rt) and alerts(rt) == {}, "the command changes nothing"
    history = CliRunner().invoke(cli.app, ["integrations", "show", "bills"]).output
    assert "Ada" in history and "next sync" in history


def test_in_the_cloud_the_command_shows_what_the_function_found(rt: Laptop) -> None:
    """An operator cannot decrypt credentials there."""
    cloud = CloudRuntime(Settings(home=rt.settings.home, runtime="cloud"))
    vars(cloud).update(documents=rt.documents, clock=rt.clock)
    document = integration(rt)
    rt.documents.set(f"orgs/{ORG}/integrations/bills", {**document, "credential_ref": "of a credential"})
    (unknown,) = check_integration(cloud, ORG, "bills").checks
    assert (unknown.outcome, unknown.fix) == ("unknown", "costwire sync --integration bills")
    rt.documents.set(f"orgs/{ORG}/integrations/bills", document)
    tick(rt)
    rt.documents.update(f"orgs/{ORG}/integrations/bills", {"credential_ref": "of a credential"})
    found = check_integration(cloud, ORG, "bills")
    assert found.checked_at.isoformat() == integration(rt)["checks"]["checked_at"]
    assert [one.name for one in found.checks][:2] == ["identity", "listing"]
