"""Connecting, importing and synchronizing as use cases: typed arguments and results, nothing printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadConfiguration, NoSpace, NotFound
from common.ingestion.connecting import Connection, connect
from common.ingestion.importing import BillOnDisk, import_bill
from common.ingestion.requesting import Requested, outcome_of
from common.ingestion.syncing import sync
from common.messages import Message
from common.records.integrations import load_integration
from common.records.organizations import add
from common.tenancy import credentials, schedules
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, cur_line, cur_text, laptop

ORG = "acme_1"


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills" / "march.csv").write_text(cur_text([cur_line(1, "2.50")]))
    return tmp_path / "bills" / "march.csv"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        add(made.documents, made.clock.now(), "Acme", ORG)
        subscribe_all(made)
        yield made


def test_an_import_returns_the_run_that_ends_with_its_delivery(
    rt: Laptop, bill: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requested = Requested(ORG, import_bill(rt, BillOnDisk(bill, ORG)).run_ids)
    (run_id,) = requested.run_ids
    assert run_id.endswith(".aws-111122223333") and rt.documents.get(f"orgs/{ORG}/runs/{run_id}")
    outcome = wait(rt, requested)
    assert [run["status"] for run in outcome.runs] == ["succeeded"] and outcome.reasons == ()
    assert [(one.integration_id, one.billing_period, one.state) for one in outcome.deliveries] == [
        ("aws-111122223333", "2026-03", "current")
    ]
    assert capsys.readouterr() == ("", "")


def test_a_bill_that_is_refused_gives_its_reason_once(rt: Laptop, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("just,words\nsecret,cell\n")
    imported = import_bill(rt, BillOnDisk(broken, ORG, provider="aws", integration_id="bill"))
    outcome = wait(rt, Requested(ORG, imported.run_ids))
    assert len(outcome.reasons) == 1 and "secret" not in outcome.reasons[0]
    assert outcome_of(rt.documents, Requested(ORG, ()), ["lost", "lost"]).reasons == ("lost",)


def test_a_request_that_cannot_be_published_ends_its_own_run_alone(rt: Laptop, bill: Path) -> None:
    waiting = import_bill(rt, BillOnDisk(bill, ORG, integration_id="first"))
    bus = rt.bus

    class Full:
        def publish(self, message: Message) -> None:
            raise NoSpace("the disk is full")

    rt.__dict__["bus"] = Full()
    with pytest.raises(NoSpace):
        import_bill(rt, BillOnDisk(bill, ORG, integration_id="second", allow_overlap=True))
    rt.__dict__["bus"] = bus
    runs = {run["integration_id"]: run for _, run in rt.documents.list(f"orgs/{ORG}/runs")}
    assert (runs["second"]["status"], runs["second"]["error"]) == ("failed", "the disk is full")
    assert runs["first"]["status"] == "queued"
    assert wait(rt, Requested(ORG, waiting.run_ids)).reasons == ()


KEYS = b'{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "the secret"}'


def test_connecting_saves_the_integration_its_credential_and_its_schedule(rt: Laptop, bill: Path) -> None:
    asked = Connection(ORG, "aws", str(bill.parent), secret=KEYS, requested_by="a test")
    connected = connect(rt, asked)
    assert (connected.integration_id, connected.location, connected.files) == ("aws", bill.parent.as_uri(), 1)
    assert load_integration(rt.documents, ORG, "aws")["credential_ref"] == credentials.credential_path(ORG, "aws")
    assert credentials.load(rt.sealed, rt.keys, ORG, "aws") == KEYS
    assert [one.name for one in rt.scheduler.list()] == [schedules.sync_name(ORG)]
    assert "the secret" not in repr(asked)
    again = connect(rt, Connection(ORG, "aws", str(bill.parent)))
    assert again.integration["credential_ref"] == connected.integration["credential_ref"]


def test_nothing_is_saved_of_a_connection_that_is_refused(rt: Laptop, tmp_path: Path) -> None:
    for location, secret in ((str(tmp_path / "nowhere"), None), ("  ", None), (str(tmp_path), bytes(64 * 1024 + 1))):
        with pytest.raises(BadConfiguration):
            connect(rt, Connection(ORG, "aws", location, secret=secret))
    with pytest.raises(NotFound, match="costwire tenants add"):
        connect(rt, Connection("ghost_org", "aws", str(tmp_path)))
    for org in (ORG, "ghost_org"):
        assert rt.documents.list(f"orgs/{org}/integrations") == rt.sealed.list(f"orgs/{org}/credentials") == []
    assert rt.scheduler.list() == []


def test_a_synchronization_requests_each_integration_that_is_meant(rt: Laptop, bill: Path) -> None:
    for name, provider in (("one", "aws"), ("two", "aws"), ("three", "gcp")):
        connect(rt, Connection(ORG, provider, str(bill.parent), name, allow_overlap=True))
    ways = ({"provider": "aws"}, {"integration_id": "three"}, {"provider": "aws", "integration_id": "two"}, {})
    named = [{one.partition(".")[2] for one in sync(rt, ORG, **way).run_ids} for way in ways]  # type: ignore[arg-type]
    assert named == [{"one", "two"}, {"three"}, {"two"}, {"one", "two", "three"}]
    assert rt.bus.pending() == sum(map(len, named))
    for way, words in (({"provider": "oci"}, "nothing to sync"), ({"integration_id": "four"}, "no integration four")):
        with pytest.raises(NotFound, match=words):
            sync(rt, ORG, **way)  # type: ignore[arg-type]
