"""Stripe's API at protocol level, with state: customers, prices, subscriptions, invoices, charges, checkout and portal sessions.

Built from the documented exchanges, since no server to install keeps state.  Deliveries are signed as Stripe signs them.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from common.adapters.stripe.api import VERSION
from common.domain.stripe_signatures import signature

KEY = "rk_test_for_tests"
SECRET = "whsec_for_tests"  # of this peer
CREATED = 1_774_000_000


class StripePeer:
    """objects: folder -> id -> the object.  refusals: what the next requests are answered with instead: status and error code.

    before: called before each request is answered.  asked: method, path and parameters of each.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {
            "prices": {
                f"price_{plan.lower()}": {"id": f"price_{plan.lower()}", "object": "price", "metadata": {"plan": plan}}
                for plan in ("Starter", "Professional", "Scale")
            },
            "subscriptions": {}, "customers": {}, "invoices": {}, "charges": {},
        }  # fmt: skip
        self.refusals: list[tuple[int, str]] = []
        self.before: Callable[[str], None] = lambda path: None
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.page = 100
        self._lock, self._keys = threading.Lock(), dict[str, str]()
        handler = type("Handler", (_Handler,), {"peer": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End the listener."""
        self._server.shutdown()
        self._server.server_close()

    def subscribe(
        self,
        customer: str,
        status: str = "active",
        plan: str = "Professional",
        subscription: str = "sub_1",
        older_shape: bool = False,
        **more: Any,
    ) -> dict[str, Any]:
        """Make or change a subscription; returns it as the API shows it."""
        price = self.objects["prices"].get(
            f"price_{plan.lower()}", {"id": "price_other", "object": "price", "metadata": {}}
        )
        period = {"current_period_start": CREATED, "current_period_end": CREATED + 30 * 86400}
        item = {"id": f"si_{subscription}", "object": "subscription_item", "price": price, "quantity": 1}
        made = {
            "id": subscription,
            "object": "subscription",
            "customer": customer,
            "status": status,
            "created": CREATED,
            "trial_end": None,
            "metadata": {},
            "items": {"object": "list", "data": [item if older_shape else {**item, **period}]},
            **(period if older_shape else {}),
            **more,
        }
        with self._lock:
            self.objects["subscriptions"][subscription] = made
        return made

    def answer(self, method: str, path: str, asked: dict[str, str], key: str | None) -> tuple[int, dict[str, Any]]:
        """Status and body of one request."""
        steps = path.removeprefix("/v1/").split("/")
        with self._lock:
            if method == "GET":
                return self._read(steps, asked)
            if key and key in self._keys:
                return 200, json.loads(self._keys[key])
            made = self._made("/".join(steps), asked)
            if made is None:
                return 404, _error("resource_missing")
            if key:
                self._keys[key] = json.dumps(made)
            return 200, made

    def _read(self, steps: list[str], asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        folder = self.objects.get(steps[0])
        if folder is None:
            return 404, _error("resource_missing")
        if len(steps) == 2:
            found = folder.get(steps[1])
            return (200, found) if found else (404, _error("resource_missing"))
        if "customer" in asked and self.objects["customers"].get(asked["customer"], {}).get("deleted"):
            return 400, _error("resource_missing")
        rows = [one for one in folder.values() if asked.get("customer") in (None, one.get("customer"))]
        if steps[0] == "subscriptions" and asked.get("status") != "all":
            rows = [one for one in rows if one["status"] != "canceled"]
        names = [one["id"] for one in rows]
        begin = names.index(asked["starting_after"]) + 1 if "starting_after" in asked else 0
        size = min(int(asked.get("limit", "10")), self.page)
        shown = rows[begin : begin + size]
        return 200, {"object": "list", "data": shown, "has_more": begin + size < len(rows)}

    def _made(self, path: str, asked: dict[str, str]) -> dict[str, Any] | None:
        if path == "customers":
            made = {"id": f"cus_{len(self.objects['customers']) + 1}", "object": "customer", "asked": asked}
            self.objects["customers"][made["id"]] = made
            return made
        if path == "checkout/sessions":
            return {"id": "cs_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/pay/cs_1"}
        if path == "billing_portal/sessions":
            return {"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.stripe.com/p/session/1"}
        return None


def event(event_id: str, kind: str, about: dict[str, Any]) -> dict[str, Any]:
    """A snapshot event."""
    return {"id": event_id, "object": "event", "type": kind, "created": CREATED, "data": {"object": about}}


def thin_event(event_id: str, kind: str, object_type: str, object_id: str) -> dict[str, Any]:
    """A thin event."""
    related = {"id": object_id, "type": object_type, "url": f"/v1/{object_type}s/{object_id}"}
    return {"id": event_id, "object": "v2.core.event", "type": f"v1.{kind}", "related_object": related}


def signed(body: bytes, at: datetime, *secrets: str) -> str:
    """The header of a delivery; one v1 signature per secret."""
    seconds = str(int(at.timestamp()))
    return ",".join([f"t={seconds}", *(f"v1={signature(body, one, seconds)}" for one in secrets or (SECRET,))])


def deliveries(events: list[dict[str, Any]], duplicates: float, seed: int) -> list[dict[str, Any]]:
    """The events in random order, a part of them more than once."""
    chosen = random.Random(seed)  # an order, no secret
    again = chosen.choices(events, k=round(len(events) * duplicates / (1 - duplicates)))
    return chosen.sample([*events, *again], len(events) + len(again))


class _Handler(BaseHTTPRequestHandler):
    peer: StripePeer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer("GET", parts.path, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self._answer("POST", self.path, dict(parse_qsl(body)))

    def _answer(self, method: str, path: str, asked: dict[str, str]) -> None:
        peer = self.peer
        peer.asked.append((method, path, asked))
        peer.before(path)
        if peer.refusals:
            status, code = peer.refusals.pop(0)
            self._send(status, _error(code))
        elif (self.headers["Authorization"], self.headers["Stripe-Version"]) != (f"Bearer {KEY}", VERSION):
            self._send(401, _error("invalid_api_key"))
        else:
            self._send(*peer.answer(method, path, asked, self.headers.get("Idempotency-Key")))

    def _send(self, status: int, found: dict[str, Any]) -> None:
        content = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "type": "invalid_request_error", "message": "secret words of the provider"}}


@contextmanager
def stripe_peer() -> Iterator[StripePeer]:
    """A peer while the context lasts."""
    peer = StripePeer()
    try:
        yield peer
    finally:
        peer.close()
