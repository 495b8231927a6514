"""A sync over HTTP, and requests that are sent again under the same idempotency key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.domain.api_keys import Role
from common.errors import Retryable
from common.records.integrations import save_integration
from common.tenancy.api_keys import KeyRequest, create_key
from common.tenancy.organizations import add_organization
from costwire.worker import subscribe_all
from tests.integration.api_world import checked, client
from tests.support import Laptop, laptop
from web.api.access import KeyDoor
from web.api.app import Service

SYNC = "/api/sync/trigger"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        for org in ("acme_1x", "other_1x"):
            add_organization(made, org, org, "Starter")
            save_integration(made.documents, made.clock.now(), org, "aws-main", "aws", tmp_path.as_uri())
        subscribe_all(made)
        yield made


@pytest.fixture
def ask(rt: Laptop) -> FlaskClient:
    return client(rt, Service(KeyDoor(rt, None)))


def headers(rt: Laptop, role: Role = Role.EDITOR, org: str = "acme_1x", **more: str) -> dict[str, str]:
    return {"X-API-Key": create_key(rt, org, KeyRequest("a test", role), "a test").secret, **more}


def requested(rt: Laptop) -> list[dict[str, Any]]:
    """The requests on the bus."""
    found = []
    while (delivery := rt.bus.pull()) is not None:
        found.append(delivery.event["data"])
        rt.bus.ack(delivery)
    return found


def test_a_sync_is_requested_for_the_keys_organization_alone(rt: Laptop, ask: FlaskClient) -> None:
    body = {"integration_id": "aws-main", "billing_periods": ["2026-03"]}
    found = checked(ask.post(SYNC, json=body, headers=headers(rt)), 202)
    (message,) = requested(rt)
    assert (message["org_slug"], message["integration_id"], message["billing_periods"]) == (
        "acme_1x",
        "aws-main",
        ["2026-03"],
    )
    assert found == {"org_slug": "acme_1x", "run_ids": [f"{message['run_id']}.aws-main"]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"integration_id": "nothing"}, 404),
        ({"provider": "oci"}, 404),
        ({"billing_periods": ["March"]}, 400),
        ({"org": "x"}, 400),
    ],
)
def test_a_sync_of_nothing_requests_nothing(rt: Laptop, ask: FlaskClient, body: dict[str, Any], status: int) -> None:
    checked(ask.post(SYNC, json=body, headers=headers(rt)), status)
    assert requested(rt) == []


def test_a_viewer_starts_nothing(rt: Laptop, ask: FlaskClient) -> None:
    checked(ask.post(SYNC, json={}, headers=headers(rt, Role.VIEWER)), 403)
    checked(ask.post("/api/v1/organizations/other_1x/sync", json={}, headers=headers(rt)), 404)
    assert requested(rt) == []


def test_a_request_sent_again_is_done_once(rt: Laptop, ask: FlaskClient) -> None:
    mine = headers(rt, **{"Idempotency-Key": "k1"})
    first, again = (ask.post(SYNC, json={}, headers=mine) for _ in range(2))
    assert checked(first, 202) == checked(again, 202)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(requested(rt)) == 1
    other = ask.post(SYNC, json={"provider": "aws"}, headers=mine)
    assert checked(other, 422)["code"] == "idempotency_key_reused"
    rt.clock.sleep(25 * 3600)
    assert checked(ask.post(SYNC, json={}, headers=mine), 202) != checked(first, 202)


def test_the_same_key_of_another_caller_is_another_request(rt: Laptop, ask: FlaskClient) -> None:
    for org in ("acme_1x", "other_1x"):
        checked(ask.post(SYNC, json={}, headers=headers(rt, org=org, **{"Idempotency-Key": "k1"})), 202)
    assert len(requested(rt)) == 2


def test_a_request_that_failed_may_be_sent_again(rt: Laptop, ask: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = headers(rt, **{"Idempotency-Key": "k1"})
    with monkeypatch.context() as patched:

        def away(message: object) -> None:
            raise Retryable("the bus is away")

        patched.setattr(rt.bus, "publish", away)
        checked(ask.post(SYNC, json={}, headers=mine), 503)
    checked(ask.post(SYNC, json={}, headers=mine), 202)
    assert len(requested(rt)) == 1


def test_a_request_in_progress_is_not_started_again(
    rt: Laptop, ask: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = headers(rt, **{"Idempotency-Key": "k1"})
    inner = []
    publish = rt.bus.publish

    def while_published(message: Any) -> None:
        inner.append(ask.post(SYNC, json={}, headers=mine))
        publish(message)

    with monkeypatch.context() as patched:
        patched.setattr(rt.bus, "publish", while_published)
        checked(ask.post(SYNC, json={}, headers=mine), 202)
    assert [checked(one, 409)["code"] for one in inner] == ["in_progress"]
    assert len(requested(rt)) == 1


def test_a_secret_is_not_shown_again(rt: Laptop, ask: FlaskClient) -> None:
    mine = headers(rt, Role.OWNER, **{"Idempotency-Key": "k1"})
    path = "/api/v1/organizations/acme_1x/keys"
    made = checked(ask.post(path, json={"name": "x"}, headers=mine), 201)
    again = ask.post(path, json={"name": "x"}, headers=mine)
    assert checked(again, 409)["code"] == "conflict"
    assert made["secret"] not in str(rt.processed.list("processed"))


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b"])
def test_an_idempotency_key_has_a_form(rt: Laptop, ask: FlaskClient, key: str) -> None:
    checked(ask.post(SYNC, json={}, headers=headers(rt, **{"Idempotency-Key": key})), 400)
