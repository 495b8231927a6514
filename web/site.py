"""The site: the API, and the pages of the dashboard beside it, as one application.

A page is whole at its address and needs no script; the server never asks whether one is running.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache, partial
from typing import Any

import flask
import jinja2
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from common.domain.alerts import OPEN
from common.domain.names import org_slug_fault
from common.domain.period import BillingPeriod
from common.errors import CostError
from common.ports import Runtime
from common.records.organizations import DEFAULT
from common.reporting.alerts import list_alerts
from web import asset_files, formatting
from web.api.access import check_allowed, has_key
from web.api.app import Service, call_route, create_app, failed, present_caller
from web.api.call import NotModified
from web.api.caller import Caller, Needs
from web.api.declare import Route
from web.api.problems import Problem
from web.api.routes import ROUTES
from web.fitting import fitted
from web.pages import (
    alerts,
    budget_form,
    budgets,
    charges,
    costs,
    data,
    hierarchy,
    match,
    members,
    operator,
    overview,
    report,
    settings,
)
from web.pages.data_state import has_fault
from web.pages.screen import Download, Goto, Screen
from web.sign_in import add_sign_in, sign_in_address

PAGES: tuple[Route, ...] = tuple(
    route
    for module in (
        overview,
        report,
        costs,
        charges,
        budget_form,
        budgets,
        alerts,
        data,
        match,
        members,
        settings,
        hierarchy,
        operator,
    )
    for route in module.screens.found
)
"""Every page and every form's target."""
_NEEDS = {f"page.{route.operation}": route.needs for route in PAGES}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    # without a referrer a browser sends `Origin: null` with a form, which is what another site's page sends too
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_RESERVED = ("api", "health", "ready")


class _Organization(BaseConverter):
    """A slug in an address.  Our own roots are no organization."""

    regex = rf"(?!(?:{'|'.join(_RESERVED)})(?:/|$))[A-Za-z0-9_]{{3,50}}"


def create_site(rt: Runtime, service: Service) -> flask.Flask:
    """The WSGI application with the API and every page."""
    app = create_app(rt, service, ROUTES)
    app.url_map.converters["organization"] = _Organization
    for route in PAGES:
        app.add_url_rule(
            _rule(route.rule),
            endpoint=f"page.{route.operation}",
            view_func=partial(_page, rt, service, route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    if service.people is None:
        app.add_url_rule(
            "/", "page.start", lambda: _answer(rt, DEFAULT, Goto(f"/{DEFAULT}")), provide_automatic_options=False
        )
    else:
        add_sign_in(app, rt, service.people, partial(_rendered, rt, ""))
    app.add_url_rule(f"{asset_files.PREFIX}/<version>/<name>", "page.asset", _asset, provide_automatic_options=False)
    nothing = partial(_nothing, rt)
    app.add_url_rule("/<organization:org>/<path:rest>", "page.none", nothing, provide_automatic_options=False)
    return app


def _rule(rule: str) -> str:
    return rule.replace("<org>", "<organization:org>")


def _page(rt: Runtime, service: Service, route: Route, **path: str) -> flask.Response:
    try:
        found = call_route(rt, service, route, path)
        return _answer(rt, path.get("org", DEFAULT), found)
    except NotModified:
        raise
    except Exception as error:
        if _is_for_sign_in(service, route, error):
            return _answer(rt, DEFAULT, Goto(sign_in_address(flask.request)))
        return _failure(rt, path.get("org", DEFAULT), error)


def _is_for_sign_in(service: Service, route: Route, error: Exception) -> bool:
    """Whether a request is answered by the page of sign-in: somebody without a session, who presents no key, opens a page."""
    if service.people is None or not isinstance(error, Problem) or route.method != "GET":
        return False
    return error.code in ("no_key", "no_session") and route.needs.of_tenant and not has_key(flask.request.headers)


def _answer(rt: Runtime, org_slug: str, found: Screen | Goto | Download) -> flask.Response:
    if isinstance(found, Goto):
        made = flask.Response(status=303, headers={"Location": found.address})
        made.headers["Cache-Control"] = "no-store"
        return _with_headers(made)
    if isinstance(found, Download):
        made = flask.Response(found.content, mimetype=found.mimetype)
        made.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
        return _with_headers(made)
    made = _rendered(rt, org_slug, found, found.status)
    if found.secret:
        made.headers["Cache-Control"] = "no-store"
    return made


def _rendered(rt: Runtime, org_slug: str, screen: Screen, status: int) -> flask.Response:
    caller = present_caller()
    # what the navigation says of an organization is for those only who may see it
    inside = bool(org_slug) and caller.role is not None and caller.org_slug in (None, org_slug)
    shell = {
        "org": org_slug,
        "title": screen.title,
        "section": screen.section,
        "open_alerts": _known(lambda: len(list_alerts(rt, org_slug, OPEN))) if inside else None,
        "data_fault": _known(lambda: has_fault(rt, org_slug)) if inside else None,
        "now": rt.clock.now(),
        "person": caller.person,
        "caller": caller,
    }
    text = environment().get_template(screen.template).render({**shell, **screen.context})
    if caller.person is not None:
        text = fitted(text, caller.person.form_token, partial(_may, caller))
    return _with_headers(flask.Response(text, status, mimetype="text/html"))


def _may(caller: Caller, method: str, path: str) -> bool:
    """Whether a caller's role allows what lies at an address; true for what is no page of ours."""
    try:
        endpoint, _ = flask.current_app.url_map.bind("").match(path, method)
        check_allowed(caller, _NEEDS.get(endpoint, Needs.NOTHING))
    except Problem:
        return False
    except HTTPException:
        return True
    return True


def report_file(rt: Runtime, org_slug: str, month: BillingPeriod | None) -> str:
    """The report of a month as a page that needs nothing but itself: to be stored, sent, and printed as PDF."""
    context = report.report_of(rt, org_slug, month)
    shell = {"org": org_slug, "title": f"Costs of {context['month_title'] or org_slug}", "section": ""}
    style = Markup(asset_files.contents()["app.css"].decode())  # noqa: S704  # our own file
    found = (
        environment().get_template("report.html").render({**shell, **context, "layout": "paper.html", "style": style})
    )
    return report.alone(found)


def _known(read: Any) -> Any:
    """What the navigation shows beside a name; nothing where it cannot be read, since the page itself says why."""
    try:
        return read()
    except CostError:
        return None


def _failure(rt: Runtime, org_slug: str, error: Exception) -> flask.Response:
    plain = failed(error)
    details = plain.get_json()
    org_slug = DEFAULT if org_slug_fault(org_slug) else org_slug
    screen = Screen("problem.html", details["title"], "", {"problem": details, "again": flask.request.method == "GET"})
    made = _rendered(rt, org_slug, screen, plain.status_code)
    made.headers["Cache-Control"] = "no-store"
    for name in ("Retry-After", "Allow"):
        if name in plain.headers:
            made.headers[name] = plain.headers[name]
    return made


def _nothing(rt: Runtime, org: str, rest: str) -> flask.Response:
    return _failure(rt, org, Problem("not_found", "there is no page at this address"))


def _asset(version: str, name: str) -> flask.Response:
    found = asset_files.answer(version, name)
    if found is None:
        raise Problem("not_found", "there is no such file in this version; load the page again")
    return found


def _with_headers(answer: flask.Response) -> flask.Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


@cache
def environment() -> jinja2.Environment:
    """The templates, with what formats values; everything that is not markup is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(_globals())
    made.filters.update({"amount": _amount, "day": _day, "sentence": _sentence})
    return made


def _amount(text: str | None, currency: str, sign: bool = False) -> Markup:
    """Decimal text as documents hold it, shown."""
    return formatting.number(None if text is None else Decimal(text), currency, sign)


def _day(text: str) -> Markup:
    """A day of a document, shown."""
    return formatting.day_tag(date.fromisoformat(text[:10]))


def _sentence(text: str) -> str:
    """With a capital letter at its beginning; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def _globals() -> Mapping[str, Any]:
    names = (
        "number",
        "fine",
        "money",
        "exact",
        "share",
        "change",
        "count",
        "day_tag",
        "time_tag",
        "ago",
        "long_day",
        "short_day",
        "month_name",
        "legible",
    )
    return {**{name: getattr(formatting, name) for name in names}, "asset": asset_files.address, "Markup": Markup}
