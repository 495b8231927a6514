"""Idempotency keys of POST requests: the same key and request, the same answer, and the work done once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import flask

from common.errors import Held
from common.tenancy.repeated_requests import Answer, KeyReused, once
from web.api.call import Call
from web.api.declare import Route
from web.api.problems import RETRY_SECONDS, Problem
from web.api.rendering import rendered

HEADER = "Idempotency-Key"
KEY_PATTERN = r"^[\x21-\x7e]{1,255}$"
_KEY = re.compile(KEY_PATTERN)


def takes_key(route: Route) -> bool:
    """Whether a request may have one: what takes a file is the same work for the same bytes anyway."""
    return route.method == "POST" and not route.takes_file


def idempotency_key(route: Route) -> str | None:
    """The request's key; None where it has none.  Raises Problem for what is not one."""
    given = flask.request.headers.get(HEADER) if takes_key(route) else None
    if given is not None and not _KEY.fullmatch(given):
        raise Problem("invalid_request", f"{HEADER} has {len(given)} characters, expected 1 to 255 visible ASCII ones")
    return given


def answered_once(call: Call, route: Route, key: str, work: Callable[[], Any]) -> flask.Response:
    """The answer, made now or an earlier time.  Raises Problem."""
    fresh: list[Any] = []

    def worked() -> Answer:
        fresh.append(work())
        return Answer(route.status, "" if route.secret else json.dumps(fresh[0]))

    request = flask.request
    asked = f"{request.method} {request.full_path}\n{request.get_data(as_text=True)}"
    caller = f"{call.org_slug} {call.caller.counted_as or call.caller.name}"
    try:
        answer, again = once(call.rt, caller, key, asked, worked)
    except KeyReused:
        words = f"this {HEADER} was sent with another request; choose a new one for each"
        raise Problem("idempotency_key_reused", words) from None
    except Held as held:
        raise Problem("in_progress", str(held), {"Retry-After": str(RETRY_SECONDS)}) from None
    if not again:
        return rendered(fresh[0], answer.status)
    if route.secret:
        raise Problem("conflict", "the request was done; its answer held a secret, which is shown once")
    made = rendered(json.loads(answer.body), answer.status)
    made.headers["Idempotency-Replayed"] = "true"
    return made
