"""Clouds that trust the service account which Costwire runs as: no key of theirs is stored, and one customer's trust serves no other."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from google.auth.transport.requests import Request
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from common.adapters.gcp.identity import credentials_of, signed_in_as
from common.adapters.gcp.identity_tokens import identity_token
from common.adapters.locations import open_source
from common.errors import BadConfiguration, NotAllowed, NotSignedIn, Retryable
from common.ingestion.permissions import permissions_for
from common.ports import Location, Source
from common.providers.aws.credential import read_credential as read_aws
from common.providers.azure.credential import read_credential as read_azure
from common.providers.azure.permissions import ISSUER
from common.providers.gcp.credential import read_credential as read_google
from common.records.organizations import ensure_default
from common.tenancy.external_ids import external_id_of
from tests import azure_peer, s3_peer
from tests.support import laptop

EXTERNAL_ID = "costwire-0123456789abcdef"
OWN_ROLE = "arn:aws:iam::999988887777:role/costwire"
ROLE = "arn:aws:iam::111122223333:role/billing"
EMAIL = "reader@customer.iam.gserviceaccount.com"
POOL = "//iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/costwire/providers/google"
FEDERATED = {
    "type": "federated",
    "tenant_id": azure_peer.APPLICATION["tenant_id"],
    "client_id": azure_peer.APPLICATION["client_id"],
}
EXTERNAL = {
    "type": "external_account",
    "audience": POOL,
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://evil.example/token",
    "credential_source": {"url": "https://evil.example/steal", "executable": {"command": "/bin/evil"}},
    "service_account_impersonation_url": f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken",
}


Sent = Callable[[requests.PreparedRequest], tuple[int, dict[str, str], bytes] | None]


def routed(monkeypatch: pytest.MonkeyPatch, answer: Sent) -> None:
    """Answer what is sent by HTTP here; what `answer` has none for goes where it went before."""
    there = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, *words: Any, **named: Any) -> requests.Response:
        found = answer(request)
        if found is None:
            return there(adapter, request, *words, **named)
        made = requests.Response()
        made.status_code, made.request, made.url = found[0], request, str(request.url)
        made.headers.update(found[1])
        made.raw = HTTPResponse(io.BytesIO(found[2]), headers=found[1], status=found[0], preload_content=False)
        return made

    monkeypatch.setattr(HTTPAdapter, "send", send)


@pytest.fixture
def audiences(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Google's metadata server, which says who a function is; the audiences that it was asked for."""
    asked: list[str] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes] | None:
        url = urlsplit(str(request.url))
        if url.hostname not in ("metadata.google.internal", "169.254.169.254"):
            return None
        if not url.path.endswith("/identity"):
            body = b'{"email": "ingest@costwire.iam.gserviceaccount.com"}'
            return 200, {"Metadata-Flavor": "Google", "Content-Type": "application/json"}, body
        asked.append(parse_qs(url.query)["audience"][0])
        return 200, {"Metadata-Flavor": "Google", "Content-Type": "text/plain"}, token_for(asked[-1]).encode()

    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    routed(monkeypatch, answer)
    return asked


def token_for(audience: str) -> str:
    """As Google's are, signed by nobody."""
    payload = {"aud": audience, "azp": "1234", "sub": "1234", "iss": "https://accounts.google.com", "exp": 4102444800}
    parts = (json.dumps(one).encode() for one in ({"alg": "RS256", "typ": "JWT"}, payload))
    return ".".join([*(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts), "c2ln"])


def test_a_function_that_is_no_service_account_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    key = tmp_path / "key.json"
    key.write_text('{"type": "authorized_user", "client_secret": "planted-secret-of-a-test"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(BadConfiguration, match="runs as no service account of Google Cloud") as caught:
        identity_token("x")
    assert "planted" not in str(caught.value)


def test_a_token_that_cannot_be_fetched_is_tried_again(audiences: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.oauth2.id_token.fetch_id_token", _away)
    with pytest.raises(Retryable, match="Google's identity tokens: temporarily unavailable"):
        identity_token("x")


def _away(*_: Any) -> str:
    from google.auth.exceptions import TransportError

    raise TransportError("planted-secret-of-a-test")  # type: ignore[no-untyped-call]


def aws(secret: dict[str, str], own: str | None = OWN_ROLE) -> Location:
    source = Source("s3://bills/cur", config={"external_id": EXTERNAL_ID}, own_aws_role=own)
    return open_source(source, lambda: json.dumps(secret).encode())


@pytest.fixture
def sent_to_aws(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """moto's server, and what STS is asked."""
    import botocore.client

    asked: list[dict[str, Any]] = []
    there = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, words: dict[str, Any]) -> Any:
        if operation.startswith("Assume"):
            keys = client._request_signer._credentials
            asked.append({"operation": operation, "signed_by": keys and keys.access_key, **words})
        return there(client, operation, words)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_peer.server())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    s3_peer.client().create_bucket(Bucket="bills")
    s3_peer.client().put_object(Bucket="bills", Key="cur/bill.csv", Body=b"1")
    return asked


def test_a_function_becomes_our_role_in_aws_and_then_the_customers(
    audiences: list[str], sent_to_aws: list[dict[str, Any]]
) -> None:
    assert [item.name for item in aws({"role_arn": ROLE}).list()] == ["bill.csv"]
    ours, theirs = sent_to_aws
    assert (ours["operation"], ours["RoleArn"], ours["signed_by"]) == (
        "AssumeRoleWithWebIdentity", OWN_ROLE, None,
    )  # fmt: skip
    assert ours["WebIdentityToken"] == token_for("sts.amazonaws.com")
    assert (theirs["operation"], theirs["RoleArn"], theirs["ExternalId"]) == ("AssumeRole", ROLE, EXTERNAL_ID)
    assert theirs["signed_by"] is not None


def test_keys_of_a_customer_never_become_our_role(audiences: list[str], sent_to_aws: list[dict[str, Any]]) -> None:
    keys = json.loads(s3_peer.KEYS)
    assert [item.name for item in aws({"role_arn": ROLE, **keys}).list()] == ["bill.csv"]
    (theirs,) = sent_to_aws
    assert (theirs["RoleArn"], theirs["signed_by"]) == (ROLE, keys["access_key_id"])
    assert audiences == []


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidIdentityToken"])
def test_a_role_of_ours_that_trusts_another_service_account_is_told(
    audiences: list[str], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    with s3_peer.refusing(403, code) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(NotAllowed, match=r"role arn:aws:iam::999988887777:role/costwire, Costwire's own, is not"):
            aws({"role_arn": ROLE}).list()


def test_the_doctor_tries_the_customers_role_without_its_id_as_we_would(
    audiences: list[str], sent_to_aws: list[dict[str, Any]]
) -> None:
    place = aws({"role_arn": ROLE})
    (probe,) = [one for one in place.probes() if one.name == "external id"]  # type: ignore[attr-defined]
    with pytest.raises(BadConfiguration, match="can be assumed without an external id"):  # moto asks for none
        probe.run()
    assert [one["operation"] for one in sent_to_aws] == ["AssumeRoleWithWebIdentity", "AssumeRole"]
    assert "ExternalId" not in sent_to_aws[1]


def answering(monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, dict[str, Any]]]) -> list[Any]:
    """What is sent to addresses that begin so is answered here, and listed; all else but the metadata server is refused."""
    asked: list[Any] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes] | None:
        if urlsplit(str(request.url)).hostname in ("metadata.google.internal", "169.254.169.254"):
            return None
        asked.append(request)
        return _answer(str(request.url), answers)

    routed(monkeypatch, answer)
    return asked


def _answer(url: str, answers: dict[str, tuple[int, dict[str, Any]]]) -> tuple[int, dict[str, str], bytes]:
    for begin, (status, body) in answers.items():
        if url.startswith(begin):
            return status, {"Content-Type": "application/json"}, json.dumps(body).encode()
    if url.startswith("https://login.microsoftonline.com/"):
        return 200, {"Content-Type": "application/json"}, azure_peer.SIGN_IN
    if ".blob.core.windows.net/" in url:
        return 200, {"Content-Type": "application/xml"}, azure_peer.listing()
    return 404, {}, url.encode()


def azure(**config: str) -> Location:
    return open_source(Source("az://acmebills/exports", config=config), lambda: json.dumps(FEDERATED).encode())


def test_an_application_is_signed_in_to_with_a_token_for_its_integration_alone(
    audiences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = {"access_token": "theirs", "token_type": "Bearer", "expires_in": 3600}
    asked = answering(monkeypatch, {azure_peer.TOKEN_URL: (200, token)})
    assert azure(external_id=EXTERNAL_ID).list() == []
    assert audiences == [EXTERNAL_ID]
    (signed_in,) = [one for one in asked if one.url == azure_peer.TOKEN_URL]
    sent = parse_qs(str(signed_in.body))
    assert sent["client_assertion"] == [token_for(EXTERNAL_ID)] and "client_secret" not in sent
    assert asked[-1].headers["Authorization"] == "Bearer theirs"


def test_an_application_that_does_not_trust_us_is_told(audiences: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"error": "invalid_client", "error_description": "AADSTS700213: planted-secret-of-a-test"}
    answering(monkeypatch, {azure_peer.TOKEN_URL: (401, refusal)})
    with pytest.raises(
        NotSignedIn, match="no federated credential for Costwire's issuer, subject and audience"
    ) as told:
        azure(external_id=EXTERNAL_ID).list()
    assert "planted" not in str(told.value)


def test_an_application_needs_the_id_of_an_integration(audiences: list[str]) -> None:
    with pytest.raises(BadConfiguration, match="needs an external id as its audience"):
        azure().list()
    assert audiences == []


def test_a_machine_without_an_identity_is_told_before_azure_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {})
    monkeypatch.setattr("google.oauth2.id_token.fetch_id_token", lambda *_: (_ for _ in ()).throw(ValueError("secret")))
    with pytest.raises(BadConfiguration, match="runs as no service account of Google Cloud"):
        azure(external_id=EXTERNAL_ID).list()
    assert not [one for one in asked if one.url == azure_peer.TOKEN_URL]


def test_a_pool_is_asked_at_googles_addresses_with_a_token_for_its_integration_alone(
    audiences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(
        monkeypatch,
        {
            "https://sts.googleapis.com/v1/token": (
                200,
                {"access_token": "pool", "issued_token_type": "x", "token_type": "Bearer", "expires_in": 3600},
            ),
            f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken": (
                200,
                {"accessToken": "theirs", "expireTime": "2099-01-01T00:00:00Z"},
            ),
        },
    )
    given = read_google(json.dumps(EXTERNAL).encode()).named_for(EXTERNAL_ID)
    made = credentials_of(given, "NO_EMULATOR")
    made.refresh(Request())
    assert made.token == "theirs" and signed_in_as(given, made) == f"service account {EMAIL}"
    assert set(audiences) == {EXTERNAL_ID}
    exchange = parse_qs((asked[0].body or b"").decode())
    assert exchange["audience"] == [POOL] and exchange["subject_token"] == [token_for(EXTERNAL_ID)]
    assert {urlsplit(one.url).hostname for one in asked} == {"sts.googleapis.com", "iamcredentials.googleapis.com"}


def test_a_pool_that_does_not_trust_us_is_told(audiences: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"error": "invalid_grant", "error_description": "planted-secret-of-a-test"}
    answering(monkeypatch, {"https://sts.googleapis.com/v1/token": (400, refusal)})
    given = read_google(json.dumps(EXTERNAL).encode()).named_for(EXTERNAL_ID)
    with pytest.raises(NotAllowed, match="the provider must accept Costwire's identity and the audience") as caught:
        signed_in_as(given, credentials_of(given, "NO_EMULATOR"))
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"audience": "//iam.googleapis.com/evil"}, "has an audience that is not the provider of a workload identity"),
        ({"audience": None}, "has no audience"),
        ({"service_account_impersonation_url": "https://evil.example/x"}, "names no service account"),
        ({"service_account_impersonation_url": EXTERNAL["service_account_impersonation_url"] + "/x"}, "names no"),
        ({"client_secret": "x"}, "has a field that is not known"),
    ],
)
def test_an_external_account_of_another_shape_is_told(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(BadConfiguration, match=words) as caught:
        read_google(json.dumps({**EXTERNAL, **changed}).encode())
    assert "evil" not in str(caught.value)


def test_what_trusts_us_is_assumed_and_gets_an_external_id() -> None:
    assert read_aws(json.dumps({"role_arn": ROLE}).encode()).is_assumed
    found = read_azure(json.dumps(FEDERATED).encode())
    assert (found.is_assumed, found.kind) == (True, "service_principal")
    read = read_google(json.dumps(EXTERNAL).encode())
    assert (read.is_assumed, read.kind, read.email) == (True, "external_account", EMAIL)


@pytest.mark.parametrize(
    ("provider", "location", "words"),
    [
        ("azure", "az://acme/exports", ["az ad app federated-credential create", f'"issuer": "{ISSUER}"']),
        ("gcp", "bq://bills/export", ["gcloud iam service-accounts create {id:.29}", "--allowed-audiences={id}"]),
    ],
)
def test_what_to_create_is_printed_with_the_id_that_connecting_asks_for(
    tmp_path: Path, provider: str, location: str, words: list[str]
) -> None:
    with laptop(tmp_path, project="costwire-prod") as rt:
        ensure_default(rt.documents, rt.clock.now())
        found = permissions_for(rt, "default", provider, location, "main")
        assert found.external_id == external_id_of(rt.documents, "default", "main")
        printed = "\n".join(found.grants.values())
        assert [
            one
            for one in words
            if one.replace("{id:.29}", found.external_id[:29]).replace("{id}", found.external_id) not in printed
        ] == []
        assert f"ingest-{provider}@costwire-prod.iam.gserviceaccount.com" in printed
        with pytest.raises(BadConfiguration, match="--location is not"):
            permissions_for(rt, "default", provider, "s3://bucket/x", "main")
