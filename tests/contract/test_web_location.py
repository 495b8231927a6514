"""A file at an address: ranges, guards, signatures, refusals, and addresses that are never called."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from common.adapters.locations import open_source, web
from common.errors import (
    BadConfiguration,
    Changed,
    CostError,
    NoSuchPlace,
    NotFound,
    NotSignedIn,
    Retryable,
    Throttled,
)
from common.ports import Source
from common.ports.locations import ProbedLocation
from common.providers.signed_address import read_credential
from tests import web_peer
from tests.web_peer import SIGNATURE, Peer

PLACE = "https://bills.example/exports/march%202026.csv"
PATH, NAME = "/exports/march%202026.csv", "march 2026.csv"
PLANTED = "planted-secret-of-a-test"


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    monkeypatch.setattr(web, "_TRIES", 1)
    with web_peer.serving() as made:
        monkeypatch.setenv(web.ENDPOINT, made.address)
        made.write(PATH, b"0123456789", '"first"')
        yield made


def opened(place: str = PLACE, signed: str | None = None) -> ProbedLocation:
    return open_source(Source(place, secret=signed.encode() if signed else None), lambda: (signed or "").encode())


def test_a_file_is_listed_with_its_facts_and_read_by_ranges(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.adapters.shared.ranged_file.BLOCK_BYTES", 4)
    (found,) = opened().list()
    assert (found.name, found.size_bytes, found.version) == (NAME, 10, '"first"')
    assert found.modified_at == datetime.fromtimestamp(1_774_000_000, UTC)
    with opened().open(NAME, found.version) as stream:
        assert [stream.read(3), stream.seek(8), stream.read(), stream.seek(0), stream.read()] == [
            b"012", 8, b"89", 0, b"0123456789",
        ]  # fmt: skip
    assert set(peer.asked) == {"bytes=0-0", "bytes=0-3", "bytes=4-7", "bytes=8-9"}
    assert opened().list("april") == []


def test_an_empty_file_is_one(peer: Peer) -> None:
    peer.write(PATH, b"", '"empty"')
    (found,) = opened().list()
    assert found.size_bytes == 0
    with opened().open(NAME, found.version) as stream:
        assert stream.read() == b""


def test_a_signed_address_opens_what_its_path_alone_does_not(peer: Peer) -> None:
    peer.query = SIGNATURE
    with pytest.raises(BadConfiguration, match=r"does not let the file be read \(403\), or its signature has expired"):
        opened().list()
    assert len(opened(signed=f"{PLACE}?{SIGNATURE}").list()) == 1


def test_the_signature_of_another_file_is_told(peer: Peer) -> None:
    with pytest.raises(BadConfiguration, match="the signed address is of another file") as caught:
        opened(signed=f"https://bills.example/exports/april.csv?{SIGNATURE}").list()
    assert PLANTED not in str(caught.value)
    assert peer.asked == []


@pytest.mark.parametrize("ignored", [set(), {"preconditions"}])
def test_a_file_that_is_overwritten_while_it_is_read_is_told(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, ignored: set[str]
) -> None:
    monkeypatch.setattr("common.adapters.shared.ranged_file.BLOCK_BYTES", 4)
    peer.ignores = ignored
    (found,) = opened().list()
    with opened().open(NAME, found.version) as stream:
        peer.write(PATH, b"9876543210", '"second"')
        with pytest.raises(Changed, match="changed since it was listed"):
            stream.read()
    with pytest.raises(Changed):
        opened().open(NAME, found.version)


def test_without_a_strong_tag_the_time_of_change_and_the_size_are_the_version(peer: Peer) -> None:
    peer.headers = {"etag": 'W/"weak"'}
    (found,) = opened().list()
    assert found.version == f"{web_peer.NOW} 10"
    with opened().open(NAME, found.version) as stream:
        assert stream.read() == b"0123456789"


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, NotSignedIn, r"or its signature has expired; make a new signed address"),
        (401, NotSignedIn, r"does not let the file be read \(401\)"),
        (403, NotSignedIn, r"does not let the file be read \(403\)"),
        (404, NoSuchPlace, "does not exist: the server has no such file"),
        (410, NoSuchPlace, "does not exist: the server has no such file"),
        (418, BadConfiguration, r"refuses the request \(418\)"),
        (429, Throttled, r"temporarily unavailable \(429\)"),
        (503, Retryable, r"temporarily unavailable \(503\)"),
    ],
)
def test_each_refusal_has_its_own_words_and_repeats_none_of_the_servers(
    peer: Peer, status: int, kind: type[CostError], words: str
) -> None:
    peer.status = status
    with pytest.raises(kind, match=words) as caught:
        opened().list()
    assert PLANTED not in str(caught.value)


def test_what_may_pass_is_tried_again(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_TRIES", 3)
    peer.status = 503
    with pytest.raises(Retryable):
        opened().list()
    assert len(peer.asked) == 3


def test_another_address_is_not_followed(peer: Peer) -> None:
    peer.status, peer.headers = 302, {"location": "http://169.254.169.254/latest/meta-data"}
    with pytest.raises(BadConfiguration, match=r"answers with another address \(302\)"):
        opened().list()
    assert len(peer.asked) == 1


def test_a_server_without_ranges_or_facts_is_told(peer: Peer) -> None:
    peer.ignores = {"ranges"}
    with pytest.raises(
        BadConfiguration, match=r"does not give parts of a file \(200\); download it, and use costwire import"
    ):
        opened().list()
    peer.ignores, peer.without = set(), {"last-modified"}
    with pytest.raises(BadConfiguration, match="does not say how large the file is or when it changed"):
        opened().list()


def test_a_dry_run_says_who_reads_how_much(peer: Peer) -> None:
    found = [probe.run() for probe in opened().probes()]
    assert found == ["anybody: the address is open", "10 bytes", f"{NAME} can be read"]
    peer.query = SIGNATURE
    assert opened(signed=f"{PLACE}?{SIGNATURE}").probes()[0].run() == "whoever has the signed address"


def test_another_name_is_not_there(peer: Peer) -> None:
    for name in ("april.csv", "", "../march 2026.csv"):
        with pytest.raises(NotFound):
            opened().open(name)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0"]
)
def test_a_private_address_is_never_called(host: str) -> None:
    with pytest.raises(BadConfiguration, match="leads to a private address; only places of the internet are read"):
        opened(f"https://{host}/bill.csv").list()


def test_a_name_that_leads_to_a_private_address_only_when_it_is_connected_is_not_asked_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with web_peer.serving() as peer:
        port = peer.address.rpartition(":")[2]
        monkeypatch.setattr(web, "resolves_to_private", lambda host, port: False)  # as if the name changed in between
        with pytest.raises(BadConfiguration, match="leads to a private address"):
            opened(f"https://localhost:{port}/bill.csv").list()
        assert peer.asked == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (f"{PLACE}?{SIGNATURE}", "what signs it is a credential"),
        (f"{PLACE}#{PLANTED}", "what signs it is a credential"),
        (f"https://user:{PLANTED}@bills.example/march.csv", "what signs it is a credential"),
        ("https://bills.example", "not the address of a file"),
        ("https://bills.example/exports/", "not the address of a file"),
        ("https:///march.csv", "not the address of a file"),
        ("https://bills.example:no/march.csv", "not the address of a file"),
    ],
)
def test_an_address_that_is_more_or_less_than_a_file_is_refused(place: str, words: str) -> None:
    with pytest.raises(BadConfiguration, match=words) as caught:
        opened(place)
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    "secret", [b"", b"\xff\xfe", b"sig=planted-secret-of-a-test", b"http://a.example/b?planted-secret-of-a-test", b"https://a.example/b",
               b"https://a.example/b?planted-secret-of-a-test\nhttps://a.example/c?d"],
)  # fmt: skip
def test_a_credential_of_another_shape_is_told_before_anything_is_sent(secret: bytes) -> None:
    with pytest.raises(BadConfiguration, match=r"^Invalid signed address: the file ") as caught:
        read_credential(secret)
    assert PLANTED not in str(caught.value)


def test_a_signature_reaches_no_log(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    peer.query = SIGNATURE
    with caplog.at_level(logging.DEBUG), opened(signed=f"{PLACE}?{SIGNATURE}").open(NAME) as stream:
        stream.read()
    assert PLANTED not in caplog.text
