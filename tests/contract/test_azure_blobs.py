"""Bills in Azure Blob Storage: what the common cases of locations cannot tell, as refusals, addresses, guards and requests.

What needs azurite runs where CONTRACT_LOCATIONS asks for azure; servers of the tests' own answer the rest.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.blob import ContentSettings
from backends import chosen
from cryptography import x509
from requests.adapters import HTTPAdapter

from common.adapters.locations import open_source
from common.errors import BadConfiguration, Changed, CostError, Retryable
from common.ports import Location, Source
from common.providers.azure.credential import read_credential
from tests import azure_peer
from tests.azure_peer import ACCOUNT, APPLICATION, PLANTED, TOKEN_URL

on_azurite = pytest.mark.skipif("azure" not in chosen("LOCATIONS", "file,s3"), reason="CONTRACT_LOCATIONS does not name azure")  # fmt: skip
TENANT = APPLICATION["tenant_id"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits between tries."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def opened(place: Path, prefix: str = "costs") -> Location:
    container = azure_peer.container_of(place).container_name
    uri = f"az://{ACCOUNT}/{container}/{prefix}"
    return open_source(Source(uri, may_name_addresses=True), azure_peer.secret)


@on_azurite
def test_a_blob_that_is_overwritten_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.adapters.shared.ranged_file.BLOCK_BYTES", 4)
    monkeypatch.setattr("common.adapters.shared.ranged_file._BUFFER_BYTES", 4)
    azure_peer.write(tmp_path / "costs", "bill", bytes(100))
    with opened(tmp_path).open("bill") as stream:
        assert stream.read(4) == bytes(4)
        azure_peer.write(tmp_path / "costs", "bill", b"1" * 100)
        with pytest.raises(Changed, match="bill changed since it was listed"):
            stream.read()


@on_azurite
def test_a_blob_that_is_removed_while_it_is_read_is_told(tmp_path: Path) -> None:
    azure_peer.write(tmp_path / "costs", "bill", bytes(100))
    with opened(tmp_path).open("bill") as stream:
        azure_peer.container_of(tmp_path).delete_blob("costs/bill")
        with pytest.raises(Changed, match="bill changed since it was listed"):
            stream.read()


@on_azurite
def test_ranges_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    content = bytes(range(256)) * 50_000  # several blocks
    azure_peer.write(tmp_path / "costs", "bill", content)
    with opened(tmp_path).open("bill") as stream:
        stream.seek(9_000_000)
        assert stream.read(10) == content[9_000_000:9_000_010]
        stream.seek(0)
        assert stream.read() == content


@on_azurite
def test_compressed_bytes_stay_as_they_are_stored(tmp_path: Path) -> None:
    """A blob that says gzip of itself would be unpacked on its way, and its ranges with it."""
    packed = bytes.fromhex("1f8b0800") + bytes(60)
    settings = ContentSettings(content_encoding="gzip")
    azure_peer.container_of(tmp_path).upload_blob("costs/part.csv.gz", packed, content_settings=settings)
    with opened(tmp_path).open("part.csv.gz") as stream:
        assert stream.read() == packed


@on_azurite
def test_damaged_bytes_are_told_by_their_md5(tmp_path: Path) -> None:
    settings = ContentSettings(content_md5=bytearray(16))
    client = azure_peer.container_of(tmp_path).get_blob_client("costs/bill")
    client.stage_block("0", b"as it was stored")
    client.commit_block_list(["0"], content_settings=settings)
    with opened(tmp_path).open("bill") as stream, pytest.raises(Retryable, match="its MD5 does not match"):
        stream.read()


@on_azurite
def test_directories_are_not_files(tmp_path: Path) -> None:
    azure_peer.write(tmp_path / "costs", "run/part.csv", b"1")
    azure_peer.container_of(tmp_path).upload_blob("costs/run", b"", metadata={"Hdi_isfolder": "true"})
    assert [item.name for item in opened(tmp_path).list()] == ["run/part.csv"]
    assert [item.name for item in opened(tmp_path, "costs/run").list()] == ["part.csv"]


@on_azurite
def test_a_listing_is_one_request_for_five_thousand_blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        azure_peer.write(tmp_path / "costs", f"part-{number}", b"")
    place = opened(tmp_path)
    asked = azure_peer.counting(monkeypatch)
    assert len(place.list()) == 20
    assert len(asked) == 1, asked


@on_azurite
def test_a_container_that_does_not_exist_is_named() -> None:
    place = open_source(Source(f"az://{ACCOUNT}/no-such-container/x", may_name_addresses=True), azure_peer.secret)
    with pytest.raises(BadConfiguration, match=r"container no-such-container of location .* does not exist"):
        place.list()
    with pytest.raises(BadConfiguration, match=r"container no-such-container of location .* does not exist"):
        place.open("bill")


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AuthorizationPermissionMismatch", BadConfiguration,
         r'assign the role "Storage Blob Data Reader" to the application on container bills of storage account devstoreaccount1'),
        (403, "AuthorizationFailure", BadConfiguration, r"does not accept requests from here \(AuthorizationFailure\).* network rules"),
        (403, "AuthenticationFailed", BadConfiguration, r"does not accept the credential \(AuthenticationFailed\)"),
        (401, "InvalidAuthenticationInfo", BadConfiguration, r"does not accept the credential \(InvalidAuthenticationInfo\)"),
        (404, "ContainerNotFound", BadConfiguration, "container bills of location az://devstoreaccount1/bills/x does not exist"),
        (409, "ContainerBeingDeleted", BadConfiguration, "container bills of .* does not exist"),
        (503, "ServerBusy", Retryable, r"too many requests \(ServerBusy\)"),
        (429, "TooManyRequests", Retryable, r"too many requests \(TooManyRequests\)"),
        (500, "OperationTimedOut", Retryable, "temporarily unavailable"),
        (400, "InvalidUri", BadConfiguration, r"Azure refuses the request \(InvalidUri\); check the location"),
        (403, "AccountIsDisabled", BadConfiguration, r"Azure refuses the request \(AccountIsDisabled\)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ask", [lambda place: place.list(), lambda place: place.open("bill")], ids=["list", "open"])
def test_each_refusal_has_its_own_words_and_repeats_none_of_azures(
    status: int, code: str, kind: type[CostError], words: str, ask: Any
) -> None:
    with azure_peer.refusing(status, code) as address:
        source = Source(f"az://{ACCOUNT}/bills/x", may_name_addresses=True)
        with pytest.raises(kind, match=words) as caught:
            ask(open_source(source, lambda: azure_peer.secret(address)))
    assert PLANTED not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_service_that_cannot_be_reached_is_tried_again() -> None:
    place = open_source(
        Source(f"az://{ACCOUNT}/bills", may_name_addresses=True), lambda: azure_peer.secret("http://127.0.0.1:1")
    )
    with pytest.raises(Retryable, match="temporarily unavailable, ServiceRequestError"):
        place.list()


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (socket.EAI_NONAME, BadConfiguration, "there is no storage account of this name"),
        (socket.EAI_AGAIN, Retryable, "temporarily unavailable"),
    ],
)
def test_an_account_whose_name_does_not_resolve_is_told(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[CostError], words: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(number, "no address")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    place = open_source(
        Source(f"az://{ACCOUNT}/bills", may_name_addresses=True), lambda: azure_peer.secret("http://x.invalid")
    )
    with pytest.raises(kind, match=words):
        place.list()


def entra(status: int, **answer: Any) -> azure_peer.Answer:
    """Entra ID and a storage account with an empty container."""

    def answered(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        url = str(request.url)
        if url == TOKEN_URL:
            return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()
        if url.startswith("https://login.microsoftonline.com/"):
            return 200, {"Content-Type": "application/json"}, azure_peer.SIGN_IN
        return 200, {"Content-Type": "application/xml"}, azure_peer.listing()

    return answered


def service_principal(secret: bytes = azure_peer.SECRET) -> Location:
    return open_source(Source("az://acmebills/exports"), lambda: secret)


def test_an_application_is_sent_to_microsofts_addresses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "evil.example")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_peer.connection_string("http://evil.example"))
    token = {"access_token": PLANTED, "token_type": "Bearer", "expires_in": 3600}
    asked = azure_peer.answering(monkeypatch, entra(200, **token))
    place = service_principal()
    assert place.list() == place.list() == []
    hosts = [str(request.url).split("/")[2] for request in asked]
    assert set(hosts) == {"login.microsoftonline.com", "acmebills.blob.core.windows.net"}
    *signing_in, first, second = asked
    assert first.url == second.url and first.headers["Authorization"] == f"Bearer {PLANTED}", "one sign-in for all"
    assert "grant_type=client_credentials" in str(signing_in[-1].body)
    assert "restype=container&comp=list&include=metadata" in str(first.url)


def test_a_certificate_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = azure_peer.answering(monkeypatch, entra(200, access_token=PLANTED, token_type="Bearer", expires_in=3600))
    given = {**APPLICATION, "client_secret": None, "certificate": certificate()}
    assert service_principal(json.dumps(given).encode()).list() == []
    assert any("client_assertion=" in str(request.body) for request in asked)


def test_a_certificate_that_cannot_be_read_is_told() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    given = {**APPLICATION, "client_secret": None, "certificate": pem}
    with pytest.raises(BadConfiguration, match="the certificate of the Azure credential cannot be read"):
        service_principal(json.dumps(given).encode()).list()


@pytest.mark.parametrize(
    ("status", "number", "kind", "words"),
    [
        (401, "AADSTS7000222", BadConfiguration, r"does not accept the credential \(AADSTS7000222: the client secret has expired\)"),
        (401, "AADSTS7000215", BadConfiguration, r"\(AADSTS7000215: the client secret is wrong: give its value, not its id\)"),
        (400, "AADSTS700016", BadConfiguration, r"\(AADSTS700016: the tenant has no application of this client_id\)"),
        (400, "AADSTS999999", BadConfiguration, r"\(AADSTS999999\)"),
        (503, "", Retryable, "Entra ID is temporarily unavailable, MsalServiceError"),
        (400, "AADSTS90033", Retryable, r"Entra ID is temporarily unavailable \(AADSTS90033\)"),
    ],
)  # fmt: skip
def test_what_entra_refuses_is_told_by_its_number_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    status: int, number: str, kind: type[CostError], words: str,
) -> None:  # fmt: skip
    answer = {
        "error": "invalid_client",
        "error_description": f"{number}: {PLANTED} for app 'x'. Trace ID: 1",
        "error_codes": [1],
    }
    asked = azure_peer.answering(monkeypatch, entra(status, **answer))
    with caplog.at_level("DEBUG"), pytest.raises(kind, match=words) as caught:
        service_principal().list()
    assert PLANTED not in str(caught.value) + caplog.text
    if kind is BadConfiguration:  # a wrong secret is not sent again
        assert [request.url for request in asked].count(TOKEN_URL) == 1


def test_entra_that_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(request: requests.PreparedRequest) -> Any:
        raise requests.ConnectionError(PLANTED)

    azure_peer.answering(monkeypatch, away)
    with pytest.raises(Retryable, match="Entra ID is temporarily unavailable, ServiceRequestError") as caught:
        service_principal().list()
    assert PLANTED not in str(caught.value)


def test_a_tenant_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.dumps({"error": "invalid_tenant", "error_description": f"AADSTS90002: {PLANTED}"}).encode()
    azure_peer.answering(monkeypatch, lambda request: (400, {"Content-Type": "application/json"}, found))
    with pytest.raises(BadConfiguration, match=r"does not accept the credential \(no tenant of this tenant_id\)"):
        service_principal().list()


def test_a_user_of_this_machine_is_who_az_login_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    az = tmp_path / "az"
    az.write_text(f'#!/bin/sh\necho \'{{"accessToken": "{PLANTED}", "expires_on": 4102444800}}\'\n')
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    asked = azure_peer.answering(monkeypatch, entra(200))
    assert open_source(Source("az://acmebills/exports"), lambda: None).list() == []
    assert [request.headers["Authorization"] for request in asked] == [f"Bearer {PLANTED}"]


def test_a_user_who_is_not_signed_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadConfiguration, match="there is no Azure credential; run az login"):
        open_source(Source("az://acmebills/exports"), lambda: None).list()


def elsewhere() -> Location:
    """A container at an address that the test answers for."""
    source = Source(f"az://{ACCOUNT}/bills", may_name_addresses=True)
    return open_source(source, lambda: azure_peer.secret("http://storage.example"))


def test_a_listing_goes_on_where_its_page_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        second = "marker=behind" in str(request.url)
        listed = azure_peer.listing("b.csv") if second else azure_peer.listing("a.csv", marker="behind")
        return 200, {"Content-Type": "application/xml"}, listed

    asked = azure_peer.answering(monkeypatch, page)
    assert [item.name for item in elsewhere().list()] == ["a.csv", "b.csv"]
    assert len(asked) == 2


def test_a_blob_that_is_gone_by_the_time_of_its_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        if request.method == "HEAD":
            return 200, {"ETag": '"0x1"', "Content-Length": "5", "x-ms-blob-type": "BlockBlob"}, b""
        return 404, {"x-ms-error-code": "BlobNotFound", "Content-Type": "application/xml"}, b""

    azure_peer.answering(monkeypatch, answer)
    with elsewhere().open("a.csv", "0x1") as stream, pytest.raises(Changed, match=r"a\.csv changed since"):
        stream.read()


@pytest.mark.parametrize(
    "secret", [azure_peer.SECRET, azure_peer.secret("http://storage.example", "acmebills")], ids=["entra", "storage"]
)
def test_a_service_that_does_not_answer_is_asked_four_times_and_not_for_long(
    monkeypatch: pytest.MonkeyPatch, secret: bytes
) -> None:
    waits: list[Any] = []
    slept: list[float] = []

    def silent(adapter: HTTPAdapter, request: requests.PreparedRequest, **named: Any) -> Any:
        waits.append(named["timeout"])
        raise requests.ConnectTimeout

    monkeypatch.setattr(HTTPAdapter, "send", silent)
    monkeypatch.setattr("time.sleep", slept.append)
    with pytest.raises(Retryable):
        open_source(Source("az://acmebills/exports", may_name_addresses=True), lambda: secret).list()
    assert waits == [(10, 60)] * 4
    assert sum(slept) < 10


def test_a_connection_string_is_for_ones_own_machine() -> None:
    place = open_source(Source(f"az://{ACCOUNT}/bills"), lambda: azure_peer.secret("http://127.0.0.1:1"))
    with pytest.raises(BadConfiguration, match="a connection string is accepted on your own machine only"):
        place.list()


def test_a_connection_string_of_another_account_is_told() -> None:
    source = Source("az://acmebills/exports", may_name_addresses=True)
    with pytest.raises(BadConfiguration, match="is not of storage account acmebills"):
        open_source(source, lambda: azure_peer.secret("http://127.0.0.1:1")).list()


@pytest.mark.parametrize(
    "uri",
    ["az://", "az://account", "az://account/", "az://account//x", "az://evil.example#/container", "az://a@b/container",
     "az://account/container/../x", "az://account/container//x", "az://account/-x", "az://account/UP_per"],
)  # fmt: skip
def test_a_location_without_account_and_container_is_refused(uri: str) -> None:
    with pytest.raises(BadConfiguration, match="location is not az://<account>/<container>/<prefix>"):
        open_source(Source(uri), lambda: pytest.fail("no credential was expected to be asked for"))


def without(name: str, **more: Any) -> Mapping[str, Any]:
    return {key: value for key, value in APPLICATION.items() if key != name} | more


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (b"DefaultEndpointsProtocol=https;AccountName=planted-secret-of-a-test", "is not JSON"),
        ({}, "has no tenant_id, client_id"),
        (without("client_id"), "has no client_id"),
        (without("client_secret"), "has none or several of client_secret, certificate and type"),
        (without("", certificate="x"), "has none or several of client_secret, certificate and type"),
        (without("", tenant_id="a b"), "has a tenant_id that is not"),
        (without("", tenant_id="evil.example/x"), "has a tenant_id that is not"),
        (without("", client_id=PLANTED), "has a client_id that is not a GUID"),
        (without("", subscription_id="1"), "has a subscription_id that is not a GUID"),
        (without("client_secret", certificate=PLANTED), "has a certificate that is not PEM"),
        (without("", authority="https://evil.example"), "has a field that is not known"),
        ({"connection_string": PLANTED}, "has a connection_string without AccountName"),
        (without("", connection_string="AccountName=a"), "has a connection_string beside an application"),
    ],
)  # fmt: skip
def test_a_credential_of_another_shape_is_told_before_anything_is_sent(given: Any, found: str) -> None:
    secret = given if isinstance(given, bytes) else json.dumps(given).encode()
    with pytest.raises(BadConfiguration, match=f"^Invalid Azure credential JSON format: the file .*{found}") as caught:
        read_credential(secret)
    assert PLANTED not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tenant", [TENANT, "acme.onmicrosoft.com"])
def test_an_application_is_a_service_principal_whose_secret_is_never_shown(tenant: str) -> None:
    read = read_credential(json.dumps({**APPLICATION, "tenant_id": tenant, "subscription_id": TENANT}).encode())
    assert (read.kind, read.tenant_id, read.is_assumed) == ("service_principal", tenant, False)
    assert PLANTED not in repr(read)


def certificate() -> str:
    """A certificate with its key, made for the test."""
    from datetime import UTC, datetime, timedelta

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "costwire")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (made.public_bytes(serialization.Encoding.PEM) + pem).decode()
