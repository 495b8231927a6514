"""Routes of channels: mail addresses are added, replaced and removed; the address of a webhook is nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.budgets.manage import BudgetRequest, add_budget
from common.records.organizations import ensure_default
from common.tenancy.channels import ChannelRequest, add_channel
from tests.integration.api_world import checked, client
from tests.support import Laptop, laptop

PATH = "/api/v1/organizations/default/channels"
WEBHOOK = "https://hooks.slack.com/services/T0/B0/verysecret"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        yield made


@pytest.fixture
def ask(rt: Laptop) -> FlaskClient:
    return client(rt)


def test_a_channel_is_added_replaced_listed_and_removed(rt: Laptop, ask: FlaskClient) -> None:
    made = checked(ask.post(PATH, json={"name": "ops", "recipients": ["Ada@Example.COM"]}), 201)
    assert (made["kind"], made["recipients"], made["is_default"]) == ("email", ["Ada@example.com"], True)
    again = {"name": "ops", "recipients": ["grace@example.com"], "is_default": False}
    assert checked(ask.post(PATH, json=again), 409)["code"] == "already_exists"
    checked(ask.post(PATH, json={**again, "replace": True}), 201)
    (listed,) = checked(ask.get(PATH))["channels"]
    assert (listed["recipients"], listed["is_default"]) == (["grace@example.com"], False)
    assert checked(ask.delete(f"{PATH}/ops"))["name"] == "ops"
    assert checked(ask.get(PATH))["channels"] == []
    assert checked(ask.delete(f"{PATH}/ops"), 404)["code"] == "not_found"


def test_a_channel_that_a_budget_names_is_removed_by_force_only(rt: Laptop, ask: FlaskClient) -> None:
    checked(ask.post(PATH, json={"name": "ops", "recipients": ["ada@example.com"]}), 201)
    add_budget(rt, "default", BudgetRequest("Cloud", Decimal(5), "USD", channels=("ops",)))
    assert "Cloud" in checked(ask.delete(f"{PATH}/ops"), 422)["detail"]
    assert checked(ask.delete(f"{PATH}/ops", query_string={"force": "true"}))["budgets"] == ["Cloud"]


def test_a_webhook_is_neither_taken_nor_shown(rt: Laptop, ask: FlaskClient) -> None:
    add_channel(rt, ChannelRequest("default", "chat", webhook=WEBHOOK))
    answer = ask.get(PATH)
    (listed,) = checked(answer)["channels"]
    assert (listed["kind"], listed["endpoint"]) == ("slack", "hooks.slack.com")
    stored = rt.documents.get("orgs/default/channels/chat") or {}
    text = answer.get_data(as_text=True)
    assert "verysecret" not in text and stored["ciphertext"] not in text
    refused = ask.post(PATH, json={"name": "other", "recipients": ["ada@example.com"], "webhook": WEBHOOK})
    checked(refused, 400)
    assert "verysecret" not in refused.get_data(as_text=True)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "email", "recipients": ["ada@example.com"]},
        {"name": "ops", "recipients": ["nobody"]},
        {"name": "ops", "recipients": []},
        {"name": "Ops!", "recipients": ["ada@example.com"]},
    ],
)
def test_what_makes_no_channel_is_refused(ask: FlaskClient, body: dict[str, Any]) -> None:
    assert checked(ask.post(PATH, json=body), 400)["code"] == "invalid_request"
    assert checked(ask.get(PATH))["channels"] == []
