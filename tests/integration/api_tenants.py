"""Two organizations with one of everything: what tests of access share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from flask.testing import FlaskClient

from common.budgets.manage import BudgetRequest, add_budget
from common.domain.api_keys import Role
from common.domain.saas.subscription import Subscription
from common.messages import SyncRequested
from common.ports import Identity
from common.records.integrations import save_integration
from common.reporting.charges import ChargesQuestion, ask_charges, charge_id
from common.saas.manage import add_subscription
from common.tenancy.api_keys import KeyRequest, authenticate, create_key, revoke_key
from common.tenancy.channels import ChannelRequest, add_channel
from common.tenancy.hierarchy import Change, add_node
from common.tenancy.members import Invitation, invite, list_members, read_token, remove_member
from common.tenancy.organizations import add_organization
from common.tenancy.sessions import Opened
from common.tenancy.sign_in import sign_in_as
from costwire.worker import subscribe_all, work
from tests.integration.api_world import client
from tests.support import Laptop, cur_line, cur_text, laptop
from web.api.access import KeyDoor, PeopleDoor
from web.api.app import Service
from web.api.limits import RateLimits
from web.api.people import People

ACME, OTHER = "acme_1x", "other_1x"
ROOT_KEY = "9c1f06f0e2b94c5d8a7e3b21d4f5a6c7e8"


ORIGIN = "https://costs.example.com"


@dataclass(frozen=True)
class Tenant:
    """One organization.  keys: by role, and `expired` and `revoked`.  names: parameter of a path -> something of its own.

    sessions: of its members by role, and of an `ended` membership.
    """

    org_slug: str
    keys: Mapping[str, str]
    names: Mapping[str, str]
    sessions: Mapping[str, Opened]

    def headers(self, role: str = "viewer") -> dict[str, str]:
        """What opens it: a key."""
        return {"X-API-Key": self.keys[role]}

    def callers(self, role: str) -> Iterator[dict[str, str]]:
        """Everybody of a role: the holder of a key, and a member who has signed in."""
        yield self.headers(role)
        yield self.session(role)

    def session(self, role: str) -> dict[str, str]:
        """What the pages of a member send who has signed in."""
        opened = self.sessions[role]
        cookie = f"__Host-costwire-session={opened.secret}"
        return {"Cookie": cookie, "Origin": ORIGIN, "X-CSRF-Token": opened.form_token}


@dataclass(frozen=True)
class World:
    """The service and who uses it."""

    rt: Laptop
    ask: FlaskClient
    acme: Tenant
    other: Tenant


@contextmanager
def filled(folder: Path) -> Iterator[World]:
    """Both organizations have a proved delivery of 7.25 USD and a restated one, a line in quarantine, a budget and its alerts."""
    with laptop(folder / "home") as rt:
        acme, other = (_tenant(rt, folder, org) for org in (ACME, OTHER))
        yield World(rt, client(rt, _service(rt)), acme, other)


@contextmanager
def copied(prepared: World, folder: Path) -> Iterator[World]:
    """The same world in a folder of its own, for a test that changes it."""
    with laptop(shutil.copytree(prepared.rt.home, folder / "home")) as rt:
        rt.clock.moment = prepared.rt.clock.moment
        yield World(rt, client(rt, _service(rt)), prepared.acme, prepared.other)


def _service(rt: Laptop) -> Service:
    people = People(ORIGIN, RateLimits(rt.clock, 1000))
    return Service(PeopleDoor(rt, KeyDoor(rt, ROOT_KEY), people), people=people)


def _subscription(rt: Laptop, org: str, name: str) -> str:
    """A subscription that begins later, so that it has no charges yet."""
    start = date(2027, 1, 1)
    add_subscription(
        rt,
        org,
        Subscription(name, "Figma", "Organization", "design", "monthly", Decimal(5), "USD", start, seats=2),
        "a test",
    )
    return name


def _signed_in(rt: Laptop, org: str, name: str, role: Role) -> Opened:
    """A session of a new member."""
    invited = invite(rt, org, Invitation(f"{name}@{org.replace('_', '-')}.example", role), "a test")
    return sign_in_as(
        rt, Identity("https://issuer.example", f"{name} of {org}", None, False, name), read_token(invited.token)
    )


def _tenant(rt: Laptop, folder: Path, org: str) -> Tenant:
    add_organization(rt, org, org, "Starter")
    subscribe_all(rt)
    bill = folder / f"{org}.csv"
    for costs in (["7", "not a number"], ["7.2", "0.05", "not a number"]):
        bill.write_text(cur_text([cur_line(number, cost) for number, cost in enumerate(costs)]))
        save_integration(rt.documents, rt.clock.now(), org, f"{org}-aws".replace("_", "-"), "aws", bill.as_uri())
        rt.bus.publish(SyncRequested(f"run{rt.clock.now().timestamp()}", "manual", org))
        assert all(one.error is None for one in work(rt, rt.clock.sleep))
    budget = add_budget(rt, org, BudgetRequest("Everything", Decimal(8), "USD"))
    list(work(rt, rt.clock.sleep))
    keys = {role.value: create_key(rt, org, KeyRequest(role.value, role), "a test").secret for role in Role}
    ends = rt.clock.now() + timedelta(seconds=1)
    keys["expired"] = create_key(rt, org, KeyRequest("expired", Role.OWNER, ends), "a test").secret
    keys["revoked"] = create_key(rt, org, KeyRequest("revoked", Role.OWNER), "a test").secret
    revoke_key(rt, org, authenticate(rt, keys["revoked"]).key.key_id)
    rt.clock.sleep(2)
    (run_id, *_) = [name for name, _ in rt.documents.list(f"orgs/{org}/runs")]
    (alert_id, *_) = [name for name, _ in rt.documents.list(f"orgs/{org}/alerts")]
    (delivery_id, *_) = [name for name, _ in rt.documents.list(f"orgs/{org}/deliveries", {"state": "current"})]
    charge = ask_charges(rt, org, ChargesQuestion(most=1)).charges[0]
    names = {
        "org": org,
        "charge_id": charge_id(charge.delivery_id, charge.source_row_id),
        "provider": "aws",
        "run_id": run_id,
        "alert_id": alert_id,
        "delivery_id": delivery_id,
        "budget_id": budget.budget_id,
        "integration_id": f"{org}-aws".replace("_", "-"),
        "node_id": add_node(rt, org, Change("a test"), f"{org} team", "team", None)
        .version.hierarchy.in_order[0]
        .node_id,
        "subscription_id": _subscription(rt, org, f"{org}-design"),
        "channel": add_channel(
            rt, ChannelRequest(org, f"{org}-mail", recipients=("ada@example.com",), is_default=False)
        ).name,
        "job": "org-sync",
        "dimension": "service",
        "kind": "versions",
        "key_id": authenticate(rt, keys["editor"]).key.key_id,
    }
    sessions = {role.value: _signed_in(rt, org, role.value, role) for role in Role}
    sessions["ended"] = _signed_in(rt, org, "ended", Role.OWNER)
    removed = remove_member(rt, org, f"ended@{org.replace('_', '-')}.example")
    invite(rt, org, Invitation("invited@example.com"), "a test")
    names["member_id"] = next(one.member_id for one in list_members(rt, org) if one.role is Role.EDITOR)
    assert removed.member_id != names["member_id"]
    return Tenant(org, keys, names, sessions)
