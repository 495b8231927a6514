"""A thousand deliveries of Stripe, almost a third of them repeated, in random order, against a peer of its API."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import flask

from benchmarks.figures import Figure
from benchmarks.measure import Failed
from benchmarks.plan import Plan
from common.adapters.stripe import api
from common.config import Settings
from common.domain.stripe_objects import STATUSES
from common.records import organizations
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire.worker import subscribe_all, work
from tests.stripe_peer import KEY, SECRET, StripePeer, deliveries, event, signed, stripe_peer
from web.stripe_webhook import answered

DELIVERIES, DUPLICATES, ORGANIZATIONS, SEED = 1000, 0.3, 50, 4
_PLANS = ("Starter", "Professional", "Scale")


def measure_payments(plan: Plan) -> list[Figure]:
    """Every organization must end as Stripe shows it, with no event lost; how long Stripe waits for its answer, and the work takes."""
    plan.say(f"{DELIVERIES:,} deliveries of Stripe")
    with plan.folder() as home, stripe_peer() as peer:
        os.environ |= {
            api.ENDPOINT: peer.address,
            "COSTWIRE_STRIPE_API_KEY": KEY,
            "COSTWIRE_STRIPE_WEBHOOK_SECRET": SECRET,
        }
        waits, seconds, wrong = _storm(home, peer)
    if wrong:
        raise Failed(f"{len(wrong)} of {ORGANIZATIONS} organizations ended otherwise than Stripe shows: {wrong[:5]}")
    name = f"{DELIVERIES:,} deliveries of Stripe, {DUPLICATES:.0%} repeated, in random order, {ORGANIZATIONS} organizations"
    waits.sort()
    return [
        Figure(name, "organizations in the wrong state", (0.0,), "", most=1),
        Figure(name, "answer to Stripe, median", (waits[len(waits) // 2] * 1000,), "ms"),
        Figure(name, "answer to Stripe, 99th percentile", (waits[len(waits) * 99 // 100] * 1000,), "ms", most=500),
        Figure(name, "deliveries and the work after them", (DELIVERIES / seconds,), "deliveries/s"),
    ]


def _storm(home: Path, peer: StripePeer) -> tuple[list[float], float, list[str]]:
    """Seconds of each answer, of everything, and the organizations that ended wrongly."""
    rt = EmbeddedRuntime(Settings(home=home, plans=True))
    bootstrap.use(rt)
    subscribe_all(rt)
    chosen = random.Random(SEED)  # noqa: S311  # an order, no secret
    happened = []
    for number in range(ORGANIZATIONS):
        organizations.add(rt.documents, rt.clock.now(), f"Org {number}", f"org_{number}")
        organizations.change_document(
            rt.documents, rt.clock.now(), f"org_{number}", lambda one, number=number: one.update(stripe_customer_id=f"cus_{number}")
        )  # fmt: skip
    for number in range(round(DELIVERIES * (1 - DUPLICATES))):
        customer = number % ORGANIZATIONS
        made = peer.subscribe(
            f"cus_{customer}", chosen.choice(list(STATUSES)), chosen.choice(_PLANS), f"sub_{customer}", bool(number % 2)
        )
        happened.append(event(f"evt_{number}", "customer.subscription.updated", dict(made)))
    app, waits, began = flask.Flask("bench"), [], time.perf_counter()
    for found in deliveries(happened, DUPLICATES, SEED):
        body = json.dumps(found).encode()
        header = {"Stripe-Signature": signed(body, rt.clock.now())}
        started = time.perf_counter()
        with app.test_request_context("/", method="POST", data=body, headers=header):
            if answered(rt, flask.request).status_code != 200:
                raise Failed("a delivery was not accepted")
        waits.append(time.perf_counter() - started)
    failed = [one.error for one in work(rt) if one.error]
    seconds = time.perf_counter() - began
    bootstrap.use(None)
    if failed:
        raise Failed(f"{len(failed)} messages failed: {failed[0]}")
    return waits, seconds, [f"org_{number}" for number in range(ORGANIZATIONS) if not _is_right(rt, peer, number)]


def _is_right(rt: EmbeddedRuntime, peer: StripePeer, number: int) -> bool:
    found = organizations.load(rt.documents, f"org_{number}")
    shown = peer.objects["subscriptions"][f"sub_{number}"]
    plan = shown["items"]["data"][0]["price"]["metadata"]["plan"]
    return (found["status"], found["plan"], found["limits"]) == (
        STATUSES[shown["status"]],
        plan,
        organizations.limits_of(plan),
    )
