"""The audit log: every request and command that changes something leaves one record, and what fails, repeats or only reads leaves none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.errors import Permanent
from common.ports import Transaction
from common.records.integrations import save_integration
from common.records.organizations import limits_of
from common.tenancy import data
from common.tenancy.hierarchy import Change, add_node
from tests.integration.api_tenants import ACME, OTHER, ROOT_KEY, World, copied, filled
from tests.integration.api_world import checked
from tests.integration.test_api_security import BODIES
from tests.support import cur_line, cur_text
from web.api.caller import Needs
from web.api.declare import ORG, Route
from web.api.routes import ROUTES
from web.site import PAGES

READING = {
    "preview": "computes what a budget would have done",
    "preview_hierarchy_change": "computes what a hierarchy would have done",
    "validate_integration": "looks at a location",
    "show_needed_permissions": "names policies, and the external id of an integration that may not exist yet",
}
"""Operations that are no GET and change nothing, each with the reason."""
CHANGING = sorted(
    (one for one in ROUTES if one.method != "GET" and one.operation.removeprefix("own_") not in READING),
    key=lambda one: (
        one.method == "DELETE",
        one.tag != "Alerts",
    ),  # alerts before their budget is changed, which resolves them
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with filled(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def world(prepared: World, tmp_path: Path) -> Iterator[World]:
    with copied(prepared, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(prepared: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests of single routes, which only add records."""
    with copied(prepared, tmp_path_factory.mktemp("shared")) as made:
        made.rt.__dict__["payments"] = _Payments()
        made.rt.documents.update(f"orgs/{ACME}", {"plan": "Professional", "limits": limits_of("Professional")})
        place = "https://opencost.example.com/allocation"
        save_integration(made.rt.documents, made.rt.clock.now(), ACME, "cluster", "opencost", place)
        object.__setattr__(made.rt, "settings", made.rt.settings.model_copy(update={"plans": True}))
        yield made


class _Payments:
    def price_of(self, plan: str) -> str:
        return f"price_{plan}"

    def create_customer(self, org_slug: str, name: str) -> str:
        return f"cus_{org_slug}"

    def start_checkout(self, wanted: Any) -> str:
        return "https://pay.example.com/checkout"

    def open_portal(self, customer_id: str, return_url: str) -> str:
        return "https://pay.example.com/portal"


def records(world: World, org: str = ACME) -> dict[str, dict[str, Any]]:
    return dict(world.rt.documents.list(f"orgs/{org}/audit"))


def everywhere(world: World) -> dict[str, dict[str, Any]]:
    """The records of all organizations and of the platform."""
    found = {f"platform {name}": one for name, one in world.rt.documents.list("audit")}
    for org, _ in world.rt.documents.list("orgs"):
        found |= {f"{org} {name}": one for name, one in records(world, org).items()}
    return found


def new_of(world: World, before: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for name, one in everywhere(world).items() if name not in before]


PRICE = {
    "provider": "openai",
    "model": "gpt-5",
    "token_kind": "input",
    "price": "1.5",
    "currency": "USD",
    "valid_from": "2026-01-01",
}
CALL = {
    "startTime": "2026-03-04T10:00:00Z",
    "endTime": "2026-03-04T10:00:01Z",
    "model": "gpt-5",
    "custom_llm_provider": "openai",
    "prompt_tokens": 5,
    "completion_tokens": 5,
    "request_id": "r1",
    "spend": 0.1,
    "call_type": "completion",
}


def body_of(route: Route, folder: Path, names: Mapping[str, str]) -> dict[str, Any]:
    (folder / "bill.csv").write_text(cur_text([cur_line(1, "1")]))
    urls = {"success_url": "https://a.example.com/", "cancel_url": "https://a.example.com/"}
    bodies: dict[str, dict[str, Any]] = {
        "set_budget": {"name": "New", "amount": "5", "currency": "USD"},
        "change_one_budget": {"amount": "6.5"},
        "set_up_integration": {
            "location": (folder / "bill.csv").as_uri(),
            "integration_id": "another",
            "allow_overlap": True,
        },
        "create_key": {"name": "new"},
        "onboard_organization": {"name": "New"},
        "snooze": {"until": "2027-01-01T00:00:00Z"},
        "start_plan_checkout": {"plan": "Scale", **urls},
        "open_billing_portal": {"return_url": "https://a.example.com/"},
    }
    bodies |= {
        "replace_rates": {"csv": "month,currency,usd_rate,source\n2026-03,EUR,1.1,a bank\n"},
        "replace_services": {"csv": "provider,service,service_name,service_category,service_subcategory\n"},
        "change_schedule": {"sync_interval_hours": 6},
        "change_retention": {"days": 100},
        "change_integration": {"split_nodes": True},
        "add_hierarchy_node": {"name": "New"},
        "change_hierarchy_node": {"name": "Another"},
        "set_allocation_rules": {"rules": [{"priority": 1, "to": {names["node_id"]: "1"}, "when": {"service": ["A"]}}]},
        "set_contract_prices": {"prices": [PRICE]},
        "set_meter_keys": {"keys": [{"meter_key": "hash", "api_key_id": "key"}]},
        "invite_member": {"email": "new@example.com"},
        "change_member": {"role": "viewer"},
    }
    return bodies.get(route.operation) or BODIES.get(route.operation, {})


@pytest.mark.parametrize("route", CHANGING, ids=lambda one: one.operation)
def test_every_changing_route_leaves_exactly_one_record_and_a_repeat_none(
    shared: World, tmp_path: Path, route: Route
) -> None:
    names = {**shared.acme.names}
    if route.operation == "remove_hierarchy_node":
        names["node_id"] = add_node(shared.rt, ACME, Change("a test"), "Gone", "team", None, "gone") and "gone"
    if route.operation == "change_integration":
        names["integration_id"] = "cluster"
    before = everywhere(shared)
    headers = {"X-CA-Root-Key": ROOT_KEY} if route.needs is Needs.ROOT else shared.acme.headers("owner")
    if route.method == "POST":
        headers["Idempotency-Key"] = f"once-{route.operation}"
    sent: dict[str, Any] = {"json": body_of(route, tmp_path, names) if route.body else None}
    if route.takes_file:
        sent = {"data": json.dumps(CALL), "content_type": "application/octet-stream"}
    path = route.path.format(**names) + ("?name=calls.jsonl" if route.takes_file else "")
    answer = shared.ask.open(path, method=route.method, headers={**headers, "X-Request-ID": "request-1"}, **sent)
    assert answer.status_code == route.status, answer.get_data(as_text=True)
    (record,) = new_of(shared, before)
    assert record["action"] == route.action and record["request_id"] == "request-1"
    assert record["actor"]["kind"] == ("root key" if route.needs is Needs.ROOT else "key")
    if route.method == "POST" and not route.takes_file:  # of a file its bytes are the key
        shared.ask.open(path, method=route.method, headers=headers, **sent)
        assert len(new_of(shared, before)) == 1, "the request was answered from its idempotency key"


@pytest.mark.parametrize("operation", READING)
def test_what_only_looks_leaves_no_record(shared: World, tmp_path: Path, operation: str) -> None:
    (route,) = [one for one in ROUTES if one.operation == operation]
    before = everywhere(shared)
    (tmp_path / "bill.csv").write_text(cur_text([cur_line(1, "1")]))
    body = {"location": (tmp_path / "bill.csv").as_uri(), "allow_overlap": True}
    body = {"name": "New", "amount": "5", "currency": "USD"} if operation == "preview" else body
    body = BODIES[operation] if operation == "show_needed_permissions" else body
    body = {"rules": []} if operation == "preview_hierarchy_change" else body
    path = route.path.format(**shared.acme.names)
    checked(shared.ask.post(path, json=body, headers=shared.acme.headers("owner")))
    assert new_of(shared, before) == []


def test_every_form_of_the_dashboard_names_its_action() -> None:
    assert [one.operation for one in PAGES if one.method != "GET" and not one.action] == []
    assert {one.action for one in (*ROUTES, *PAGES) if one.method == "GET"} == {""}


def test_a_change_names_who_what_and_the_difference(world: World) -> None:
    before, names = everywhere(world), world.acme.names
    path = f"/api/v1/organizations/{ACME}/budgets/{names['budget_id']}"
    world.ask.patch(path, json={"amount": "9.5"}, headers=world.acme.headers("editor"))
    (record,) = new_of(world, before)
    assert record["changes"] == [
        {"target": f"budgets/{names['budget_id']}", "before": {"amount": "8"}, "after": {"amount": "9.5"}}
    ]
    assert record["actor"] == {
        "kind": "key", "name": "editor", "key_id": names["key_id"], "fingerprint": world.acme.keys["editor"][-4:],
    }  # fmt: skip


def test_a_refused_request_leaves_no_record(world: World) -> None:
    before = everywhere(world)
    path = f"/api/v1/organizations/{ACME}"
    for method, rest, role in (
        ("POST", "keys", "editor"),
        ("DELETE", "budgets/nothing", "owner"),
        ("POST", "keys", "owner"),
    ):
        answer = world.ask.open(
            f"{path}/{rest}", method=method, json={} if method == "POST" else None, headers=world.acme.headers(role)
        )
        assert answer.status_code >= 400
    assert new_of(world, before) == []


def test_no_secret_is_in_any_record(world: World) -> None:
    owner = world.acme.headers("owner")
    made = checked(
        world.ask.post(f"/api/v1/organizations/{ACME}/keys", json={"name": "Bearer abcdefgh12345"}, headers=owner), 201
    )
    text = json.dumps(everywhere(world))
    assert made["secret"] not in text and "sha256" not in text and "abcdefgh12345" not in text
    for secret in (*world.acme.keys.values(), *world.other.keys.values(), ROOT_KEY):
        assert secret not in text


def test_a_change_that_fails_leaves_neither_itself_nor_a_record(world: World) -> None:
    before = everywhere(world)
    path = f"orgs/{ACME}/budgets/new"

    def work(transaction: Transaction) -> None:
        transaction.set(path, {"name": "New", "amount": "5"})
        raise Permanent("the worker died")

    with pytest.raises(Permanent):
        world.rt.documents.transact(work)
    assert world.rt.documents.get(path) is None and new_of(world, before) == []


def test_a_record_that_cannot_be_written_takes_the_change_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.adapters.shared.audited_documents.new_path", lambda org, now: f"orgs/{org}/audit")
    with pytest.raises(Permanent):
        world.rt.documents.set(f"orgs/{ACME}/budgets/new", {"name": "New", "amount": "5"})
    assert world.rt.documents.get(f"orgs/{ACME}/budgets/new") is None


def test_an_organization_that_is_removed_leaves_one_record_in_the_platforms_place(world: World) -> None:
    others = records(world, OTHER)
    data.remove(world.rt, ACME)
    assert records(world) == {} and records(world, OTHER) == others
    (record,) = [one for _, one in world.rt.documents.list("audit")]
    assert record["changes"][0]["target"] == f"organization {ACME}" and record["changes"][0]["after"] is None
    answer = checked(world.ask.get("/api/v1/admin/audit", headers={"X-CA-Root-Key": ROOT_KEY}))
    assert [one["target"] for one in answer["records"]] == [f"organization {ACME}"]


def test_pages_of_the_log_have_each_record_once_and_filters_hold(world: World) -> None:
    owner, path = world.acme.headers("owner"), f"/api/v1/organizations/{ACME}/audit"
    for number in range(5):
        world.ask.post(f"/api/v1/organizations/{ACME}/keys", json={"name": f"key {number}"}, headers=owner)
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2, "action": "key"}
    while True:
        found = checked(world.ask.get(path, query_string=query, headers=owner))
        seen += found["records"]
        if found["next"] is None:
            break
        query["cursor"] = found["next"]
        world.ask.post(f"/api/v1/organizations/{ACME}/keys", json={"name": "meanwhile"}, headers=owner)
    by_hand = [one for one in seen if one["actor"]["kind"] == "key"]
    assert [one["changes"][0]["after"]["name"] for one in by_hand] == [f"key {number}" for number in range(4, -1, -1)]
    assert len({one["record_id"] for one in seen}) == len(seen)
    since = by_hand[1]["at"]
    answer = checked(
        world.ask.get(path, query_string={"since": since, "target": "api_keys", "actor": "owner"}, headers=owner)
    )
    assert {one["at"] >= since and one["actor"]["name"] for one in answer["records"]} == {"owner"}
    assert (
        checked(world.ask.get(path, query_string={"cursor": "nonsense"}, headers=owner), 400)["code"]
        == "invalid_request"
    )
    assert ORG == "org"
