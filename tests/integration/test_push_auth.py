"""A push is let in by the right token of the right account, and by nothing else; refused before anything of it is read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from functions_framework import create_app
from push_tokens import ACCOUNT, AUDIENCE, CertificateServer, Key, certificate_server

from common.config import Settings
from common.runtime import bootstrap, push_auth
from common.runtime.bootstrap import EmbeddedRuntime
from common.runtime.push_auth import Certificates, Refusal, authenticate

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(push_auth="token", push_audience=AUDIENCE, push_service_account=ACCOUNT)
KEY = Key("key-1")
STRANGER = Key("key-1")
NOW = int(time.time())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CertificateServer]:
    with certificate_server(KEY) as serving:
        monkeypatch.setattr(push_auth, "certificates", Certificates(serving.url))
        yield serving


def refused(authorization: str | None, settings: Settings = SETTINGS) -> Refusal:
    with pytest.raises(Refusal) as caught:
        authenticate(authorization, settings)
    return caught.value


def signed_with_the_public_key() -> str:
    """A token whose HMAC is made with the certificate: what a verifier that trusts the header would let in."""
    _, claims, _ = KEY.token().split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"key-1"}').rstrip(b"=").decode()
    digest = hmac.new(KEY.certificate().encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    return f"{header}.{claims}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_other_claims() -> str:
    """The signature of one token on the claims of another."""
    header, _, signature = KEY.token(email="someone@example.com").split(".")
    return f"{header}.{KEY.token().split('.')[1]}.{signature}"


@pytest.mark.usefixtures("server")
def test_the_right_token_is_let_in() -> None:
    authenticate(f"Bearer {KEY.token()}", SETTINGS)
    authenticate(f"bearer {KEY.token(iss='accounts.google.com')}", SETTINGS)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("token", "status"),
    [
        (KEY.token(aud="https://functions.example/normalize_focus"), 401),
        (KEY.token(aud=[AUDIENCE, "https://elsewhere.example"]), 401),
        (KEY.token(aud=None), 401),
        (KEY.token(iat=NOW - 7200, exp=NOW - 3600), 401),
        (KEY.token(exp=None), 401),
        (KEY.token(exp="soon"), 401),
        (KEY.token(iat=NOW + 3600, exp=NOW + 7200), 401),
        (KEY.token(iss="https://accounts.example.com"), 401),
        (KEY.token(iss=None), 401),
        (KEY.token(email="other@costwire-test.iam.gserviceaccount.com"), 403),
        (KEY.token(email=None), 403),
        (KEY.token(email_verified=False), 403),
        (KEY.token(email_verified="true"), 403),
        (KEY.token(email_verified=None), 403),
        (KEY.token(algorithm="none"), 401),
        (STRANGER.token(), 401),
        (Key("key-9").token(), 401),
        (signed_with_the_public_key(), 401),
        (with_other_claims(), 401),
        ("no.token.atall", 401),
        ("garbage", 401),
        ("\N{SNOWMAN}", 401),
    ],
    ids=[
        "another audience", "several audiences", "no audience", "expired", "no end", "an end that is no time",
        "not yet", "another issuer", "no issuer", "another account", "no account", "unverified", "verified as text",
        "verified unsaid", "unsigned", "another's signature", "an unknown key", "signed with the public key",
        "another token's signature", "no JWT", "one word", "no ASCII",
    ],
)  # fmt: skip
def test_any_other_token_is_refused(token: str, status: int) -> None:
    refusal = refused(f"Bearer {token}")
    assert refusal.status == status
    assert token not in refusal.why


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", f"Basic {KEY.token()}", KEY.token()])
def test_no_bearer_token_is_refused(authorization: str | None) -> None:
    assert refused(authorization).status == 401


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("missing", ["push_audience", "push_service_account"])
def test_without_its_settings_everything_is_refused_and_the_log_names_them(missing: str) -> None:
    refusal = refused(f"Bearer {KEY.token()}", SETTINGS.model_copy(update={missing: None}))
    assert refusal.status == 403
    assert f"COSTWIRE_{missing.upper()}" in refusal.why


def test_where_the_platform_checks_nothing_is_asked(server: CertificateServer) -> None:
    authenticate(None, SETTINGS.model_copy(update={"push_auth": "platform"}))
    assert server.asked == 0


def test_certificates_are_fetched_once_for_many_pushes(server: CertificateServer) -> None:
    for _ in range(5):
        authenticate(f"Bearer {KEY.token()}", SETTINGS)
    assert server.asked == 1


def test_certificates_are_fetched_again_when_they_are_out_of_date(server: CertificateServer) -> None:
    server.cache_control = "max-age=0"
    for _ in range(3):
        authenticate(f"Bearer {KEY.token()}", SETTINGS)
    assert server.asked == 3


def test_a_new_key_is_found_and_unknown_ones_cannot_flood_the_issuer(
    server: CertificateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticate(f"Bearer {KEY.token()}", SETTINGS)
    new = Key("key-2")
    server.served[new.key_id] = new.certificate()
    assert refused(f"Bearer {new.token()}").status == 401
    assert server.asked == 1
    monkeypatch.setattr(push_auth, "_MIN_SECONDS_BETWEEN_FETCHES", 0.0)
    authenticate(f"Bearer {new.token()}", SETTINGS)
    assert server.asked == 2


@pytest.mark.parametrize(("status", "served"), [(500, {}), (200, ["no", "certificates"])])
def test_while_certificates_cannot_be_had_the_push_is_to_come_again(
    server: CertificateServer, status: int, served: Any
) -> None:
    server.status, server.served = status, served
    assert refused(f"Bearer {KEY.token()}").status == 503
    server.status, server.served = 200, {KEY.key_id: KEY.certificate()}
    authenticate(f"Bearer {KEY.token()}", SETTINGS)


# ---- over HTTP ----


SYNC = {"type": "costwire.sync-requested.v1", "data": {"run_id": "", "trigger": "schedule"}}
CLOUD_EVENT = {"specversion": "1.0", "source": "//test", "id": "1", **SYNC}


def raw(body: bytes) -> dict[str, Any]:
    """What Pub/Sub posts."""
    return {
        "message": {"data": base64.b64encode(body).decode(), "messageId": "77", "publishTime": "2026-03-01T00:00:00Z"},
        "subscription": "projects/p/subscriptions/dispatch_sync",
    }


@pytest.fixture
def rt(tmp_path: Path, server: CertificateServer) -> Iterator[EmbeddedRuntime]:
    made = EmbeddedRuntime(SETTINGS.model_copy(update={"home": tmp_path / "home"}))
    bootstrap.use(made)
    yield made
    bootstrap.use(None)


def post(posted: Any, token: str | None, kind: str = "application/json") -> tuple[int, str]:
    app = create_app("dispatch_sync", str(ROOT / "functions" / "dispatch_sync" / "main.py"))
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = app.test_client().post("/", data=json.dumps(posted), headers=headers)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("posted", "kind"),
    [
        (raw(json.dumps(SYNC).encode()), "application/json"),
        (raw(b"no event"), "application/json"),
        (CLOUD_EVENT, "application/cloudevents+json"),
        (CLOUD_EVENT | {"type": "costwire.nothing.v1"}, "application/cloudevents+json"),
    ],
    ids=["raw", "raw, no event", "CloudEvent", "CloudEvent of no type of ours"],
)
def test_a_refused_push_does_nothing_and_says_one_line(
    rt: EmbeddedRuntime, posted: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = STRANGER.token()
    for token in (None, stranger):
        status, said = post(posted, token, kind)
        assert (status, said) == (401, "a push needs a valid token\n")
    assert post(posted, KEY.token(email="x@y.example"), kind) == (403, "a push needs a valid token\n")
    assert rt.bus.dead_letters() == []
    assert rt.processed.list("processed") == []
    assert len(caplog.records) == 3
    assert stranger not in caplog.text


def test_a_push_with_the_right_token_is_worked_on(rt: EmbeddedRuntime) -> None:
    assert post(raw(json.dumps(SYNC).encode()), KEY.token()) == (200, "OK")
    assert post(CLOUD_EVENT, KEY.token(), "application/cloudevents+json") == (200, "OK")
    assert len(rt.processed.list("processed")) == 2
    assert rt.bus.dead_letters() == []
