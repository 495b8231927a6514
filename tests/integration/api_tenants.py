"""Two organizations with one of everything: what tests of access share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from flask.testing import FlaskClient

from common.budgets.manage import BudgetRequest, add_budget
from common.domain.api_keys import Role
from common.messages import SyncRequested
from common.records.integrations import save_integration
from common.reporting.charges import ChargesQuestion, ask_charges, charge_id
from common.tenancy.api_keys import KeyRequest, authenticate, create_key, revoke_key
from common.tenancy.hierarchy import Change, add_node
from common.tenancy.organizations import add_organization
from costwire.worker import subscribe_all, work
from tests.integration.api_world import client
from tests.support import Laptop, cur_line, cur_text, laptop
from web.api.access import KeyDoor
from web.api.app import Service

ACME, OTHER = "acme_1x", "other_1x"
ROOT_KEY = "9c1f06f0e2b94c5d8a7e3b21d4f5a6c7e8"


@dataclass(frozen=True)
class Tenant:
    """One organization.  keys: by role, and `expired` and `revoked`.  names: parameter of a path -> something of its own."""

    org_slug: str
    keys: Mapping[str, str]
    names: Mapping[str, str]

    def headers(self, role: str = "viewer") -> dict[str, str]:
        """What opens it."""
        return {"X-API-Key": self.keys[role]}


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
        yield World(rt, client(rt, Service(KeyDoor(rt, ROOT_KEY))), acme, other)


@contextmanager
def copied(prepared: World, folder: Path) -> Iterator[World]:
    """The same world in a folder of its own, for a test that changes it."""
    with laptop(shutil.copytree(prepared.rt.home, folder / "home")) as rt:
        rt.clock.moment = prepared.rt.clock.moment
        yield World(rt, client(rt, Service(KeyDoor(rt, ROOT_KEY))), prepared.acme, prepared.other)


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
        "job": "org-sync",
        "dimension": "service",
        "kind": "versions",
        "key_id": authenticate(rt, keys["editor"]).key.key_id,
    }
    return Tenant(org, keys, names)
