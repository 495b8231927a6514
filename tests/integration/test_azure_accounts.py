"""A bill in a customer's storage account: from `costwire connect` to the proved month, on azurite, and what an expired secret says.

What needs azurite runs where AZURITE_EMULATOR_HOST leads to it: python -m tests.emulators.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.config import Settings
from common.errors import BadConfiguration
from common.ingestion.checking import check_integration
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.runtime.bootstrap import CloudRuntime
from costwire import cli
from costwire.worker import work
from tests import azure_peer
from tests.accounts import ORG, failed_sync, subscribed, synced
from tests.azure_peer import ACCOUNT, PLANTED
from tests.support import Laptop

TWINS = Path(__file__).parents[1] / "fixtures" / "bills" / "azure" / "twins"
KINDS = {"actual": "ActualCost", "amortized": "AmortizedCost"}
SCOPE = "/subscriptions/11111111-2222-3333-4444-555555555555/providers/Microsoft.CostManagement/exports"
on_azurite = pytest.mark.skipif(not os.environ.get("AZURITE_EMULATOR_HOST"), reason="azurite does not run")


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with subscribed(tmp_path / "home") as made:
        yield made


@pytest.fixture
def export(tmp_path: Path) -> str:
    """The location of an actual and an amortized export of a month, as Azure leaves them: manifests count from the container."""
    container = azure_peer.container_of(tmp_path)
    for name, kind in KINDS.items():
        folder = f"costs/{name}/20260301-20260331/run-{name}"
        part = (TWINS / f"part_0_{name}.csv").read_bytes()
        manifest = {
            "manifestVersion": "2024-04-01", "byteCount": len(part), "blobCount": 1,
            "exportConfig": {"exportName": name, "resourceId": f"{SCOPE}/{name}", "type": kind},
            "runInfo": {"submittedTime": "2026-04-01T01:00:00.1234567Z", "runId": f"run-{name}", "startDate": "2026-03-01T00:00:00"},
            "blobs": [{"blobName": f"{folder}/part_0_0001.csv", "byteCount": len(part)}],
        }  # fmt: skip
        container.upload_blob(f"{folder}/part_0_0001.csv", part)
        container.upload_blob(f"{folder}/manifest.json", json.dumps(manifest).encode())
    return f"az://{ACCOUNT}/{container.container_name}/costs"


@on_azurite
def test_a_connected_container_becomes_a_proved_month(rt: Laptop, export: str) -> None:
    connected = connect(rt, Connection(ORG, "azure", export, secret=azure_peer.secret(), requested_by="a test"))
    assert connected.files == 4
    assert rt.sealed.list(f"orgs/{ORG}/credentials")[0][1]["credential_type"] == "connection_string"
    assert [run["status"] for run in synced(rt)] == ["succeeded"]
    (delivery,) = rt.deliveries(state="current")
    assert delivery["billing_period"] == "2026-03"
    assert [(one["currency"], one["difference"]) for one in delivery["proof"]] == [("USD", "0")]
    assert {part["role"] for part in delivery["parts"]} == set(KINDS)
    assert rt.billed() == {"USD": Decimal("133.21")}


@on_azurite
def test_the_dry_run_of_a_container_shows_both_exports_and_their_scope(rt: Laptop, export: str) -> None:
    connect(rt, Connection(ORG, "azure", export, secret=azure_peer.secret()))
    found = {one.name: one for one in check_integration(rt, ORG, "azure").checks}
    tried = ("identity", "listing", "reading", "export", "agreement")
    assert {name: found[name].outcome for name in tried} == dict.fromkeys(tried, "passed"), found
    assert found["export"].found == "exports ActualCost, AmortizedCost" and "views" not in found
    assert found["agreement"].found.startswith("subscription, scope /subscriptions/11111111")
    with pytest.raises(
        BadConfiguration, match=r"is read by integration azure already .*, and two exports of one account"
    ):
        connect(rt, Connection(ORG, "azure", export, "again", secret=azure_peer.secret()))


@on_azurite
def test_a_container_where_nothing_is_new_takes_one_request(
    rt: Laptop, export: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(rt, Connection(ORG, "azure", export, secret=azure_peer.secret()))
    synced(rt)
    asked = azure_peer.counting(monkeypatch)
    assert [run["status"] for run in synced(rt)] == ["succeeded", "succeeded"]
    assert len(asked) == 1 and "comp=list" in asked[0], asked
    assert len(rt.deliveries()) == 1


@on_azurite
def test_the_command_connects_a_container_and_reads_it(
    rt: Laptop, export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTWIRE_HOME", str(rt.settings.home))
    (tmp_path / "credential.json").write_bytes(azure_peer.secret())
    words = ["connect", "azure", "--location", export, "--credential", str(tmp_path / "credential.json")]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli.app, ["sync"])
    assert done.exit_code == 0, done.output
    assert "133.21" in CliRunner().invoke(cli.app, ["costs", "--by", "month"]).output


def connected_by_an_application(rt: Laptop, monkeypatch: pytest.MonkeyPatch, location: str) -> dict[str, Any]:
    """The integration, in a storage account that answers with a listing of one blob."""
    listing = azure_peer.listing("costs/bill.csv")
    token = json.dumps({"access_token": PLANTED, "token_type": "Bearer", "expires_in": 3600}).encode()
    azure_peer.answering(
        monkeypatch, lambda asked: (200, {"Content-Type": "application/xml"}, listing) if "comp=list" in str(asked.url)
        else (200, {"Content-Type": "application/json"}, azure_peer.SIGN_IN if asked.method == "GET" else token),
    )  # fmt: skip
    return connect(rt, Connection(ORG, "azure", location, secret=azure_peer.SECRET)).integration


def test_an_address_that_was_copied_from_the_portal_is_stored_as_a_location(
    rt: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://AcmeBills.blob.core.windows.net/exports/costs"
    integration = connected_by_an_application(rt, monkeypatch, address)
    assert integration["config"]["location"] == "az://acmebills/exports/costs"
    assert rt.sealed.list(f"orgs/{ORG}/credentials")[0][1]["credential_type"] == "service_principal"


def test_a_secret_that_expires_puts_the_integration_into_error_in_words(
    rt: Laptop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connected_by_an_application(rt, monkeypatch, "az://acmebills/exports/costs")
    refused = json.dumps({"error": "invalid_client", "error_description": f"AADSTS7000222: {PLANTED}"}).encode()
    kind = {"Content-Type": "application/json"}
    azure_peer.answering(
        monkeypatch, lambda asked: (200, kind, azure_peer.SIGN_IN) if asked.method == "GET" else (401, kind, refused)
    )
    with caplog.at_level(logging.DEBUG):
        sync(rt, ORG)
        list(work(rt, rt.clock.sleep))
    said = failed_sync(rt, PLANTED, caplog.text)
    assert "(AADSTS7000222: the client secret has expired); give a credential" in said


def test_a_wrong_credential_is_refused_before_anything_is_sent_or_saved(rt: Laptop) -> None:
    with pytest.raises(BadConfiguration, match="Invalid Azure credential JSON format"):
        connect(rt, Connection(ORG, "azure", "az://acmebills/exports", secret=PLANTED.encode()))
    assert rt.documents.list(f"orgs/{ORG}/integrations") == rt.sealed.list(f"orgs/{ORG}/credentials") == []


@pytest.mark.parametrize("provider", ["azure", "focus"])
def test_no_connection_string_says_in_the_cloud_which_address_is_asked(
    rt: Laptop, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    asked = azure_peer.counting(monkeypatch)
    cloud = CloudRuntime(Settings(home=rt.settings.home, runtime="cloud"))
    vars(cloud).update(documents=rt.documents, sealed=rt.sealed, keys=rt.keys)
    secret = azure_peer.secret("http://169.254.169.254")
    with pytest.raises(BadConfiguration, match="accepted on your own machine only"):
        connect(cloud, Connection(ORG, provider, f"az://{ACCOUNT}/exports", secret=secret))
    assert asked == rt.documents.list(f"orgs/{ORG}/integrations") == []
