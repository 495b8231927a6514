"""A bill at a signed address: from `costwire connect` to the proved month, and what an expired signature says."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.adapters.locations import web
from common.errors import BadConfiguration
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from costwire import cli
from costwire.worker import subscribe_here, work
from tests import web_peer
from tests.support import Laptop, laptop
from tests.web_peer import SIGNATURE, Peer

BILL = Path(__file__).parents[1] / "fixtures" / "bills" / "azure" / "twins" / "part_0_actual.csv"
PLACE = "https://bills.example/exports/march.csv"
PLANTED = "planted-secret-of-a-test"
ORG = "default"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        subscribe_here(made)
        yield made


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    with web_peer.serving() as made:
        monkeypatch.setenv(web.ENDPOINT, made.address)
        made.write("/exports/march.csv", BILL.read_bytes(), '"first"')
        made.query = SIGNATURE
        yield made


def test_the_command_connects_a_signed_address_and_nothing_stores_or_logs_its_signature(
    rt: Laptop, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COSTWIRE_HOME", str(rt.settings.home))
    (tmp_path / "address").write_text(f"{PLACE}?{SIGNATURE}\n")
    words = ["connect", "azure", "--location", PLACE, "--credential", str(tmp_path / "address")]
    with caplog.at_level(logging.DEBUG):
        for one in (words, ["sync"]):
            done = CliRunner().invoke(cli.app, one)
            assert done.exit_code == 0, done.output
            assert PLANTED not in done.output
    (delivery,) = rt.deliveries(state="current")
    assert [(one["currency"], one["difference"]) for one in delivery["proof"]] == [("USD", "0")]
    assert set(rt.billed()) == {"USD"} and rt.billed()["USD"] > Decimal(0)
    assert rt.sealed.list(f"orgs/{ORG}/credentials")[0][1]["credential_type"] == "signed_url"
    kept = [path.read_bytes() for path in rt.settings.home.rglob("*") if path.is_file()]
    assert not any(PLANTED.encode() in one for one in kept)
    assert PLANTED not in caplog.text


def test_a_file_that_did_not_change_takes_one_request(rt: Laptop, peer: Peer) -> None:
    connect(rt, Connection(ORG, "azure", PLACE, secret=f"{PLACE}?{SIGNATURE}".encode()))
    for expected in (1, 1):
        before = len(peer.asked)
        sync(rt, ORG)
        assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []
        assert len(rt.deliveries()) == expected
    assert peer.asked[before:] == ["bytes=0-0"]


def test_a_signature_that_expired_puts_the_integration_into_error_in_words(
    rt: Laptop, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    connect(rt, Connection(ORG, "azure", PLACE, secret=f"{PLACE}?{SIGNATURE}".encode()))
    peer.query = "sig=another"
    with caplog.at_level(logging.DEBUG):
        sync(rt, ORG)
        list(work(rt, rt.clock.sleep))
    (integration,) = [one for _, one in rt.documents.list(f"orgs/{ORG}/integrations")]
    assert integration["status"] == "error"
    assert "(403), or its signature has expired; make a new signed address" in integration["error_message"]
    assert PLANTED not in caplog.text + json.dumps(integration)


def test_an_address_with_its_signature_is_refused_as_a_location_and_nothing_is_saved(rt: Laptop, peer: Peer) -> None:
    with pytest.raises(BadConfiguration, match="what signs it is a credential") as caught:
        connect(rt, Connection(ORG, "azure", f"{PLACE}?{SIGNATURE}"))
    assert PLANTED not in str(caught.value)
    assert rt.documents.list(f"orgs/{ORG}/integrations") == rt.sealed.list(f"orgs/{ORG}/credentials") == []
