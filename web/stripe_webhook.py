"""Stripe's deliveries over HTTP: 200 once the event is noted and passed on, 400 without a reason for what is not Stripe's."""

from __future__ import annotations

import logging

import flask

from common.errors import CostError
from common.ports import Runtime
from common.telemetry import logs
from common.telemetry.withheld import described
from common.tenancy.stripe_events import RefusedDelivery, receive

LARGEST_BODY = 512 * 1024
"""In bytes; Stripe's events have some kilobytes."""
_RETRY_SECONDS = "60"
_log = logging.getLogger(logs.LOGGER)


def answered(rt: Runtime, request: flask.Request) -> flask.Response:
    """The answer to one delivery.  Its body is read as bytes, since the signature is over these."""
    if rt.settings.runtime == "cloud":
        logs.structured(rt.settings.project)
    if request.method != "POST":
        return _empty(405, Allow="POST")
    if request.content_length is None or request.content_length > LARGEST_BODY:
        return _empty(413 if request.content_length else 411)
    payload = request.get_data(cache=False, parse_form_data=False)
    try:
        receive(rt, payload, request.headers.get("Stripe-Signature", ""))
    except RefusedDelivery as refused:
        _log.warning("stripe_webhook refused: %s", refused, extra={"fields": {"function": "stripe_webhook"}})
        return _empty(400)
    except CostError as error:  # Stripe delivers again
        _log.error("stripe_webhook failed: %s", described(error), extra={"fields": {"function": "stripe_webhook"}})
        return _empty(503, **{"Retry-After": _RETRY_SECONDS})
    return _empty(200)


def _empty(status: int, **headers: str) -> flask.Response:
    return flask.Response("", status, {"Cache-Control": "no-store", **headers}, mimetype="text/plain")
