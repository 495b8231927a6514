"""Two integrations that would count the same money twice are refused when the second is connected, by what the export shows of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from common.declared.planning import make_plan
from common.declared.reading import read_declaration
from common.errors import BadConfiguration, NotReady
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.ports import FoundObject, Probe, ProbedLocation, Source
from common.runtime import bootstrap
from costwire.worker import subscribe_here, work
from tests import oci_peer
from tests.integration.test_which_delivery_is_shown import cur
from tests.support import NOW, Laptop, laptop

ORG = "default"
SCOPE = "/providers/Microsoft.Billing/billingAccounts/123456"
DETAILED, STANDARD, FOCUS = (
    f"gcp_billing_export_{kind}_010011_ABCDEF_012345" for kind in ("resource_v1", "v1", "focus")
)


class Tables:
    """A billing export of which only the listing matters."""

    def __init__(self, uri: str, *tables: str) -> None:
        self.uri, self._tables = uri, tables

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        if not self._tables:
            raise NotReady("dataset has no lines yet; a new export has its first lines within 48 hours")
        return [FoundObject(f"{one}/invoice_month=2026-03/2026-03-07.parquet", 1, NOW, "1") for one in self._tables]

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        raise AssertionError(name)

    def probes(self) -> Sequence[Probe]:
        return ()


class Stated(Laptop):
    """Some places are as a test says."""

    places: dict[str, ProbedLocation]

    def source(self, integration: Source) -> ProbedLocation:
        return self.places.get(integration.location) or super().source(integration)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Stated]:
    for name in ("bills", "one", "two"):
        (tmp_path / "files" / name).mkdir(parents=True)
    with laptop(tmp_path / "home") as made:
        rt = Stated(made.settings)
        bootstrap.use(rt)
        rt.places = {
            "bq://bills/a/detailed": Tables("bq://bills/a/detailed", DETAILED),
            "bq://bills/a/standard": Tables("bq://bills/a/standard", STANDARD),
            "bq://bills/a": Tables("bq://bills/a", FOCUS),
            "bq://bills/new": Tables("bq://bills/new"),
            "bq://bills/other": Tables("bq://bills/other", DETAILED.replace("010011", "020022")),
        }
        yield rt


def azure(folder: Path, kind: str, scope: str = SCOPE) -> str:
    run = folder / "export" / "20260301-20260331" / "run"
    run.mkdir(parents=True)
    (run / "part.csv").write_text("a\n")
    config = {"type": kind, "resourceId": f"{scope}/providers/Microsoft.CostManagement/exports/{folder.name}"}
    (run / "manifest.json").write_text(json.dumps({"exportConfig": config, "blobs": [{"blobName": "part.csv"}]}))
    return folder.as_uri()


def legacy(folder: Path, account: str, column: str = "") -> str:
    period = folder / "report" / "20260301-20260401"
    period.mkdir(parents=True)
    columns = [{"category": "lineItem", "name": column}] if column else []
    manifest = {"assemblyId": "v1", "account": account, "reportKeys": ["x.csv"], "columns": columns}
    (period / "report-Manifest.json").write_text(json.dumps(manifest))
    return folder.as_uri()


def second(rt: Laptop, first: tuple[str, str], other: tuple[str, str]) -> str:
    """Why the second of two may not be connected; nothing is stored of it, and on purpose it may."""
    connect(rt, Connection(ORG, *first, "first"))
    with pytest.raises(BadConfiguration) as caught:
        connect(rt, Connection(ORG, *other, "second"))
    assert [name for name, _ in rt.documents.list(f"orgs/{ORG}/integrations")] == ["first"]
    connect(rt, Connection(ORG, *other, "second", allow_overlap=True))
    return str(caught.value)


def test_the_same_place_is_read_once(rt: Stated, tmp_path: Path) -> None:
    path = cur(tmp_path / "files" / "bills" / "bill.csv", "10")
    said = second(rt, ("aws", path.parent.as_uri()), ("aws", path.as_uri()))
    assert "is read by integration first already (AWS, file:" in said and "two integrations of one place" in said
    assert "costwire integrations remove first" in said and "--allow-overlap" in said


def test_the_standard_and_the_detailed_export_of_a_billing_account_are_one(rt: Stated) -> None:
    said = second(rt, ("gcp", "bq://bills/a/detailed"), ("gcp", "bq://bills/a/standard"))
    assert "account 010011_ABCDEF_012345 is read by integration first" in said
    assert "the standard and the detailed export of one billing account count the same costs twice" in said


def test_the_native_and_the_focus_export_of_an_account_are_one(rt: Stated) -> None:
    said = second(rt, ("gcp", "bq://bills/a/detailed"), ("focus", "bq://bills/a"))
    assert "the native and the FOCUS export of one account count the same costs twice" in said
    connect(rt, Connection(ORG, "gcp", "bq://bills/other", "third"))  # another billing account


def test_an_actual_export_is_not_connected_twice(rt: Stated, tmp_path: Path) -> None:
    said = second(
        rt, ("azure", azure(tmp_path / "one", "ActualCost")), ("azure", azure(tmp_path / "two", "ActualCost"))
    )
    assert f"account {SCOPE.lower()} is read by integration first" in said and "two exports of one account" in said


def test_a_focus_export_of_an_azure_scope_that_is_read_natively_is_refused(rt: Stated, tmp_path: Path) -> None:
    said = second(rt, ("azure", azure(tmp_path / "one", "ActualCost")), ("focus", azure(tmp_path / "two", "FocusCost")))
    assert "the native and the FOCUS export" in said


def test_two_reports_of_one_aws_account_are_one(rt: Stated, tmp_path: Path) -> None:
    second(rt, ("aws", legacy(tmp_path / "one", "111122223333")), ("aws", legacy(tmp_path / "two", "111122223333")))
    connect(rt, Connection(ORG, "aws", legacy(tmp_path / "three", "999900001111"), "third"))


def test_the_focus_reports_of_an_oci_tenancy_are_its_cost_reports(rt: Stated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTWIRE_OCI_ENDPOINT", oci_peer.peer().address)
    tenancy = "ocid1.tenancy.oc1..twice"
    for name in ("reports/cost-csv/1.csv.gz", "FOCUS Reports/2026/03/01/1.csv.gz"):
        oci_peer.peer().write(tenancy, name, b"x")
    monkeypatch.setattr("common.tenancy.credentials.load", lambda *_: oci_peer.credential())
    said = second(rt, ("oci", f"oci://bling/{tenancy}/reports"), ("focus", f"oci://bling/{tenancy}/FOCUS Reports"))
    assert f"account {tenancy} is read by integration first" in said


def test_connecting_again_elsewhere_is_no_second_integration(rt: Stated, tmp_path: Path) -> None:
    connect(rt, Connection(ORG, "aws", legacy(tmp_path / "one", "111122223333"), "first"))
    moved = connect(rt, Connection(ORG, "aws", legacy(tmp_path / "two", "111122223333"), "first"))
    assert moved.integration["config"]["location"].endswith("/two")


def test_what_only_the_bills_show_is_held_back_when_it_is_to_be_shown(rt: Stated, tmp_path: Path) -> None:
    subscribe_here(rt)
    one, two = cur(tmp_path / "files" / "one" / "bill.csv", "10"), cur(tmp_path / "files" / "two" / "bill.csv", "20")
    connect(rt, Connection(ORG, "aws", str(one), "one"))
    connect(rt, Connection(ORG, "aws", str(two), "two"))  # files without a manifest name no account
    for name in ("one", "two"):
        sync(rt, ORG, integration_id=name)
        list(work(rt, rt.clock.sleep))
    assert {one["integration_id"]: one["state"] for one in rt.deliveries()} == {"one": "current", "two": "held"}
    assert rt.billed() == {"USD": 10}


def test_the_plan_of_a_file_says_it_before_anything_is_applied(rt: Stated, tmp_path: Path) -> None:
    connect(rt, Connection(ORG, "gcp", "bq://bills/a/detailed", "first"))
    text = '[[integrations]]\nid = "second"\nprovider = "gcp"\nlocation = "bq://bills/a/standard"\n'
    (tmp_path / "costwire.toml").write_text(text)
    with pytest.raises(
        BadConfiguration, match=r"account 010011_ABCDEF_012345 is read by integration first .* nothing was applied"
    ):
        make_plan(rt, read_declaration(tmp_path / "costwire.toml"))
    (tmp_path / "costwire.toml").write_text(text + "allow_overlap = true\n")
    assert make_plan(rt, read_declaration(tmp_path / "costwire.toml")).to_do


def test_an_export_without_lines_is_connected_and_pending(rt: Stated) -> None:
    connected = connect(rt, Connection(ORG, "gcp", "bq://bills/new"))
    assert (connected.files, connected.integration["status"]) == (0, "pending")
    assert "within 48 hours" in connected.integration["waiting_for"]
    rt.clock.moment += timedelta(hours=1)
    rt.places["bq://bills/new"] = Tables("bq://bills/new", DETAILED)
    assert connect(rt, Connection(ORG, "gcp", "bq://bills/new")).integration["status"] == "validating"
