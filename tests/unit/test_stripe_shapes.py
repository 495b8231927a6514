"""Stripe's signatures, events and subscriptions, without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.domain.stripe_objects import (
    STATUSES,
    InvalidEvent,
    StripeEvent,
    current_one,
    parse_event,
    parse_subscription,
)
from common.domain.stripe_signatures import fault, signature

SAMPLES = Path(__file__).parents[1] / "fixtures" / "stripe"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY, SECRET = b'{"id":"evt_1"}', "whsec_1"


def header(at: datetime = NOW, *secrets: str, body: bytes = BODY) -> str:
    seconds = str(int(at.timestamp()))
    return ",".join([f"t={seconds}", *(f"v1={signature(body, one, seconds)}" for one in secrets or (SECRET,))])


def test_the_signature_is_that_of_the_documented_scheme() -> None:
    # computed with OpenSSL: printf '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_1
    assert signature(BODY, SECRET, "1492774577") == "1644e67d202eea75d7d05a5e601956c6e8d2c6e1115f215738f2b19c70fa8a73"


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_a_delivery_of_now_is_accepted(seconds: int) -> None:
    assert fault(BODY, header(NOW + timedelta(seconds=seconds)), SECRET, NOW) is None


def test_while_a_secret_is_rolled_one_of_the_signatures_counts() -> None:
    assert fault(BODY, header(NOW, "whsec_old", SECRET, "whsec_other"), SECRET, NOW) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (header(NOW - timedelta(seconds=301)), "too old"),
        (header(NOW + timedelta(seconds=301)), "of the future"),
        (header(NOW, "whsec_2"), "no signature matches"),
        (header(body=b'{"id":"evt_2"}'), "no signature matches"),
        (header().replace("v1=", "v0="), "no signature matches"),
        (header() + ",t=1", "no time"),
        (header(NOW - timedelta(hours=1)).replace(f"t={int(NOW.timestamp()) - 3600}", f"t={int(NOW.timestamp())}"), "no signature"),
        (f"t={int(NOW.timestamp())}", "no signature matches"),
        ("", "no time"),
        ("t=١٢٣,v1=x", "no time"),
        ("t=1e9,v1=é\ud800", "no time"),
        (f"t={int(NOW.timestamp())},v1=é\ud800", "no signature matches"),
        ("t=" + "9" * 5000, "too long"),
    ],
)  # fmt: skip
def test_what_is_not_stripes_or_not_of_now_is_refused(given: str, reason: str) -> None:
    assert reason in (fault(BODY, given, SECRET, NOW) or "accepted")


SUBSCRIPTION = ("cus_00000000000000", "subscription", "sub_000000000000000000000000")
HINTS = {
    "charge.dispute.created": (None, "charge", "ch_000000000000000000000000"),
    "charge.refunded": (None, "charge", "ch_000000000000000000000000"),
    "checkout.session.completed": (
        "cus_00000000000000", "checkout.session", "cs_test_0000000000000000000000000000000000000000000000000000000000",
    ),
    "customer.deleted": ("cus_00000000000000", "customer", "cus_00000000000000"),
    "customer.subscription.created": SUBSCRIPTION,
    "customer.subscription.deleted": SUBSCRIPTION,
    "customer.subscription.trial_will_end": ("cus_00000000000000", "subscription", "su_00000000000000"),
    "customer.subscription.updated": SUBSCRIPTION,
    "invoice.paid": ("cus_00000000000000", "invoice", "in_000000000000000000000000"),
    "invoice.payment_action_required": ("cus_00000000000000", "invoice", "in_000000000000000000000000"),
    "invoice.payment_failed": ("cus_00000000000000", "invoice", "in_000000000000000000000000"),
    "invoice.payment_succeeded": ("cus_00000000000000", "invoice", "in_000000000000000000000000"),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_event_hints_at_its_customer_or_is_ignored(path: Path) -> None:
    found = parse_event(path.read_bytes())
    assert found.kind == path.stem.removesuffix(".payment_mode")
    assert found.is_hint == (found.kind in HINTS)
    if found.is_hint and "payment_mode" not in path.stem:
        assert (found.customer_id, found.object_type, found.object_id) == HINTS[found.kind]


def test_a_thin_event_names_what_has_to_be_asked() -> None:
    related = {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"}
    text = json.dumps({"id": "evt_1", "type": "v1.customer.subscription.updated.past_due", "related_object": related})
    found = parse_event(text.encode())
    assert found == StripeEvent("evt_1", "customer.subscription.updated.past_due", None, "subscription", "sub_1")
    assert found.is_hint


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b"{}", b'{"id":"evt_1"}', b'{"id":"../x","type":"a"}', b'{"id":1,"type":"a"}', b"[" * 100_000]
)  # fmt: skip
def test_what_is_no_event_is_named_so(payload: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse_event(payload)


def test_both_shapes_of_a_subscription_say_the_same() -> None:
    older = json.loads((SAMPLES / "customer.subscription.updated.json").read_text())["data"]["object"]
    newer = json.loads(json.dumps(older))
    for name in ("current_period_start", "current_period_end"):
        newer["items"]["data"][0][name] = newer.pop(name)
    newer["customer"] = {"id": newer["customer"], "object": "customer"}
    assert parse_subscription(older) == parse_subscription(newer)
    assert parse_subscription(newer).period_end == datetime.fromtimestamp(1650998505, UTC)


def test_the_plan_is_that_of_the_prices_metadata() -> None:
    found = json.loads((SAMPLES / "customer.subscription.created.json").read_text())["data"]["object"]
    assert parse_subscription(found).plan is None
    found["items"]["data"][0]["price"]["metadata"] = {"plan": "Scale"}
    assert parse_subscription(found).plan == "Scale"


def test_every_status_of_stripe_has_one_of_ours() -> None:
    assert dict(STATUSES) == {
        "trialing": "TRIAL", "active": "ACTIVE", "past_due": "SUSPENDED", "unpaid": "SUSPENDED", "paused": "SUSPENDED",
        "incomplete": "SUSPENDED", "canceled": "CANCELLED", "incomplete_expired": "CANCELLED",
    }  # fmt: skip


def test_of_several_subscriptions_a_paid_one_counts_and_a_cancelled_one_never_before_another() -> None:
    found = json.loads((SAMPLES / "customer.subscription.created.json").read_text())["data"]["object"]

    def one(name: str, status: str, created: int) -> None:
        several.append(parse_subscription({**found, "id": name, "status": status, "created": created}))

    several: list = []
    assert current_one(several) is None
    for name, status, created in (
        ("a", "canceled", 9),
        ("b", "incomplete", 8),
        ("c", "past_due", 1),
        ("d", "active", 2),
    ):
        one(name, status, created)
        chosen = current_one(several)
        assert chosen is not None and chosen.subscription_id == name
    one("e", "active", 3)
    one("f", "paused", 7)
    chosen = current_one(several)
    assert chosen is not None and chosen.subscription_id == "e"
