"""Connecting and reading refuse what is the platform's or another tenant's, with the same rules."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from common.adapters import locations
from common.errors import BadConfiguration
from common.ingestion.connecting import Connection, connect
from common.ports import FoundObject, Source
from common.records.integrations import integration_path, load_integration, source_of
from common.records.organizations import add
from common.tenancy import data, integrations
from tests.support import NOW, Laptop, laptop

ORG, OTHER = "acme_1", "globex_1"


class _Bucket:
    """A bucket that anybody may read: no IAM stands between tenants here."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        return [FoundObject("march.csv", 1, NOW, "1")]

    def open(self, name: str) -> BinaryIO:
        raise NotImplementedError


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """The cloud runtime's rules on this machine's stores."""
    for scheme in ("gs", "az"):
        monkeypatch.setitem(locations.PLACES, scheme, lambda source, credential: _Bucket(source.location))
    with laptop(tmp_path / "home", runtime="cloud", project="p", bucket="p-costwire") as made:
        for org in (ORG, OTHER):
            add(made.documents, made.clock.now(), org, org)
        yield made


def reading(rt: Laptop, org: str, integration: str = "aws") -> int:
    return len(rt.source(source_of(org, load_integration(rt.documents, org, integration))).list())


@pytest.mark.parametrize("theirs", ["gs://bills/globex", "gs://bills", "gs://bills/globex/cur", "GS://Bills/globex/"])
def test_no_tenant_is_connected_to_the_place_of_another(cloud: Laptop, theirs: str) -> None:
    connect(cloud, Connection(OTHER, "aws", "gs://bills/globex"))
    with pytest.raises(BadConfiguration, match="read by another organization") as refused:
        connect(cloud, Connection(ORG, "aws", theirs))
    assert OTHER not in str(refused.value)
    assert cloud.documents.list(f"orgs/{ORG}/integrations") == []
    connect(cloud, Connection(ORG, "aws", "gs://bills/acme"))
    connect(cloud, Connection(OTHER, "gcp", "gs://bills/globex"))  # its own place, a second time
    assert reading(cloud, ORG) == reading(cloud, OTHER) == reading(cloud, OTHER, "gcp") == 1


@pytest.mark.parametrize(
    "theirs",
    ["az://acct/exports/globex", "AZ://Acct//exports", "https://acct.blob.core.windows.net/exports/globex/actual"],
)
def test_a_container_of_azure_is_one_place_in_its_account(cloud: Laptop, theirs: str) -> None:
    connect(cloud, Connection(OTHER, "azure", "az://acct/exports/globex"))
    with pytest.raises(BadConfiguration, match="read by another organization"):
        connect(cloud, Connection(ORG, "azure", theirs))
    for number, own in enumerate(("az://acct/exports/acme", "az://acct/bills/globex", "az://acme/exports/globex")):
        connect(cloud, Connection(ORG, "azure", own, f"own-{number}"))
        assert reading(cloud, ORG, f"own-{number}") == 1


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("gs://bills/globex/march", "read by another organization"),
        ("gs://p-costwire/raw/globex_1", "storage of Costwire itself"),
        ("gs://p-costwire/uploads/globex_1/aws/run", "storage of Costwire itself"),
        ("file:///proc/self/environ", "cloud functions cannot read"),
    ],
)
def test_a_location_that_was_changed_in_the_document_is_refused_when_it_is_opened(
    cloud: Laptop, location: str, words: str
) -> None:
    connect(cloud, Connection(OTHER, "aws", "gs://bills/globex"))
    made = connect(cloud, Connection(ORG, "aws", "gs://bills/acme")).integration
    cloud.documents.set(integration_path(ORG, "aws"), {**made, "config": {"location": location}})
    with pytest.raises(BadConfiguration, match=words):
        reading(cloud, ORG)
    with pytest.raises(BadConfiguration, match=words):  # where a run names it
        cloud.source(source_of(ORG, made, location))
    with pytest.raises(BadConfiguration):
        connect(cloud, Connection(ORG, "aws", location))


def test_an_upload_is_opened_for_the_integration_that_it_was_made_for(cloud: Laptop) -> None:
    made = connect(cloud, Connection(ORG, "aws", "gs://bills/acme")).integration
    assert cloud.source(source_of(ORG, made, f"gs://p-costwire/uploads/{ORG}/aws/run/march.csv")).list()
    assert cloud.source(Source("file:///tmp", ORG, on_this_machine=True)).uri == "file:///tmp"


def test_a_place_is_free_again_when_nobody_reads_it(cloud: Laptop) -> None:
    place = "gs://bills/shared"
    connect(cloud, Connection(OTHER, "aws", place))
    connect(cloud, Connection(OTHER, "aws", "gs://globex-bills"))  # elsewhere now
    assert [name for name, _ in cloud.documents.list("places")] == ["gs.globex-bills"]
    connect(cloud, Connection(ORG, "aws", place))
    integrations.remove(cloud, ORG, "aws")
    connect(cloud, Connection(OTHER, "gcp", place))
    data.remove(cloud, OTHER)
    assert cloud.documents.list("places") == []
    connect(cloud, Connection(ORG, "aws", place))


def test_of_two_tenants_that_connect_one_place_at_once_one_is_refused(cloud: Laptop) -> None:
    """The check when it is opened sees nothing yet of either; the transaction that saves does."""
    place = "gs://bills/cur"
    opened = cloud.source

    def meanwhile(source: Source) -> object:
        found = opened(source)
        cloud.__dict__["source"] = opened
        connect(cloud, Connection(OTHER, "aws", place))
        return found

    cloud.__dict__["source"] = meanwhile
    with pytest.raises(BadConfiguration, match="read by another organization"):
        connect(cloud, Connection(ORG, "aws", place))
    assert cloud.documents.list(f"orgs/{ORG}/integrations") == []


def test_one_machine_reads_any_folder_but_its_own_state(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        for org in (ORG, OTHER):
            add(rt.documents, rt.clock.now(), org, org)
        rt.objects.put(f"raw/{OTHER}/march.csv", io.BytesIO(b"x"))
        (tmp_path / "bills").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "home" / "objects" / "raw")
        for location in (
            str(tmp_path / "link"),
            (tmp_path / "home" / "objects").as_uri(),
            str(tmp_path / "home" / "keys.json"),
        ):
            with pytest.raises(BadConfiguration, match="storage of Costwire itself"):
                connect(rt, Connection(ORG, "aws", location))
            with pytest.raises(BadConfiguration, match="storage of Costwire itself"):
                rt.source(Source(location, ORG, "aws"))
        for org in (ORG, OTHER):
            connect(rt, Connection(org, "aws", str(tmp_path / "bills")))
