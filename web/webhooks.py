"""Calls of providers: one address per integration, and one plain answer to whatever is not genuine."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Any

import flask

from common.errors import CostError
from common.ingestion.calls import SECRET_PARAMETER, Call
from common.ingestion.notified import Received, receive
from common.ports import Runtime
from common.ports.senders import NotGenuine
from common.telemetry import logs
from common.telemetry.withheld import described

_log = logging.getLogger(logs.LOGGER)
_FUNCTION = "provider_webhook"
_ADDRESS = re.compile(r"/v1/([A-Za-z0-9_]{3,50})/([a-z0-9][a-z0-9_-]{0,62})")
LARGEST_BODY = 256 * 1024
"""In bytes: what SNS, EventBridge and Pub/Sub send at most of an event of storage, many times over."""
REFUSED, UNAVAILABLE = "refused", "unavailable"
RETRY_SECONDS = 30


def answer(rt: Runtime, request: flask.Request) -> flask.Response:
    """Answer one call.

    200 for a handshake, for what was done and for what needs nothing.  400 for all else that was sent, the same for everybody: it
    is the one status after which SNS, EventBridge and Event Grid do not try again.  503 where it could not be checked or done.
    """
    if rt.settings.runtime == "cloud":
        logs.structured(rt.settings.project)
    began = time.monotonic()
    fields: dict[str, Any] = {
        "function": _FUNCTION,
        "method": request.method if request.method == "OPTIONS" else "POST",
    }
    try:
        call = _read(request)
        fields |= {"org_slug": call.org_slug, "integration_id": call.integration_id}
        received = receive(rt, call)
        fields["sender"] = received.sender
        if received.run_ids:
            fields["run_ids"] = list(received.run_ids)
        outcome, made = received.outcome, _success(received)
    except NotGenuine as refusal:
        outcome, made = REFUSED, _plain(400, "not accepted")
        fields["reason"] = str(refusal)
    except CostError as error:
        outcome, made = UNAVAILABLE, _plain(503, "unavailable")
        made.headers["Retry-After"] = str(RETRY_SECONDS)
        fields["reason"] = described(error)
    except Exception as error:
        _log.error("webhook failed: %s", described(error), extra={"fields": fields})
        return _plain(500, "failed")
    fields |= {"call": outcome, "status": made.status_code, "milliseconds": round((time.monotonic() - began) * 1000)}
    level = {REFUSED: logging.WARNING, UNAVAILABLE: logging.ERROR}.get(outcome, logging.INFO)
    _log.log(level, "webhook %s", outcome, extra={"fields": fields})
    return made


def _read(request: flask.Request) -> Call:
    """Raises NotGenuine for what has no address of an integration, or is too long; a body is read no further than that."""
    found = _ADDRESS.fullmatch(request.path)
    if found is None or request.method not in ("POST", "OPTIONS"):
        raise NotGenuine("there is nothing at this address, or not by this method")
    if (request.content_length or 0) > LARGEST_BODY:
        raise NotGenuine("the body is too long")
    body = request.stream.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise NotGenuine("the body is too long")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(found[1], found[2], body, headers, request.args.get(SECRET_PARAMETER), request.method == "OPTIONS")


def _success(received: Received) -> flask.Response:
    if received.answer is not None:
        made = flask.Response(json.dumps(received.answer), mimetype="application/json")
    else:
        made = flask.Response(status=200)
    made.headers.update(received.headers)
    return _closed(made)


def _plain(status: int, line: str) -> flask.Response:
    return _closed(flask.Response(f"{line}\n", status, mimetype="text/plain"))


def _closed(made: flask.Response) -> flask.Response:
    made.headers["Cache-Control"] = "no-store"
    made.headers["X-Content-Type-Options"] = "nosniff"
    return made
