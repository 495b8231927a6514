"""Routes of the ledger of subscriptions: what they answer, and the charges that they fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.errors import BadConfiguration
from common.records.organizations import ensure_default
from costwire.worker import subscribe_all, work
from tests.integration.api_world import checked, client
from tests.support import Laptop, laptop

ORG = "/api/v1/organizations/default"
PATH = f"{ORG}/subscriptions"
DESIGN = {
    "vendor": "Figma", "plan": "Organization", "price": "45.50", "currency": "USD", "start": "2026-03-01", "seats": 2,
    "subscription_id": "design", "tags": {"team": "web"},
}  # fmt: skip


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


@pytest.fixture
def ask(rt: Laptop) -> FlaskClient:
    return client(rt)


def billed(rt: Laptop) -> str:
    """Once its runs have ended."""
    assert all(one.error is None for one in work(rt, rt.clock.sleep))
    rows = rt.ask(
        "select sum(EffectiveCost) as cost from cost_data_standard_1_3 where BillingPeriodStart = '2026-03-01'"
    )
    return f"{rows[0]['cost'].normalize():f}"


def test_a_subscription_that_is_added_becomes_charges(rt: Laptop, ask: FlaskClient) -> None:
    made = checked(ask.post(PATH, json=DESIGN), 201)
    assert made["changed"] and len(made["run_ids"]) == 1
    one = made["subscription"]
    assert (one["category"], one["state"], one["price"], one["tags"]) == ("design", "active", "45.5", {"team": "web"})
    assert billed(rt) == "91"
    (listed,) = checked(ask.get(PATH))["subscriptions"]
    assert listed["subscription_id"] == "design" and "charges" not in listed
    assert checked(ask.get(f"{PATH}/design"))["charges"][0]["amount"] == "91"


def test_a_change_an_invoice_and_a_cancellation_count_as_those_of_commands(rt: Laptop, ask: FlaskClient) -> None:
    checked(ask.post(PATH, json=DESIGN), 201)
    noted = checked(ask.post(f"{PATH}/design/invoices", json={"day": "2026-03-01", "amount": "90.01", "number": "F-1"}))
    assert noted["subscription"]["invoiced_difference"] == "-0.99" and billed(rt) == "90.01"
    changed = checked(ask.patch(f"{PATH}/design", json={"price": "50", "on": "2026-04-01", "tax_percent": "19"}))
    assert changed["subscription"]["price_changes"] == [{"day": "2026-04-01", "price": "50"}]
    assert changed["subscription"]["tax_percent"] == "19"
    checked(ask.post(f"{PATH}/design/disable", json={"on": "2027-01-01"}))
    checked(ask.post(f"{PATH}/design/enable", json={"on": "2027-01-01"}))
    ended = checked(ask.post(f"{PATH}/design/cancel", json={"on": "2026-04-01", "at_once": True}))["subscription"]
    assert (ended["cancelled_on"], ended["cancels"], ended["renews_on"]) == ("2026-04-01", "at once", None)
    assert [one["what"].partition(" ")[0].rstrip(":") for one in ended["versions"]] == [
        "added", "invoice", "changed", "disabled", "enabled", "cancelled",
    ]  # fmt: skip
    assert {one["by"] for one in ended["versions"]} == {"this machine"}


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        ("", {**DESIGN, "price": 45.5}),
        ("", {**DESIGN, "start": "2026-02-30"}),
        ("", {**DESIGN, "cycle": "weekly"}),
        ("/design/invoices", {"day": "9999-12-31", "amount": "1"}),
        ("/design/invoices", {"day": "2026-03-02", "amount": "1"}),
        ("/design/invoices", {"day": "2026-03-01"}),
        ("/design/cancel", {"on": "9999-12-31"}),
    ],
)
def test_what_makes_no_subscription_is_refused_and_changes_nothing(
    rt: Laptop, ask: FlaskClient, rest: str, body: dict[str, Any]
) -> None:
    checked(ask.post(PATH, json=DESIGN), 201)
    before = dict(rt.documents.list("orgs/default/subscriptions"))
    body = {**body, "subscription_id": "other"} if not rest else body
    assert checked(ask.post(f"{PATH}{rest}", json=body), 400)["code"] == "invalid_request"
    assert checked(ask.patch(f"{PATH}/design", json={"on": "2026-04-01"}), 400)["code"] == "invalid_request"
    assert dict(rt.documents.list("orgs/default/subscriptions")) == before


def test_a_vendor_of_the_catalogue_gives_the_category_and_another_needs_one(ask: FlaskClient) -> None:
    known = checked(ask.get(f"{ORG}/vendors"))
    assert "Figma" in [one["name"] for one in known["vendors"]] and "design" in known["categories"]
    answer = checked(ask.post(PATH, json={**DESIGN, "vendor": "Acme Tools"}), 422)
    assert answer["code"] == "not_possible" and "design" in answer["detail"]
    checked(ask.post(PATH, json={**DESIGN, "vendor": "Acme Tools", "category": "design"}), 201)
    assert checked(ask.post(PATH, json=DESIGN), 409)["code"] == "already_exists"


def test_whoever_may_make_no_schedule_writes_nothing_without_one_and_all_with_one(
    rt: Laptop, ask: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise BadConfiguration("the role is missing")

    put = rt.scheduler.put
    monkeypatch.setattr(rt.scheduler, "put", refused)
    assert checked(ask.post(PATH, json=DESIGN), 422)["code"] == "not_possible"
    assert list(rt.documents.list("orgs/default/subscriptions")) == []
    assert list(rt.documents.list("orgs/default/integrations")) == []
    monkeypatch.setattr(rt.scheduler, "put", put)
    assert checked(ask.put(f"{ORG}/schedule", json={"sync_interval_hours": 6}))["cron"]
    monkeypatch.setattr(rt.scheduler, "put", refused)
    assert checked(ask.post(PATH, json=DESIGN), 201)["run_ids"]
