"""Calls that nobody sent who may: nothing is done, nothing is fetched, and every answer is the same."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from common.config import Settings
from common.providers.azure.notices import EVENT_GRID, ROLE
from common.providers.gcp.notices import audience_of
from common.runtime import bootstrap, push_auth
from common.runtime.senders import ENTRA
from common.tenancy.webhooks import set_up
from tests.integration.push_tokens import certificate_server
from tests.integration.webhook_world import (
    CERTIFICATE,
    KEY,
    OTHER,
    SNS_HOST,
    TOPIC,
    Sns,
    World,
    confirmation,
    event_grid,
    eventbridge,
    pushed,
)
from web.webhooks import LARGEST_BODY

NAME = "/SimpleNotificationService-0123456789abcdef.pem"
AZURE, GOOGLE = "az://acme/bills/exports/costs", "gs://acme-bills/exports"
PUSHES = "costwire-push@acme.iam.gserviceaccount.com"
TENANT, AUDIENCE = "11111111-2222-3333-4444-555555555555", "api://costwire"
NAMES = {
    "id", "source", "detail-type", "detail", "bucket", "object", "name", "key", "size", "eventType", "type", "data", "url", "subject",
    "api", "Records", "s3", "eventName", "message", "attributes", "TopicArn", "Type", "Signature",
}  # fmt: skip
KEYS = f"{ENTRA}/{TENANT}/discovery/v2.0/keys"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[World]:
    made = World(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    yield made
    bootstrap.use(None)


@pytest.fixture(scope="module")
def google() -> Iterator[push_auth.Certificates]:
    with certificate_server(KEY) as server:
        yield push_auth.Certificates(server.url)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str, str]:
    """One of two integrations, and their secrets."""
    rt = World(Settings(home=tmp_path_factory.mktemp("opened") / "home"))
    return rt, rt.integration(), rt.integration(AZURE, "azure", name="azure")


def refused(rt: World, made: TestResponse, *fetched: str) -> None:
    """The one answer, and nothing else anywhere."""
    assert (made.status_code, made.data) == (400, b"not accepted\n")
    assert set(made.headers.keys()) == {"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options"}
    assert rt.requests() == []
    assert rt.documents.list("orgs/default/runs") == rt.processed.list("processed") == []
    assert rt.visited == list(fetched)


# ---- SNS ----

FIELDS = {
    "Message": "{}", "MessageId": "m-2", "Subject": "another", "Timestamp": None, "TopicArn": TOPIC + "2",
    "Type": "UnsubscribeConfirmation",
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_changed_field_is_refused(rt: World, field: str, version: str) -> None:
    rt.integration(sender=TOPIC)
    now = rt.clock.now()
    value = FIELDS[field] or f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S.000Z}"
    made = rt.call(Sns(now, version=version).body(**{field: value}))
    refused(rt, made, *rt.visited)
    assert rt.visited in ([], [CERTIFICATE])


@pytest.mark.parametrize(
    "change",
    [
        {"Subject": None}, {"SignatureVersion": "1"}, {"SignatureVersion": "3"}, {"SignatureVersion": 2}, {"Signature": ""},
        {"Signature": "no base64!"}, {"Signature": base64.b64encode(b"x" * 256).decode()}, {"Signature": None}, {"Message": None},
        {"Message": {"Records": []}}, {"MessageId": None}, {"Timestamp": "yesterday"}, {"Timestamp": "2026-04-10T12:00:00"},
        {"Timestamp": None}, {"TopicArn": None}, {"TopicArn": [TOPIC]}, {"Type": None}, {"Type": "notification"},
        {"Message": "\ud800"},
    ],
    ids=str,
)  # fmt: skip
def test_a_message_of_another_form_is_refused(rt: World, change: dict[str, Any]) -> None:
    rt.integration(sender=TOPIC)
    refused(rt, rt.call(Sns(rt.clock.now()).body(**change)), *rt.visited)


def test_a_signature_of_another_key_is_refused(rt: World) -> None:
    rt.integration(sender=TOPIC)
    refused(rt, rt.call(Sns(rt.clock.now(), key=OTHER).body()), CERTIFICATE)


@pytest.mark.parametrize(
    "address",
    [
        f"http://sns.eu-west-1.amazonaws.com{NAME}",
        f"https://sns.us-east-1.amazonaws.com{NAME}",
        f"https://sns.eu-west-1.amazonaws.com.evil.example{NAME}",
        f"https://evil.example/sns.eu-west-1.amazonaws.com{NAME}",
        f"https://evil.example#@sns.eu-west-1.amazonaws.com{NAME}",
        f"https://sns.eu-west-1.amazonaws.com@evil.example{NAME}",
        f"https://evil@sns.eu-west-1.amazonaws.com{NAME}",
        f"https://sns.eu-west-1.amazonaws.com:8443{NAME}",
        f"https://sns.eu-west-1.amazonaws.com/..{NAME}",
        f"https://sns.eu-west-1.amazonaws.com/evil{NAME}",
        f"https://sns.eu-west-1.amazonaws.com{NAME}?a=b",
        f"https://sns.eu-west-1.amazonaws.com{NAME}\n",
        f"https://snsXeu-west-1.amazonaws.com{NAME}",
        f"https://my-bucket.s3.amazonaws.com{NAME}",
        f"https://SNS.eu-west-1.amazonaws.com{NAME}",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
    ],
)
def test_a_certificate_that_lies_elsewhere_is_not_fetched(rt: World, address: str) -> None:
    rt.integration(sender=TOPIC)
    refused(rt, rt.call(Sns(rt.clock.now(), certificate=address).body()))


@pytest.mark.parametrize("found", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(rt: World, found: bytes) -> None:
    rt.integration(sender=TOPIC)
    rt.web[CERTIFICATE] = found
    refused(rt, rt.call(Sns(rt.clock.now()).body()), CERTIFICATE)


def test_certificates_are_fetched_at_most_ten_times_a_minute(rt: World) -> None:
    rt.integration(sender=TOPIC)
    answers = [
        rt.call(Sns(rt.clock.now(), certificate=f"{SNS_HOST}/SimpleNotificationService-{n}.pem", key=OTHER).body())
        for n in range(15)
    ]
    assert [one.status_code for one in answers] == [400] * 10 + [503] * 5
    assert len(rt.visited) == 10


@pytest.mark.parametrize(
    "topic",
    [
        TOPIC + "x", TOPIC[:-1], TOPIC.replace("111122223333", "444455556666"), TOPIC.replace("eu-west-1", "us-east-1"), TOPIC.upper(),
        "arn:aws:sns:eu-west-1:111122223333:*", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation"])
def test_another_topic_is_refused_before_anything_is_fetched(rt: World, topic: str, kind: str) -> None:
    rt.integration(sender=TOPIC)
    refused(rt, rt.call(Sns(rt.clock.now(), topic=topic, kind=kind).body()))


def test_no_topic_is_taken_where_none_is_named(rt: World) -> None:
    rt.integration()
    for kind in ("Notification", "SubscriptionConfirmation"):
        refused(rt, rt.call(Sns(rt.clock.now(), kind=kind).body()))


@pytest.mark.parametrize(
    "address",
    [
        confirmation(TOPIC, "https://evil.example"),
        confirmation(TOPIC, "http://sns.eu-west-1.amazonaws.com"),
        confirmation(TOPIC, "https://sns.us-east-1.amazonaws.com"),
        confirmation(TOPIC, "https://sns.eu-west-1.amazonaws.com@evil.example"),
        confirmation(TOPIC, "https://sns.eu-west-1.amazonaws.com:444"),
        confirmation(TOPIC, f"{SNS_HOST}/x"),
        confirmation(TOPIC + "2"),
        confirmation(TOPIC, token="token2"),
        confirmation(TOPIC).replace("ConfirmSubscription", "DeleteTopic"),
        confirmation(TOPIC) + "&Action=DeleteTopic",
        confirmation(TOPIC) + "#x",
        SNS_HOST,
    ],
)
def test_a_confirmation_leads_nowhere_else_though_it_is_signed(rt: World, address: str) -> None:
    rt.integration(sender=TOPIC)
    made = rt.call(Sns(rt.clock.now(), kind="SubscriptionConfirmation", subscribe_url=address).body())
    refused(rt, made)


def test_a_forged_confirmation_is_not_visited(rt: World) -> None:
    rt.integration(sender=TOPIC)
    refused(rt, rt.call(Sns(rt.clock.now(), kind="SubscriptionConfirmation", key=OTHER).body()), CERTIFICATE)


@pytest.mark.parametrize("minutes", [-76, -60 * 24 * 9, 11, 60 * 24])
def test_a_message_that_is_too_old_or_of_the_future_is_refused(rt: World, minutes: int) -> None:
    rt.integration(sender=TOPIC)
    refused(rt, rt.call(Sns(rt.clock.now() + timedelta(minutes=minutes)).body()))


# ---- the secret ----


def wrong(secret: str) -> list[str]:
    return ["", secret[:-1], secret + "a", secret.upper(), secret.removeprefix("whsec_"), "whsec_" + "a" * 32, "é" * 38]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("place", ["s3", "az"])
def test_a_wrong_secret_is_refused(rt: World, number: int, place: str) -> None:
    secret = rt.integration() if place == "s3" else rt.integration(AZURE, "azure")
    body: Any = eventbridge() if place == "s3" else [event_grid()]
    given = wrong(secret)[number]
    refused(rt, rt.call(body, x_costwire_secret=given.encode().decode("latin-1")))
    refused(rt, rt.call(body, f"/v1/default/bills?key={given}"))


def test_no_secret_is_refused(rt: World) -> None:
    rt.integration()
    rt.integration(AZURE, "azure", name="azure")
    refused(rt, rt.call(eventbridge()))
    refused(rt, rt.call([event_grid()], "/v1/default/azure"))
    refused(rt, rt.call(b"", "/v1/default/azure", "OPTIONS", WebHook_Request_Origin="eventgrid.azure.net"))
    asked = {"id": "v", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "c"}}
    refused(rt, rt.call([asked], "/v1/default/azure", aeg_event_type="SubscriptionValidation"))


def test_the_secret_of_eventbridge_is_not_taken_from_the_address(rt: World) -> None:
    secret = rt.integration()
    refused(rt, rt.call(eventbridge(), f"/v1/default/bills?key={secret}"))


def test_a_rotated_secret_ends_at_once(rt: World) -> None:
    secret = rt.integration()
    made = set_up(rt, "default", "bills", None, True, True, "test")
    refused(rt, rt.call(eventbridge(), x_costwire_secret=secret))
    assert rt.call(eventbridge(), x_costwire_secret=str(made.secret)).status_code == 200


def test_proof_of_one_integration_is_worth_nothing_at_another(rt: World) -> None:
    first, second = rt.integration(name="first"), rt.integration(name="second")
    rt.integration(name="second", sender=TOPIC)
    refused(rt, rt.call(eventbridge(), "/v1/default/second", x_costwire_secret=first))
    refused(rt, rt.call(eventbridge(), "/v1/default/first", x_costwire_secret=second))
    refused(rt, rt.call(Sns(rt.clock.now()).body(), "/v1/default/first"))
    refused(
        rt, rt.call(eventbridge(), "/v1/default/second", x_costwire_secret=second)
    )  # a topic is named, which alone may call


# ---- tokens ----


def entra_token(**changes: Any) -> str:
    claims = {
        "iss": f"https://sts.windows.net/{TENANT}/", "aud": AUDIENCE, "appid": EVENT_GRID, "azp": None, "roles": [ROLE],
        "email": None, "email_verified": None,
    }  # fmt: skip
    return KEY.token(**(claims | changes))


def entra(rt: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An integration whose calls have tokens of Entra ID, with keys as Entra publishes them."""
    rt.integration(AZURE, "azure", sender=f"{TENANT}/{AUDIENCE}")
    body = "".join(KEY.certificate().splitlines()[1:-1])
    answer = {"keys": [{"kty": "RSA", "kid": KEY.key_id, "x5c": [body]}]}

    def get(url: str, timeout: float) -> Any:
        import httpx

        assert url == KEYS
        return httpx.Response(200, json=answer, request=httpx.Request("GET", url))

    monkeypatch.setattr("httpx.get", get)


@pytest.mark.parametrize(
    "changes", [{}, {"iss": f"{ENTRA}/{TENANT}/v2.0", "appid": None, "azp": EVENT_GRID}], ids=["version 1", "version 2"]
)
def test_event_grid_with_its_token_is_accepted(
    rt: World, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    entra(rt, monkeypatch)
    assert rt.call([event_grid()], Authorization=f"Bearer {entra_token(**changes)}").status_code == 200
    assert len(rt.requests()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": f"https://sts.windows.net/{EVENT_GRID}/"}, {"iss": f"https://sts.windows.net/{TENANT}"}, {"iss": "https://accounts.google.com"},
        {"aud": "api://other"}, {"aud": None}, {"appid": TENANT}, {"appid": None}, {"roles": []}, {"roles": ROLE}, {"roles": None},
        {"exp": int(time.time()) - 60}, {"iat": int(time.time()) + 3600}, {"algorithm": "none"},
    ],
    ids=", ".join,
)  # fmt: skip
def test_a_token_of_entra_for_something_else_is_refused(
    rt: World, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    entra(rt, monkeypatch)
    refused(rt, rt.call([event_grid()], Authorization=f"Bearer {entra_token(**changes)}"))


def test_the_secret_alone_is_refused_where_a_token_is_wanted(rt: World, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = rt.integration(AZURE, "azure")
    entra(rt, monkeypatch)
    refused(rt, rt.call([event_grid()], x_costwire_secret=secret))
    refused(rt, rt.call([event_grid()], Authorization=f"Bearer {secret}"))


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "other@acme.iam.gserviceaccount.com"}, {"email": None}, {"email_verified": False}, {"email_verified": "true"},
        {"aud": "costwire-webhook/default/other"}, {"aud": "costwire-webhook/other/bills"}, {"aud": "https://functions.example"},
        {"aud": None}, {"iss": f"https://sts.windows.net/{TENANT}/"}, {"exp": int(time.time()) - 60}, {"algorithm": "none"},
    ],
    ids=", ".join,
)  # fmt: skip
def test_a_token_of_google_for_something_else_is_refused(
    rt: World, google: push_auth.Certificates, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_auth, "certificates", google)
    rt.integration(GOOGLE, "focus", sender=PUSHES)
    claims = {"aud": audience_of("default", "bills"), "email": PUSHES}
    refused(rt, rt.call(pushed(), Authorization=f"Bearer {KEY.token(**(claims | changes))}"))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b.c", "Bearer é"])
def test_what_is_no_token_is_refused(
    rt: World, google: push_auth.Certificates, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_auth, "certificates", google)
    rt.integration(GOOGLE, "focus", sender=PUSHES)
    refused(rt, rt.call(pushed(), Authorization=header.encode().decode("latin-1")))


def test_a_token_of_another_key_and_one_before_an_account_is_named_are_refused(
    rt: World, google: push_auth.Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_auth, "certificates", google)
    claims = {"aud": audience_of("default", "bills"), "email": PUSHES}
    rt.integration(GOOGLE, "focus")
    refused(rt, rt.call(pushed(), Authorization=f"Bearer {KEY.token(**claims)}"))
    rt.integration(GOOGLE, "focus", sender=PUSHES)
    refused(rt, rt.call(pushed(), Authorization=f"Bearer {OTHER.token(**claims)}"))


# ---- addresses and bodies ----


@pytest.mark.parametrize(
    "path",
    [
        "/v1/default/other", "/v1/ghost_org/bills", "/v1/default", "/v1/default/bills/", "/v1/default/bills/x", "/v2/default/bills",
        "/v1/default/..%2fbills", "/v1/default/BILLS", "/v1/a-b/bills", "/v1/default/" + "b" * 64, "/health",
    ],
)  # fmt: skip
def test_an_unknown_address_is_answered_as_a_wrong_secret(rt: World, path: str) -> None:
    secret = rt.integration()
    refused(rt, rt.call(eventbridge(), path, x_costwire_secret=secret))


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_another_method_is_refused(rt: World, method: str) -> None:
    secret = rt.integration()
    refused(rt, rt.call(b"", method=method, x_costwire_secret=secret))


def test_an_integration_without_a_webhook_is_refused(rt: World) -> None:
    secret = rt.integration()
    rt.documents.delete("orgs/default/webhooks/bills")
    refused(rt, rt.call(eventbridge(), x_costwire_secret=secret))


BODIES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "not JSON": lambda: b"<xml/>",
    "not UTF-8": lambda: b'{"id": "\xff"}',
    "text": lambda: b'"text"',
    "null": lambda: b"null",
    "list of text": lambda: b'["text"]',
    "deep": lambda: b"[" * 50_000 + b"]" * 50_000,
    "deep objects": lambda: b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    "too long": lambda: b" " * (LARGEST_BODY + 1),
    "no id": lambda: json.dumps({"source": "aws.s3", "detail-type": "Object Created"}).encode(),
    "id not text": lambda: json.dumps(eventbridge() | {"id": 7}).encode(),
    "long id": lambda: json.dumps(eventbridge() | {"id": "i" * 5000}).encode(),
    "no detail (s3)": lambda: json.dumps(eventbridge() | {"detail": None}).encode(),
    "detail is a list (s3)": lambda: json.dumps(eventbridge() | {"detail": [1]}).encode(),
}


@pytest.mark.parametrize(
    ("body", "place"),
    [(body, place) for body in BODIES for place in ("s3", "az") if place == "s3" or "(s3)" not in body],
)
def test_a_body_of_another_form_is_refused_though_the_secret_is_right(rt: World, body: str, place: str) -> None:
    secret = rt.integration() if place == "s3" else rt.integration(AZURE, "azure")
    refused(rt, rt.call(BODIES[body](), x_costwire_secret=secret))


@pytest.mark.parametrize(
    "change", [{"subject": "/blobServices/x"}, {"subject": None}, {"data": None}, {"data": {"api": "PutBlob"}}], ids=str
)
def test_an_event_that_names_no_blob_is_refused(rt: World, change: dict[str, Any]) -> None:
    secret = rt.integration(AZURE, "azure")
    refused(rt, rt.call([event_grid() | change], x_costwire_secret=secret))


@pytest.mark.parametrize(
    "url",
    ["https://other.blob.core.windows.net/bills/x", "https://acme.blob.core.windows.net.evil.example/x", "https://[/x"],
)
def test_a_blob_of_another_account_starts_nothing(rt: World, url: str) -> None:
    secret = rt.integration(AZURE, "azure")
    made = rt.call([event_grid(url=url)], x_costwire_secret=secret)
    assert made.status_code == (200 if "other" in url else 400)
    assert rt.requests() == []


EVENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(NAMES)) | st.text(max_size=4), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@given(
    body=EVENTS,
    at=st.sampled_from(
        ["Message", "detail", "data", "message", "id", "source", "subject", "eventType", "Records", "SigningCertURL"]
    ),
)
@settings(max_examples=60)
def test_whatever_is_sent_is_answered(opened: tuple[World, str, str], body: Any, at: str) -> None:
    rt, aws, azure = opened
    for event in (eventbridge(), event_grid(), Sns(rt.clock.now()).body()):
        changed = event | {at: body}
        assert rt.call(changed, x_costwire_secret=aws).status_code in (200, 400)
        assert rt.call([changed], "/v1/default/azure", x_costwire_secret=azure).status_code in (200, 400)
    assert rt.call(body, x_costwire_secret=aws).status_code in (200, 400)


def test_a_body_without_a_length_is_read_no_further_than_it_may_be(rt: World) -> None:
    rt.integration()
    read = 0

    class Endless:
        def read(self, size: int = -1) -> bytes:
            nonlocal read
            assert size >= 0
            read += size
            return b" " * size

    environ = {"wsgi.input": Endless(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    made = rt.app.test_client().post("/v1/default/bills", environ_overrides=environ)
    refused(rt, made)
    assert read <= LARGEST_BODY + 64 * 1024


# ---- what is told ----


def test_no_log_line_has_what_a_caller_sent(rt: World, caplog: pytest.LogCaptureFixture) -> None:
    secret = rt.integration()
    planted = "planted-4711"
    with caplog.at_level(logging.DEBUG):
        rt.call({"id": planted}, x_costwire_secret=secret)
        rt.call(
            {"id": "a"},
            f"/v1/default/bills?key={planted}",
            x_costwire_secret=planted,
            Authorization=f"Bearer {planted}",
        )
        rt.call(planted.encode(), f"/{planted}")
        rt.integration(sender=TOPIC)
        rt.call(Sns(rt.clock.now(), message=planted, certificate=f"https://{planted}/x").body())
        rt.call(Sns(rt.clock.now(), message=planted).body())
        rt.call(Sns(rt.clock.now(), message=planted).body(Signature=planted, Token=planted))
    told = "\n".join(f"{one.getMessage()} {vars(one)}" for one in caplog.records)
    assert planted not in told and secret not in told
    outcomes = [one.fields["call"] for one in caplog.records if hasattr(one, "fields")]
    assert outcomes == ["ignored"] + ["refused"] * 5


def test_the_state_folder_does_not_have_the_secret(rt: World) -> None:
    secret = rt.integration()
    rt.call(eventbridge(), x_costwire_secret=secret)
    for path in rt.home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
