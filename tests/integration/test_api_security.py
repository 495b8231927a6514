"""Every operation of the document, with every kind of caller: generated, so that a new route cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api_tenants import ROOT_KEY, World, filled
from tests.integration.api_world import DOCUMENT, checked

OPERATIONS = [
    pytest.param(path, method.upper(), one, id=one["operationId"])
    for path, operations in DOCUMENT["paths"].items()
    for method, one in operations.items()
]
ROLES = ("viewer", "editor", "owner")
REFUSED = ("no_key", "invalid_key", "expired_key", "revoked_key", "no_session")
BODIES: dict[str, Any] = {
    "change_integration": {"split_nodes": False},
    "set_budget": {"name": "New", "amount": "5", "currency": "USD"},
    "set_up_integration": {"location": "file:///nothing/here"},
    "validate_integration": {"location": "file:///nothing/here"},
    "show_needed_permissions": {"location": "s3://acme-bills/exports"},
    "create_key": {"name": "new"},
    "invite_member": {"email": "new@example.com"},
    "change_member": {"role": "viewer"},
    "onboard_organization": {"name": "New"},
    "snooze": {"until": "2027-01-01T00:00:00Z"},
    **{f"replace_{name}": {"csv": ""} for name in ("rates", "prices", "services")},
    "change_schedule": {"sync_interval_hours": 6},
    "change_retention": {"days": 100},
    "preview": {"name": "New", "amount": "5", "currency": "USD"},
    "set_meter_keys": {"keys": [{"meter_key": "hash", "api_key_id": "key"}]},
    "set_contract_prices": {"prices": []},
    "add_hierarchy_node": {"name": "New"},
    "change_hierarchy_node": {"name": "New"},
    "set_allocation_rules": {"rules": []},
    "add_subscription": {"vendor": "Zoom", "plan": "Pro", "price": "5", "currency": "USD", "start": "2027-01-01"},
    "change_subscription": {"seats": 3},
    "add_mail_channel": {"name": "new", "recipients": ["grace@example.com"], "is_default": False},
    "note_subscription_invoice": {"day": "2027-01-01", "amount": "6"},
}
"""Operation -> a body that it takes; {} for all others."""
WORDS = ("org", "provider", "dimension", "kind", "job")
"""Parameters of paths that are the same for all organizations."""
QUERIES = {"get_charge": ("id", "charge_id")}
"""Operation -> a parameter of the query that it cannot do without, and the name of what it names."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with filled(tmp_path_factory.mktemp("world")) as made:
        yield made


def call(
    world: World, path: str, method: str, one: dict[str, Any], names: dict[str, str], headers: dict[str, str]
) -> Any:
    """The answer to an operation on what has these names."""
    body = BODIES.get(one["operationId"].removeprefix("own_"), {}) if "requestBody" in one else None
    query = {parameter: names[name] for parameter, name in filter(None, (QUERIES.get(one["operationId"]),))}
    if body is not None and "application/json" not in one["requestBody"]["content"]:
        ((kind, _),) = one["requestBody"]["content"].items()
        named = {"name": "log.jsonl", **query}
        return world.ask.open(
            path.format(**names), method=method, data=b"{}", content_type=kind, query_string=named, headers=headers
        )
    return world.ask.open(path.format(**names), method=method, json=body, query_string=query, headers=headers)


def role_of(one: dict[str, Any]) -> str | None:
    """The role that the document says is needed; None for a route of no organization."""
    found = [roles for kind in one["security"] for roles in kind.values() if roles]
    return str(found[0][0]) if found else None


def is_root(one: dict[str, Any]) -> bool:
    return any("rootKey" in kind for kind in one["security"])


def is_open(one: dict[str, Any]) -> bool:
    return one["security"] == []


def state(world: World) -> list[str]:
    """Every document of both organizations, but when a key was last used."""
    found = []
    for org in (world.acme.org_slug, world.other.org_slug):
        found.append(str(world.rt.documents.get(f"orgs/{org}")))
        for name in (
            "api_keys",
            "budgets",
            "alerts",
            "integrations",
            "runs",
            "deliveries",
            "settings",
            "meter_files",
            "hierarchy",
            "members",
            "subscriptions",
            "channels",
            "external_ids",
        ):
            for key, document in world.rt.documents.list(f"orgs/{org}/{name}"):
                found.append(f"{name} {key} { {k: v for k, v in document.items() if k != 'last_used_at'} }")
    return found


def test_only_health_and_the_document_are_open() -> None:
    assert {path for path, method, one in (each.values for each in OPERATIONS) if is_open(one)} == {"/health", "/ready"}  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "method", "one"), OPERATIONS)
def test_without_a_valid_key_nothing_is_answered(world: World, path: str, method: str, one: dict[str, Any]) -> None:
    if is_open(one):
        assert call(world, path, method, one, {}, {}).status_code == 200
        return
    names, before = dict(world.acme.names), state(world)
    wrong = [{}, {"X-API-Key": "nonsense"}, world.acme.headers("expired"), world.acme.headers("revoked")]
    wrong += [{"Authorization": f"Bearer {world.acme.keys['owner'][:-1]}"}, {"X-CA-Root-Key": ROOT_KEY[:-1]}]
    wrong += world.acme.callers("owner") if is_root(one) else [{"X-CA-Root-Key": ROOT_KEY}]
    ended = world.acme.session("ended")
    wrong += [ended, {"Cookie": "__Host-costwire-session=nonsense"}, {"Cookie": f"{ended['Cookie'][:-1]}"}]
    for headers in wrong:
        answer = call(world, path, method, one, names, headers)
        assert checked(answer, 401)["code"] in REFUSED
        assert "WWW-Authenticate" in answer.headers
    assert state(world) == before and world.rt.bus.pull() is None


@pytest.mark.parametrize(("path", "method", "one"), OPERATIONS)
def test_a_key_of_a_lower_role_changes_nothing(world: World, path: str, method: str, one: dict[str, Any]) -> None:
    needed = role_of(one)
    if needed is None:
        return
    assert needed != "viewer" or method == "GET", "a viewer only reads"
    before = state(world)
    for role in ROLES[: ROLES.index(needed)]:
        for headers in world.acme.callers(role):
            answer = call(world, path, method, one, dict(world.acme.names), headers)
            assert checked(answer, 403)["code"] == "role_too_low"
    assert state(world) == before and world.rt.bus.pull() is None


@pytest.mark.parametrize(("path", "method", "one"), OPERATIONS)
def test_the_key_of_another_organization_finds_nothing(
    world: World, path: str, method: str, one: dict[str, Any]
) -> None:
    """By the name of the organization in the path, and by ids of it below one's own."""
    if "{org}" not in path:
        return
    before = state(world)
    for stranger in world.other.callers("owner"):
        _finds_nothing(world, path, method, one, stranger)
    assert state(world) == before and world.rt.bus.pull() is None


def _finds_nothing(world: World, path: str, method: str, one: dict[str, Any], stranger: dict[str, str]) -> None:
    foreign = call(world, path, method, one, dict(world.acme.names), stranger)
    nobody = call(world, path, method, one, {**world.acme.names, "org": "nobody_1x"}, stranger)
    assert checked(foreign, 404)["code"] == checked(nobody, 404)["code"] == "not_found"
    assert foreign.json["detail"].replace(world.acme.org_slug, "ORG") == nobody.json["detail"].replace(
        "nobody_1x", "ORG"
    )
    own = [name for name in world.acme.names if f"{{{name}}}" in path and name not in WORDS]
    own += [name for _, name in filter(None, (QUERIES.get(one["operationId"]),))]
    for name in own:
        assert world.acme.names[name] != world.other.names[name], name
        mixed = call(world, path, method, one, {**world.acme.names, "org": world.other.org_slug}, stranger)
        assert checked(mixed, 404)["code"] == "not_found"


@pytest.mark.parametrize(("path", "method", "one"), OPERATIONS)
def test_a_session_without_the_token_of_its_pages_changes_nothing(
    world: World, path: str, method: str, one: dict[str, Any]
) -> None:
    """Nor with the token of another session, nor from a page of another site."""
    if method == "GET" or role_of(one) is None:
        return
    before = state(world)
    own = world.acme.session("owner")
    other = world.acme.session("editor")
    for changed in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": other["X-CSRF-Token"]},
        {"Origin": "https://evil.example"},
        {"Origin": ""},
    ):
        answer = call(world, path, method, one, dict(world.acme.names), {**own, **changed})
        assert checked(answer, 403)["code"] == "cross_site"
    assert state(world) == before and world.rt.bus.pull() is None


@pytest.mark.parametrize(("path", "method", "one"), [each for each in OPERATIONS if each.values[1] == "GET"])  # type: ignore[comparison-overlap]
def test_what_reads_answers_its_own_organization_and_names_no_other(
    world: World, path: str, method: str, one: dict[str, Any]
) -> None:
    if is_root(one) or is_open(one):
        return
    secrets = [*world.acme.keys.values(), *world.other.keys.values(), ROOT_KEY]
    secrets += [opened.secret for tenant in (world.acme, world.other) for opened in tenant.sessions.values()]
    for headers in world.acme.callers(str(role_of(one))):
        answer = call(world, path, method, one, dict(world.acme.names), headers)
        checked(answer)
        text = answer.get_data(as_text=True)
        assert world.other.org_slug not in text and world.other.org_slug.replace("_", "-") not in text
        assert not [secret for secret in secrets if secret in text]


HOSTILE = [
    "' or 1=1 --", '"; drop table cost_data_standard_1_3; --', "../../../etc/passwd", "..%2f..%2f", "\x00", "a\r\nSet-Cookie: x=1",
    "x" * 5000, "${jndi:ldap://x}", "{{7*7}}", "\u202eabc", "\ud7ff\U0001f4a3", "%s%s%n", " " * 1900, "a" + " " * 1900 + "b",
    "-1", "1e309", "NaN", "[]", "null",
]  # fmt: skip


@pytest.mark.parametrize(("path", "method", "one"), [each for each in OPERATIONS if each.values[1] == "GET"])  # type: ignore[comparison-overlap]
def test_hostile_text_in_any_parameter_is_data(world: World, path: str, method: str, one: dict[str, Any]) -> None:
    if is_root(one) or one["operationId"].startswith("own_"):  # the short forms have the same handlers
        return
    headers = world.acme.headers("owner")
    for parameter in one.get("parameters", ()):
        for text in HOSTILE:
            names, query = dict(world.acme.names), {}
            if parameter["in"] == "path":
                names[parameter["name"]] = text
            elif parameter["in"] == "query":
                query[parameter["name"]] = text
            answer = world.ask.get(path.format(**names), query_string=query, headers=headers)
            assert answer.status_code < 500, (parameter["name"], text, answer.get_data(as_text=True))
            assert "Set-Cookie" not in answer.headers
            assert "root:" not in answer.get_data(as_text=True)


def test_hostile_filters_sum_nothing_more(world: World) -> None:
    headers = world.acme.headers()
    for text in HOSTILE:
        found = world.ask.get("/api/costs", query_string={"filter": f"service={text}"}, headers=headers)
        assert found.status_code == 400 or checked(found)["currencies"] == [], text
