"""Bills in OCI Object Storage, at protocol level: signatures, pages, guards and refusals."""

from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from common.adapters.locations import open_source
from common.adapters.oci import object_storage
from common.adapters.oci.signing import Signer
from common.errors import BadConfiguration, Changed, CostError, Retryable
from common.ports import Location, Source
from common.providers.oci.credential import read_credential
from tests import oci_peer

VECTOR = Path(__file__).parents[1] / "fixtures" / "oci_signature.json"
PLANTED = "planted-secret-of-a-test"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(object_storage.ENDPOINT, oci_peer.peer().address)
    return oci_peer.bucket_of(tmp_path)


def opened(bucket: str, secret: bytes | None = None) -> Location:
    return open_source(Source(f"oci://bling/{bucket}/reports"), lambda: secret or oci_peer.credential())


def test_a_request_is_signed_as_oracles_sdk_signs_it() -> None:
    """What the SDK (oci 2.x) made of the same request, key and date."""
    vector = json.loads(VECTOR.read_text())
    signer = Signer(read_credential(json.dumps(vector["credential"]).encode()))
    request = httpx.Request("GET", vector["url"], headers={"date": vector["date"]})
    signed = next(signer.auth_flow(request))
    assert signed.headers["authorization"] == vector["authorization"]


def test_a_listing_goes_on_page_by_page(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_storage, "PAGE", 2)
    for number in range(5):
        oci_peer.peer().write(bucket, f"reports/{number}", b"")
    assert [item.name for item in opened(bucket).list()] == ["0", "1", "2", "3", "4"]


def test_a_file_that_is_overwritten_while_it_is_read_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.adapters.shared.ranged_file.BLOCK_BYTES", 4)
    oci_peer.peer().write(bucket, "reports/bill", bytes(100))
    with opened(bucket).open("bill") as stream:
        oci_peer.peer().write(bucket, "reports/bill", b"1" * 100)
        with pytest.raises(Changed, match="bill changed since it was listed"):
            stream.read()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, BadConfiguration, r"does not accept the credential \(401\); check the fingerprint and this machine's clock"),
        (404, BadConfiguration, "does not exist, or may not be read .*endorse group <group> to read objects in tenancy usage-report"),
        (429, Retryable, r"too many requests \(429\)"),
        (503, Retryable, "temporarily unavailable"),
        (400, BadConfiguration, r"OCI refuses the request \(400\)"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_own_words_and_repeats_none_of_ocis(
    bucket: str, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[CostError], words: str
) -> None:
    monkeypatch.setattr(object_storage, "_TRIES", 1)
    with oci_peer.refusing(status), pytest.raises(kind, match=words) as caught:
        opened(bucket).list()
    assert PLANTED not in str(caught.value)


def test_what_may_pass_is_tried_again(bucket: str) -> None:
    asked = len(oci_peer.peer().asked)
    with oci_peer.refusing(503), pytest.raises(Retryable):
        opened(bucket).list()
    assert len(oci_peer.peer().asked) - asked == object_storage._TRIES


def test_a_wrong_key_is_told(bucket: str) -> None:
    other = oci_peer.credential(fingerprint=":".join(["21"] * 16))
    with pytest.raises(BadConfiguration, match="OCI does not accept the credential"):
        opened(bucket, other).list()
    with pytest.raises(BadConfiguration, match="cannot be read; give a private key in PEM without a password"):
        opened(bucket, oci_peer.credential(key="-----BEGIN PRIVATE KEY-----\nplanted\n")).list()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"user": "me"}, "has a user of another form"),
        ({"key": "planted-secret-of-a-test"}, "has a key that is not a private key in PEM"),
        ({"region": "https://elsewhere.example"}, "has a region of another form"),
        ({"tenancy": ""}, "has no text in tenancy"),
    ],
)
def test_a_credential_of_another_shape_is_told_before_anything_is_sent(change: dict[str, str], found: str) -> None:
    with pytest.raises(BadConfiguration, match=f"^Invalid OCI credential JSON format: the file {found}") as caught:
        read_credential(oci_peer.credential(**change))
    assert PLANTED not in str(caught.value)


def test_the_date_of_a_signature_is_the_time_at_which_it_is_sent() -> None:
    request = next(
        Signer(read_credential(oci_peer.credential())).auth_flow(httpx.Request("GET", "https://x.example/n"))
    )
    assert request.headers["date"][:17] == formatdate(usegmt=True)[:17]
