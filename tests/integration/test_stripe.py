"""Subscriptions of Stripe: deliveries at the webhook, the function that follows them, the daily comparison, and pages to pay on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import flask
import pytest

from common.adapters.stripe import api
from common.adapters.stripe.api import StripeApi
from common.domain.api_keys import Role
from common.errors import Retryable
from common.messages import SubscriptionChanged
from common.ports import Payments, Secrets
from common.records import organizations
from common.reporting.plan_changes import list_plan_changes
from common.tenancy.api_keys import KeyRequest, create_key
from common.tenancy.following import on_hint
from common.tenancy.organizations import add_organization
from common.tenancy.schedules import plans_schedule
from costwire.watch import prepare
from costwire.worker import Outcome, subscribe_all, work
from tests.integration.api_world import checked, client
from tests.stripe_peer import CREATED, KEY, SECRET, StripePeer, deliveries, event, signed, stripe_peer, thin_event
from tests.support import Laptop, laptop
from web.api.access import KeyDoor
from web.api.app import Service
from web.stripe_webhook import LARGEST_BODY, answered

ORG, CUSTOMER = "acme_1x", "cus_1"
PAGES = {"success_url": "https://acme.example/ok", "cancel_url": "https://acme.example/no"}


class _Secrets:
    def __init__(self, **found: str) -> None:
        self.found = found

    def get(self, name: str) -> str | None:
        return self.found.get(name.replace("-", "_"))


class Paying(Laptop):
    """A laptop with plans whose payments are the peer's."""

    @cached_property
    def secrets(self) -> Secrets:
        return _Secrets(stripe_api_key=KEY, stripe_webhook_secret=SECRET)

    @cached_property
    def payments(self) -> Payments:
        return StripeApi(lambda: self.secrets.get("stripe-api-key"))


@dataclass
class World:
    rt: Paying
    peer: StripePeer
    app: flask.Flask = field(default_factory=lambda: flask.Flask("stripe"))

    def deliver(self, found: dict[str, Any] | bytes, header: str | None = None, **request: Any) -> int:
        """The status that the webhook answers a delivery with."""
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        header = signed(body, self.rt.clock.now()) if header is None else header
        asked = {"method": "POST", "data": body, "headers": {"Stripe-Signature": header}, **request}
        with self.app.test_request_context("/", **asked):
            return answered(self.rt, flask.request).status_code

    def work(self) -> list[Outcome]:
        """Deliver the messages that wait."""
        return list(work(self.rt, self.rt.clock.sleep))

    def change(
        self, kind: str = "customer.subscription.updated", name: str = "evt_1", **subscription: Any
    ) -> list[Outcome]:
        """Change the subscription at Stripe, and deliver its event."""
        made = self.peer.subscribe(CUSTOMER, **subscription)
        assert self.deliver(event(name, kind, made)) == 200
        return self.work()

    @property
    def org(self) -> dict[str, Any]:
        return organizations.load(self.rt.documents, ORG)

    @property
    def terms(self) -> tuple[str, str, int]:
        """Plan, status and runs a day."""
        return self.org["plan"], self.org["status"], self.org["limits"]["runs_per_day"]

    def alerts(self, **where: Any) -> list[tuple[str, str]]:
        """(kind, state) of the alerts."""
        return [(one["type"], one["state"]) for _, one in self.rt.documents.list(f"orgs/{ORG}/alerts", where or None)]

    def mails(self) -> str:
        """All that was sent."""
        return "\n".join(path.read_text() for path in sorted((self.rt.home / "outbox").rglob("*")) if path.is_file())

    def changes(self) -> list[dict[str, Any]]:
        return list_plan_changes(self.rt, ORG)[::-1]

    def tick(self) -> list[Outcome]:
        """The daily comparison."""
        self.rt.bus.publish(SubscriptionChanged(f"tick{self.rt.clock.now().timestamp():.0f}", "schedule"))
        return self.work()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    from common.runtime import bootstrap

    with laptop(tmp_path / "home", plans=True) as made, stripe_peer() as peer:
        monkeypatch.setenv(api.ENDPOINT, peer.address)
        rt = Paying(made.settings)
        bootstrap.use(rt)
        add_organization(rt, "Acme", ORG, "Starter")
        rt.documents.update(f"orgs/{ORG}", {"stripe_customer_id": CUSTOMER})
        subscribe_all(rt)
        yield World(rt, peer)


def test_a_paid_subscription_brings_its_plan_and_its_limits_at_once(world: World) -> None:
    assert world.terms == ("Starter", "TRIAL", 6)
    (outcome,) = world.change("customer.subscription.created", plan="Professional")
    assert outcome.error is None and world.terms == ("Professional", "ACTIVE", 25)
    assert world.org["trial_ends_at"] is None
    world.change(name="evt_2", plan="Scale")
    assert world.terms == ("Scale", "ACTIVE", 100)
    noted = [(one["by"], one["event_id"], one["before"]["plan"], one["after"]["plan"]) for one in world.changes()]
    assert noted == [("stripe", "evt_1", "Starter", "Professional"), ("stripe", "evt_2", "Professional", "Scale")]


@pytest.mark.parametrize("older_shape", [True, False])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("trialing", "TRIAL"), ("active", "ACTIVE"), ("past_due", "SUSPENDED"), ("paused", "SUSPENDED"), ("incomplete", "SUSPENDED"),
        ("unpaid", "SUSPENDED"), ("canceled", "CANCELLED"), ("incomplete_expired", "CANCELLED"),
    ],
)  # fmt: skip
def test_the_status_of_stripe_decides_the_organizations(
    world: World, status: str, expected: str, older_shape: bool
) -> None:
    world.change(status=status, older_shape=older_shape)
    assert world.org["status"] == expected
    assert world.org["stripe"]["period_end"].startswith("2026-04-19")


def test_an_unknown_status_leaves_the_organization_and_is_dead_lettered_for_the_operator(world: World) -> None:
    world.change(status="active")
    (outcome,) = world.change(name="evt_2", status="dormant")
    assert outcome.final and "has the status 'dormant', expected one of trialing, active" in str(outcome.error)
    assert world.org["status"] == "ACTIVE"


def test_a_price_without_a_plan_leaves_the_plan_and_is_dead_lettered(world: World) -> None:
    (outcome,) = world.change(plan="Nameless")
    assert outcome.final and "price price_other of subscription sub_1 names no plan" in str(outcome.error)
    assert world.terms == ("Starter", "ACTIVE", 6)


def test_a_failed_payment_stops_runs_and_is_told_until_it_is_settled(world: World) -> None:
    world.change(status="active")
    made = world.peer.subscribe(CUSTOMER, status="past_due")
    invoice = {"id": "in_1", "object": "invoice", "customer": CUSTOMER, "subscription": made["id"]}
    assert world.deliver(event("evt_2", "invoice.payment_failed", invoice)) == 200
    world.work()
    assert (world.org["status"], world.alerts()) == ("SUSPENDED", [("payment_failed", "open")])
    assert world.mails().count("Subject: [Costwire] A payment for Costwire failed") == 1
    world.change("invoice.paid", "evt_3", status="active")
    assert (world.org["status"], world.alerts()) == ("ACTIVE", [("payment_failed", "retracted")])
    assert world.mails().count("Subject: [Costwire] The payment for Costwire is settled") == 1
    late = event("evt_0", "invoice.payment_failed", invoice)  # an older event that arrives now
    assert world.deliver(late) == 200
    world.work()
    assert (world.org["status"], world.alerts()) == ("ACTIVE", [("payment_failed", "retracted")])


def test_a_cancelled_subscription_never_comes_back_by_an_older_event(world: World) -> None:
    before = world.peer.subscribe(CUSTOMER, status="active")
    world.change("customer.subscription.deleted", status="canceled")
    assert world.org["status"] == "CANCELLED"
    assert world.deliver(event("evt_0", "customer.subscription.updated", before)) == 200
    world.work()
    assert world.org["status"] == "CANCELLED"
    world.change("customer.subscription.created", "evt_2", subscription="sub_2", status="active", created=CREATED + 9)
    assert world.org["status"] == "ACTIVE"
    assert world.deliver(event("evt_3", "customer.subscription.deleted", before)) == 200
    world.work()
    assert (world.org["status"], world.org["stripe"]["subscription_id"]) == ("ACTIVE", "sub_2")


def test_of_two_looks_at_once_the_later_one_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.peer.subscribe(CUSTOMER, status="active")
    look = world.rt.payments.subscriptions

    def slowly(customer_id: str | None = None) -> Any:
        seen = look(customer_id)
        monkeypatch.setattr(world.rt.payments, "subscriptions", look)
        world.change(name="evt_2", status="past_due")  # another worker, meanwhile
        return seen

    monkeypatch.setattr(world.rt.payments, "subscriptions", slowly)
    on_hint(SubscriptionChanged("evt_1", "customer.subscription.updated", customer_id=CUSTOMER), world.rt)
    assert world.org["status"] == "SUSPENDED"


def test_repeated_deliveries_in_any_order_lead_to_the_end_that_stripe_shows(world: World) -> None:
    happened = []
    for number, status in enumerate(["incomplete", "active", "past_due", "active", "past_due", "unpaid", "active"] * 3):
        made = world.peer.subscribe(CUSTOMER, status=status, plan=("Starter", "Professional", "Scale")[number % 3])
        happened.append(event(f"evt_{number}", "customer.subscription.updated", dict(made)))
    coming = deliveries(happened, 0.3, seed=4)
    assert len(coming) == 30
    for one in coming:
        assert world.deliver(one) == 200
    outcomes = world.work()
    hints = [one for one in outcomes if one.delivery.subscription == "update_plans"]
    assert len(hints) == len(happened) and not any(one.error for one in outcomes)
    assert world.terms == ("Scale", "ACTIVE", 100) and world.alerts() == []


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("charge.refunded", {"id": "ch_1", "object": "charge", "customer": CUSTOMER}),
        ("charge.dispute.created", {"id": "dp_1", "object": "dispute", "charge": "ch_1"}),
    ],
)
def test_refunds_and_disputes_stand_in_the_history(world: World, kind: str, about: dict[str, Any]) -> None:
    world.peer.objects["charges"]["ch_1"] = {"id": "ch_1", "object": "charge", "customer": CUSTOMER}
    world.change(status="active")
    for _ in range(2):
        assert world.deliver(event("evt_2", kind, about)) == 200
        assert not any(one.error for one in world.work())
    assert [one["by"] for one in world.changes()] == ["stripe", kind]


def test_a_thin_event_leads_to_its_customer(world: World) -> None:
    world.peer.subscribe(CUSTOMER, status="active")
    assert world.deliver(thin_event("evt_1", "customer.subscription.updated", "subscription", "sub_1")) == 200
    world.work()
    assert world.org["status"] == "ACTIVE"


def test_a_deleted_customer_has_lost_its_subscription(world: World) -> None:
    world.change(status="active")
    world.peer.objects["customers"][CUSTOMER] = {"id": CUSTOMER, "deleted": True}
    world.peer.subscribe(CUSTOMER, status="canceled")
    assert world.deliver(event("evt_2", "customer.deleted", {"id": CUSTOMER, "object": "customer"})) == 200
    world.work()
    assert world.org["status"] == "CANCELLED"


def test_an_operators_suspension_outlasts_a_payment(world: World) -> None:
    organizations.suspend(world.rt.documents, world.rt.clock.now(), ORG)
    world.change(status="active", plan="Scale")
    assert world.terms == ("Scale", "SUSPENDED", 100)
    assert organizations.resume(world.rt.documents, world.rt.clock.now(), ORG)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("metadata", "expected"), [({"org_slug": ORG}, "ACTIVE"), ({"org_slug": "../x"}, "TRIAL"), ({}, "TRIAL")]
)
def test_a_customer_that_is_not_known_belongs_to_whom_its_subscription_names(
    world: World, metadata: dict[str, str], expected: str
) -> None:
    world.rt.documents.update(f"orgs/{ORG}", {"stripe_customer_id": None})
    (outcome,) = world.change(status="active", metadata=metadata)
    assert outcome.error is None and world.org["status"] == expected


def test_nobody_takes_over_an_organization_that_has_a_customer(world: World) -> None:
    made = world.peer.subscribe("cus_stranger", "canceled", metadata={"org_slug": ORG})
    assert world.deliver(event("evt_1", "customer.subscription.updated", made)) == 200
    world.work()
    world.tick()
    assert (world.org["status"], world.org["stripe_customer_id"]) == ("TRIAL", CUSTOMER)


@pytest.mark.parametrize("kind", ["customer.created", "invoice.created", "something.new"])
def test_an_event_that_concerns_no_plan_is_acknowledged_and_nothing_more(world: World, kind: str) -> None:
    assert world.deliver(event("evt_1", kind, {"id": CUSTOMER, "object": "customer"})) == 200
    assert world.rt.bus.pending() == 0


def test_what_is_not_stripes_is_refused_without_a_reason_and_nothing_is_stored(world: World) -> None:
    body = json.dumps(
        event("evt_1", "invoice.paid", {"id": "in_1", "object": "invoice", "customer": CUSTOMER})
    ).encode()
    now = world.rt.clock.now()
    for header in (
        signed(body, now, "whsec_forged"), signed(body, now - timedelta(seconds=301)), signed(body, now + timedelta(seconds=302)),
        signed(body + b" ", now), "", "t=1,v1=",
    ):  # fmt: skip
        assert world.deliver(body, header) == 400
    assert world.deliver(b"{}") == 400, "signed, and no event"
    assert world.deliver(b"x" * (LARGEST_BODY + 1)) == 413
    assert world.deliver(body, method="GET") == 405
    assert world.rt.bus.pending() == 0 and world.rt.processed.list("processed") == []


def test_a_replayed_delivery_is_answered_and_changes_nothing(world: World) -> None:
    made = world.peer.subscribe(CUSTOMER, status="active")
    body = json.dumps(event("evt_1", "customer.subscription.updated", made)).encode()
    header = signed(body, world.rt.clock.now())
    assert [world.deliver(body, header) for _ in range(3)] == [200, 200, 200]
    assert world.rt.bus.pending() == 1


def test_a_delivery_that_was_stored_and_not_passed_on_is_passed_on_when_it_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = event("evt_1", "customer.subscription.updated", world.peer.subscribe(CUSTOMER, status="active"))

    def away(message: object) -> None:
        assert world.rt.processed.get("processed/stripe_webhook.evt_1") is not None, "stored first"
        raise Retryable("the bus is away")

    with monkeypatch.context() as patched:
        patched.setattr(world.rt.bus, "publish", away)
        assert world.deliver(made) == 503
    assert world.deliver(made) == 200 and world.rt.bus.pending() == 1


def test_without_its_secret_the_webhook_answers_nothing(world: World) -> None:
    body = b'{"id":"evt_1","type":"invoice.paid"}'
    vars(world.rt)["secrets"] = _Secrets()
    assert world.deliver(body, signed(body, world.rt.clock.now(), "")) == 503


def test_a_comparison_repairs_what_no_event_told(world: World) -> None:
    assert world.tick()[0].error is None and world.org["status"] == "TRIAL"
    world.peer.subscribe("cus_other", "active", subscription="sub_0")
    world.peer.subscribe(CUSTOMER, "active", plan="Scale")
    world.peer.page = 1
    assert len(world.tick()) == 2, "one for all, one for the organization that differs"
    assert world.terms == ("Scale", "ACTIVE", 100)
    assert len(world.tick()) == 1, "nothing differs any more"


def test_a_trial_is_told_of_before_its_end_and_expires(world: World) -> None:
    world.tick()
    assert world.alerts() == []
    world.rt.clock.sleep(11.5 * 86400)
    for _ in range(2):
        world.tick()
    assert world.alerts() == [("trial_ending", "open")]
    assert world.mails().count("Subject: [Costwire] The trial ends on") == 1
    world.rt.clock.sleep(3 * 86400)
    for _ in range(2):
        world.tick()
    assert world.org["status"] == "EXPIRED"
    assert world.mails().count("Subject: [Costwire] The trial has ended") == 1
    assert [(one["by"], one["after"]["status"]) for one in world.changes()] == [("clock", "EXPIRED")]
    world.change(status="active")
    assert world.org["status"] == "ACTIVE"


def test_stripes_own_notice_of_the_end_of_a_trial_is_sent_once(world: World) -> None:
    ends = int((world.rt.clock.now() + timedelta(days=3)).timestamp())
    for name, kind in (("evt_1", "customer.subscription.updated"), ("evt_2", "customer.subscription.trial_will_end")):
        world.change(kind, name, status="trialing", trial_end=ends)
    assert world.mails().count("the first payment is due then") >= 1
    assert world.mails().count("Subject: [Costwire] The trial ends on") == 1
    world.rt.clock.sleep(4 * 86400)
    world.tick()
    assert world.org["status"] == "TRIAL", "Stripe says when it is over"


def test_the_tick_exists_with_plans_alone(world: World, tmp_path: Path) -> None:
    prepare(world.rt)
    assert plans_schedule() in world.rt.scheduler.list()
    with laptop(tmp_path / "other") as without:
        prepare(without)
        assert "plans" not in [one.name for one in without.scheduler.list()]


class Owner:
    def __init__(self, world: World, role: Role = Role.OWNER) -> None:
        self.client = client(world.rt, Service(KeyDoor(world.rt, None)))
        self.headers = {"X-API-Key": create_key(world.rt, ORG, KeyRequest("a test", role), "a test").secret}

    def post(self, path: str, status: int, **body: str) -> Any:
        address = f"/api/v1/organizations/{ORG}/billing/{path}"
        return checked(self.client.post(address, json=body, headers=self.headers), status)


def test_an_owner_pays_on_a_page_of_stripe_and_the_trial_goes_on_there(world: World) -> None:
    world.rt.documents.update(f"orgs/{ORG}", {"stripe_customer_id": None})
    owner = Owner(world)
    assert owner.post("portal", 422, return_url="https://acme.example/")["detail"].endswith("start one by a checkout")
    for _ in range(2):
        found = owner.post("checkout", 200, plan="Professional", **PAGES)
    assert found == {"url": "https://checkout.stripe.com/c/pay/cs_1"}
    made = [(path, asked) for method, path, asked in world.peer.asked if method == "POST"]
    assert [path for path, _ in made] == ["/v1/customers", "/v1/checkout/sessions", "/v1/checkout/sessions"]
    assert made[0][1] == {"name": "Acme", "metadata[org_slug]": ORG}
    asked = made[-1][1]
    assert (asked["customer"], asked["client_reference_id"], asked["line_items[0][price]"]) == (
        "cus_1", ORG, "price_professional",
    )  # fmt: skip
    assert asked["subscription_data[metadata][org_slug]"] == ORG
    ends = world.org["trial_ends_at"]
    assert asked["subscription_data[trial_end]"] == str(int(organizations.datetime.fromisoformat(ends).timestamp()))
    assert owner.post("portal", 200, return_url="https://acme.example/")["url"].startswith(
        "https://billing.stripe.com/"
    )


def test_a_checkout_is_refused_where_it_cannot_be(world: World) -> None:
    owner = Owner(world)
    assert "expected one of Starter, Professional, Scale" in owner.post("checkout", 422, plan="Huge", **PAGES)["detail"]
    owner.post("checkout", 400, plan="Scale", success_url="javascript:alert(1)", cancel_url="https://acme.example/")
    Owner(world, Role.EDITOR).post("checkout", 403, plan="Scale", **PAGES)
    world.change(status="past_due")
    assert "billing portal" in owner.post("checkout", 409, plan="Scale", **PAGES)["detail"]
    changes = checked(owner.client.get(f"/api/v1/organizations/{ORG}/billing/changes", headers=owner.headers))
    assert [one["after"] for one in changes["changes"]] == [{"plan": "Professional", "status": "SUSPENDED"}]


@pytest.mark.parametrize(
    ("refusals", "status"),
    [([(500, "")] * 3, 200), ([(429, "rate_limit")] * 4, 503), ([(401, "invalid_api_key")], 422), ([(400, "parameter_invalid")], 422)],
)  # fmt: skip
def test_an_api_that_fails_is_asked_again_and_its_words_are_not_repeated(
    world: World, refusals: list[tuple[int, str]], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    world.peer.refusals = list(refusals)
    found = Owner(world).post(
        "portal" if status != 200 else "checkout",
        status,
        **({"return_url": "https://acme.example/"} if status != 200 else {"plan": "Scale", **PAGES}),
    )
    assert "secret words" not in json.dumps(found)
