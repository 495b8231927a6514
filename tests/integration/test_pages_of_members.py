"""Every page with every kind of user, generated, so that a new page cannot be forgotten; and how a service with sign-in starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from common.config import ServiceSettings, Settings
from common.domain.api_keys import Role
from common.errors import BadConfiguration
from common.ports import Identity
from common.tenancy.members import Invitation, invite, read_token
from common.tenancy.organizations import add_organization
from common.tenancy.sessions import Opened
from common.tenancy.sign_in import sign_in_as
from deployment.archive import contents
from tests.integration.sign_in_world import ORIGIN, OWN, ROOT_KEY, SESSION, service
from tests.support import Laptop, laptop
from web.api.declare import Needs, Route
from web.api.guard import faults, service_of
from web.serving import site_of
from web.site import PAGES, create_site

ROLES = list(Role)
PRODUCTION: dict[str, Any] = {"environment": "production", "ca_root_api_key": SecretStr(ROOT_KEY)}
SIGN_IN = {"oidc_issuer": "https://login.example.com", "oidc_client_id": "x", "public_url": ORIGIN}
OF_TENANT = [pytest.param(one, id=one.operation) for one in PAGES if one.needs.of_tenant]


class World:
    """Two organizations with a member of each role."""

    def __init__(self, rt: Laptop) -> None:
        self.rt = rt
        self.ask: FlaskClient = create_site(rt, service(rt)).test_client(use_cookies=False)
        for org in ("acme_1x", "other_1x"):
            add_organization(rt, org, org, "Starter")
        self.sessions = {(org, role): self._joined(org, role) for org in ("acme_1x", "other_1x") for role in ROLES}

    def _joined(self, org: str, role: Role) -> Opened:
        token = invite(self.rt, org, Invitation(f"{role}@{org.replace('_', '-')}.example", role), "a test").token
        return sign_in_as(self.rt, Identity("https://i.example", f"{org} {role}", None, False, ""), read_token(token))

    def send(
        self, route: Route, opened: Opened | None, headers: Mapping[str, str] = OWN, token: str | None = None
    ) -> Any:
        path = re.sub(r"\{\w+\}", "x", route.path.replace("{org}", "acme_1x"))
        cookie = {"Cookie": f"{SESSION}={opened.secret}"} if opened else {}
        data = None if token is None else {"csrf_token": token}
        return self.ask.open(path, method=route.method, base_url=ORIGIN, headers={**headers, **cookie}, data=data)

    def state(self) -> str:
        names = ("api_keys", "members", "budgets", "settings", "usage")
        return str([self.rt.documents.list(f"orgs/{org}/{name}") for org in ("acme_1x", "other_1x") for name in names])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with laptop(tmp_path_factory.mktemp("world") / "home") as rt:
        yield World(rt)


@pytest.mark.parametrize("route", OF_TENANT)
def test_a_page_is_for_members_of_its_organization_with_its_role(world: World, route: Route) -> None:
    before = world.state()
    nobody = world.send(route, None)
    if route.method == "GET":
        assert nobody.status_code == 303 and nobody.headers["Location"].startswith("/sign-in?next=%2Facme_1x")
    else:
        assert nobody.status_code == 401
    for role in ROLES:
        own, foreign = world.sessions["acme_1x", role], world.sessions["other_1x", role]
        assert world.send(route, foreign, token=foreign.form_token).status_code == 404
        refused = ROLES.index(role) < [one.value for one in ROLES].index(route.needs.value)
        if refused:
            assert world.send(route, own, token=own.form_token).status_code == 403
        elif route.method == "GET":
            assert world.send(route, own).status_code not in (401, 403, 500)
        else:
            for headers, token in (
                (OWN, None),
                (OWN, foreign.form_token),
                ({"Origin": "https://evil.example"}, own.form_token),
            ):
                assert world.send(route, own, headers, token).status_code == 403
    assert world.state() == before


def test_no_page_is_open_to_nobody(world: World) -> None:
    assert {one.needs for one in PAGES} <= {Needs.VIEWER, Needs.EDITOR, Needs.OWNER, Needs.ROOT}
    assert world.ask.get("/", base_url=ORIGIN).headers["Location"] == "/sign-in"


def test_the_operators_pages_are_not_a_members(world: World) -> None:
    owner = world.sessions["acme_1x", Role.OWNER]
    for route in PAGES:
        if route.needs is Needs.ROOT:
            assert world.send(route, owner).status_code == 401


def test_without_a_provider_there_is_the_api_only(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        ask = site_of(rt, service_of(rt, ServiceSettings(**PRODUCTION | {"environment": "development"}))).test_client()
        assert [ask.get(path).status_code for path in ("/health", "/default", "/sign-in", "/")] == [200, 404, 404, 404]
    with laptop(tmp_path / "other", **SIGN_IN) as rt:
        ask = site_of(rt, service_of(rt, ServiceSettings(**PRODUCTION | {"environment": "development"}))).test_client()
        assert [ask.get(path).status_code for path in ("/health", "/default", "/sign-in", "/")] == [200, 303, 200, 303]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"oidc_issuer": None}, ["COSTWIRE_OIDC_ISSUER is not set"]),
        ({"oidc_client_id": None}, ["COSTWIRE_OIDC_CLIENT_ID is not set"]),
        ({"public_url": None}, ["COSTWIRE_PUBLIC_URL is not set"]),
        ({"public_url": "https://x.example/path"}, ["is 'https://x.example/path', expected https://HOST without a path"]),
        ({"public_url": "http://x.example"}, ["COSTWIRE_PUBLIC_URL is 'http://x.example', expected https", "that begins with https://"]),
        ({"public_url": "http://127.0.0.1:8080"}, ["COSTWIRE_PUBLIC_URL is 'http://127.0.0.1:8080', expected an address that begins with"]),
        ({"oidc_issuer": "http://login.example.com"}, ["OIDC_ISSUER is 'http://login.example.com', expected an address"]),
        ({"oidc_scopes": "email"}, ["COSTWIRE_OIDC_SCOPES is 'email', expected openid among them"]),
    ],
)  # fmt: skip
def test_production_names_what_sign_in_lacks(changes: dict[str, Any], expected: list[str]) -> None:
    settings = Settings(kms_key="k", **{**SIGN_IN, **changes})
    found = list(faults(settings, ServiceSettings(**PRODUCTION), ROOT_KEY))
    assert len(found) == len(expected) and all(part in one for part, one in zip(expected, found, strict=True)), found


def test_a_service_that_is_half_configured_does_not_start(tmp_path: Path) -> None:
    missing = "OIDC_CLIENT_ID is not set; COSTWIRE_PUBLIC_URL is not set"
    with (
        laptop(tmp_path / "home", oidc_issuer="https://login.example.com") as rt,
        pytest.raises(BadConfiguration, match=missing),
    ):
        service_of(rt, ServiceSettings())


def test_the_archive_of_the_functions_has_what_pages_need() -> None:
    names = {name for name, _ in contents()}
    assert {
        "web/templates/base.html",
        "web/templates/sign_in.html",
        "web/assets/app.css",
        "web/assets/htmx.min.js",
    } <= names
