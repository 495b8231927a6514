"""The application for others than the user of this machine: with keys, limits and the guard of production."""

from __future__ import annotations

import atexit
import logging
import uuid
from collections.abc import Callable, Sequence

import flask
from werkzeug.wrappers import Response

from common.config import service_settings_of_environment
from common.errors import CostError
from common.ports import Runtime
from common.telemetry import logs
from common.telemetry.withheld import described
from web.api.app import Service, create_app
from web.api.declare import Route
from web.api.guard import service_of
from web.api.problems import MEDIA_TYPE, RETRY_SECONDS, Problem
from web.api.rendering import rendered

_log = logging.getLogger(logs.LOGGER)


def service_for_others(rt: Runtime) -> Service:
    """How the environment configures the application.  Raises BadConfiguration that names everything that is missing."""
    if rt.settings.runtime == "cloud":
        logs.structured(rt.settings.project)
    service = service_of(rt, service_settings_of_environment())
    if service.asked is not None:
        atexit.register(service.asked.flush)  # an instance that ends has a few seconds
    return service


def app_for_others(rt: Runtime, routes: Sequence[Route]) -> flask.Flask:
    """The application with these routes only."""
    return create_app(rt, service_for_others(rt), routes)


def answered(make: Callable[[], flask.Flask], request: flask.Request) -> Response:
    """The answer to a request that functions-framework has received.

    make: the application, made once.  Where it cannot be made, nothing is answered but that: an instance that ended instead would make
    the deployment fail that creates the root key's secret, which has no value before.
    """
    try:
        app = make()
    except CostError as error:
        _log.error("the service does not start: %s", described(error), extra={"fields": {"function": "api"}})
        problem = Problem("not_ready", "the service lacks configuration; its log says which")
        answer = rendered(problem.as_json(uuid.uuid4().hex), problem.status)
        answer.mimetype = MEDIA_TYPE
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    return Response.from_app(app.wsgi_app, request.environ)
