"""The application: every request is authenticated, read, passed to one use case, and rendered."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from common.domain.names import org_slug_fault
from common.errors import NotFound
from common.ports import Runtime
from common.records.asked import AskedCounter, counting
from common.records.audit import Operation, acting, record_done
from common.records.organizations import DEFAULT
from common.telemetry import logs
from common.telemetry.withheld import described
from common.tenancy.organizations import check_organization
from web.api.access import Door, check_allowed, no_organization
from web.api.call import Call, NotModified
from web.api.caller import ANYBODY, Caller, Needs
from web.api.declare import ORG, Route
from web.api.idempotency import answered_once, idempotency_key
from web.api.limits import Allowance, RateLimits
from web.api.openapi import document
from web.api.people import People, check_own_form
from web.api.problems import MEDIA_TYPE, Problem, problem_of
from web.api.reading import LARGEST_BODY, LARGEST_FILE, read_arguments
from web.api.rendering import compressed, rendered

_log = logging.getLogger(logs.LOGGER)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_HSTS = "max-age=31536000; includeSubDomains"
_SAFE = ("GET", "HEAD")
_OF_HTTP = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


@dataclass(frozen=True)
class Service:
    """How the application is run.  loopback: only for this machine, so that a Host of another name is a trick of a browser's page.

    encrypted: it is reached by TLS only.  asked: counts the questions of each organization; None where nobody bills them.
    people: how they sign in; None where nobody can.
    """

    door: Door
    limits: RateLimits | None = None
    loopback: bool = False
    encrypted: bool = False
    asked: AskedCounter | None = None
    people: People | None = None


def create_app(rt: Runtime, service: Service, routes: Sequence[Route]) -> flask.Flask:
    """The WSGI application, with these operations."""
    app = flask.Flask("web.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.merge_slashes = False
    app.before_request(partial(_begin, service))
    app.after_request(partial(_end, service))
    app.register_error_handler(Exception, failed)
    for route in routes:
        app.add_url_rule(
            route.rule,
            endpoint=route.operation,
            view_func=partial(_answer, rt, service, route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    described_routes = document(routes)
    app.add_url_rule("/openapi.json", "openapi", lambda: rendered(described_routes), provide_automatic_options=False)
    return app


@dataclass
class _Doing:
    """What is known of the present request."""

    request_id: str
    began: float = field(default_factory=time.monotonic)
    route: Route | None = None
    caller: Caller = ANYBODY
    org_slug: str = ""
    etag: str | None = None
    allowance: Allowance | None = None


def _begin(service: Service) -> None:
    given = flask.request.headers.get("X-Request-ID", "")
    flask.g.doing = _Doing(given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)
    if service.loopback:
        _check_local(flask.request)


def _check_local(request: flask.Request) -> None:
    """A page of the web may name this machine as its own host, or send a form here; neither is this machine's user."""
    if not _LOOPBACK.fullmatch(request.headers.get("Host", "")):
        raise Problem(
            "foreign_host", "this service answers for localhost and 127.0.0.1 only; --host serves others, with keys"
        )
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own = f"{request.scheme}://{request.headers['Host']}"
    if site not in (None, "same-origin", "none") or origin not in (None, own):
        raise Problem("cross_site", "a page of another site sent this request; nothing was done")


def _answer(rt: Runtime, service: Service, route: Route, **path: str) -> flask.Response:
    found = call_route(rt, service, route, path)
    return found if isinstance(found, flask.Response) else rendered(found, route.status)


def call_route(rt: Runtime, service: Service, route: Route, path: Mapping[str, str]) -> Any:
    """What the handler of a route returns for the present request, once the caller is known to be allowed and the request is read.

    path: the values of its parameters.  Returns a response where the request was made before, under its idempotency key.
    Raises Problem, NotModified, and what the use case raises.
    """
    doing: _Doing = flask.g.doing
    doing.route = route
    if route.needs is not Needs.NOTHING:
        doing.caller = service.door.admit(flask.request.headers, route.needs, path.get(ORG))
        if service.limits is not None and doing.caller.counted_as is not None:
            doing.allowance = service.limits.take(doing.caller.counted_as)
        if doing.caller.person is not None and service.people is not None and flask.request.method not in _SAFE:
            check_own_form(flask.request, service.people, doing.caller.person.form_token)
        check_allowed(doing.caller, route.needs)
    operation = Operation(doing.caller.actor, route.action.format(**path), doing.request_id)
    with acting(operation):
        doing.org_slug = _organization(rt, route, doing.caller, path.get(ORG))
        call = Call(rt, doing.caller, doing.org_slug, doing.request_id)
        arguments = read_arguments(route, path)
        if route.answer is not None and (key := idempotency_key(route)):
            return answered_once(call, route, key, lambda: _recorded(call, route, operation, path, arguments))
        try:
            with counting() as scanned:
                return _recorded(call, route, operation, path, arguments)
        finally:
            doing.etag = call.etag
            if service.asked is not None and call.org_slug:
                service.asked.add(call.org_slug, scanned)


def _recorded(
    call: Call, route: Route, operation: Operation, path: Mapping[str, str], arguments: Mapping[str, Any]
) -> Any:
    """What the handler returns; an operation that is done and has no audit record yet gets one."""
    found = route.handler(call, **arguments)
    if route.action and getattr(found, "is_done", True):
        record_done(call.rt, operation, call.org_slug, _target(route, path))
    return found


def _target(route: Route, path: Mapping[str, str]) -> str:
    """What a request is about, by its address, as `alerts/cloud-80`; "" where it names nothing."""
    steps = route.path.partition(f"{{{ORG}}}/")[2].split("/")
    last = max((number for number, step in enumerate(steps) if step.startswith("{")), default=-1)
    return "/".join(steps[: last + 1]).format(**path)


def _organization(rt: Runtime, route: Route, caller: Caller, named: str | None) -> str:
    """The organization that the request is about.  One of others and one that does not exist are answered alike."""
    if not route.needs.of_tenant:
        return ""
    org_slug = named or caller.org_slug or DEFAULT
    unknown = no_organization(org_slug)
    if org_slug_fault(org_slug) or caller.org_slug not in (None, org_slug):
        raise unknown
    try:
        check_organization(rt, org_slug, writes=route.method != "GET")
    except NotFound:
        raise unknown from None
    return org_slug


def present_caller() -> Caller:
    """Who sends the present request; nobody where that was not asked yet."""
    doing: _Doing = flask.g.doing
    return doing.caller


def failed(error: Exception) -> flask.Response:
    """An error as an answer, logged where nobody foresaw it."""
    doing: _Doing = flask.g.doing
    if isinstance(error, NotModified):
        return flask.Response(status=304)
    if isinstance(error, HTTPException):
        return _of_http(error, doing)
    problem = problem_of(error)
    if problem is None:
        _log.error(
            "api failed: %s", described(error), exc_info=error, extra={"fields": {"request_id": doing.request_id}}
        )
        problem = Problem("internal", "an error that nobody foresaw; its cause is in the log, under the request id")
    return _rendered_problem(problem, doing)


def _of_http(error: HTTPException, doing: _Doing) -> flask.Response:
    code = _OF_HTTP.get(error.code or 500, "invalid_request" if (error.code or 500) < 500 else "internal")
    words = {
        "not_found": "there is nothing at this address; GET /openapi.json lists what there is",
        "too_large": f"a body has at most {_most_bytes(doing.route)} bytes",
    }
    answer = _rendered_problem(Problem(code, words.get(code, error.description or "")), doing)
    allowed = error.get_response().headers.get("Allow")
    if allowed:
        answer.headers["Allow"] = allowed
    return answer


def _most_bytes(route: Route | None) -> int:
    return LARGEST_FILE if route is not None and route.takes_file else LARGEST_BODY


def _rendered_problem(problem: Problem, doing: _Doing) -> flask.Response:
    answer = rendered(problem.as_json(doing.request_id), problem.status)
    answer.mimetype = MEDIA_TYPE
    answer.headers.update(problem.headers)
    return answer


def _end(service: Service, answer: flask.Response) -> flask.Response:
    doing: _Doing = flask.g.doing
    answer.headers["X-Request-ID"] = doing.request_id
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    if doing.allowance is not None:
        answer.headers.update(doing.allowance.headers)
    if service.encrypted:
        answer.headers["Strict-Transport-Security"] = _HSTS
    if doing.etag and answer.status_code in (200, 304):
        answer.set_etag(doing.etag, weak=True)
        answer.headers["Cache-Control"] = "private, no-cache"
    else:
        answer.headers.setdefault("Cache-Control", "no-store")
    compressed(answer, flask.request.accept_encodings)
    _told(doing, answer.status_code)
    return answer


def _told(doing: _Doing, status: int) -> None:
    """One line per request.  The address is the route's, never the caller's text."""
    fields: dict[str, Any] = {
        "function": "api",
        "request_id": doing.request_id,
        "method": flask.request.method if doing.route else "",
        "route": doing.route.path if doing.route else "",
        "status": status,
        "milliseconds": round((time.monotonic() - doing.began) * 1000),
        "caller": doing.caller.name,
    }
    if doing.org_slug:
        fields["org_slug"] = doing.org_slug
    _log.info("api %s %s %s", fields["method"], fields["route"], status, extra={"fields": fields})
