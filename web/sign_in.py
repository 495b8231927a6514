"""Sign-in, sign-out and the choice of an organization, where a provider of sign-in is configured.

These answers set cookies, which a screen cannot; so they have views of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import flask

from common.errors import BadConfiguration, NotFound, NotIdentified
from common.ports import Runtime
from common.telemetry import logs
from common.telemetry.withheld import described
from common.tenancy.organizations import show_organization
from common.tenancy.sessions import Opened, end_session, find_session, membership
from common.tenancy.sign_in import NoMembership, Returned, begin, complete
from web.api.app import failed
from web.api.people import CALLBACK, People, check_own_form, check_own_site, own_address
from web.api.problems import Problem
from web.pages.screen import Screen

_log = logging.getLogger(logs.LOGGER)
Render = Callable[[Screen, int], flask.Response]
SIGN_IN, START, SIGN_OUT, ORGANIZATIONS = "/sign-in", "/sign-in/start", "/sign-out", "/-/organizations"
_LONGEST = 2000


def add_sign_in(app: flask.Flask, rt: Runtime, people: People, render: Render) -> None:
    """Add the addresses to the application.  render: makes a page of a screen and a status."""
    pages = _Pages(rt, people, render)
    for rule, method, view in (
        ("/", "GET", pages.first),
        (ORGANIZATIONS, "GET", pages.organizations),
        (SIGN_IN, "GET", pages.sign_in),
        (START, "GET", pages.start),
        (CALLBACK, "GET", pages.callback),
        (SIGN_OUT, "POST", pages.sign_out),
    ):
        app.add_url_rule(
            rule,
            f"page.{view.__name__}",
            partial(pages.answered, view),
            methods=[method],
            provide_automatic_options=False,
        )


def sign_in_address(request: flask.Request) -> str:
    """The page of sign-in that leads back to what was asked for."""
    return f"{SIGN_IN}?{urlencode({'next': own_address(request.full_path.removesuffix('?'))})}"


class _Pages:
    """The answers."""

    def __init__(self, rt: Runtime, people: People, render: Render) -> None:
        self._rt, self._people, self._render = rt, people, render

    def answered(self, view: Callable[[], flask.Response]) -> flask.Response:
        """An answer that nobody stores; what fails is told on the page of sign-in."""
        try:
            made = view()
        except Exception as error:  # everything that fails is a problem, also what nobody foresaw
            problem = failed(_as_problem(error))
            made = self._page("", problem.get_json()["detail"], problem.status_code)
            for name in ("Retry-After",):
                if name in problem.headers:
                    made.headers[name] = problem.headers[name]
        made.headers["Cache-Control"] = "no-store"
        return made

    def first(self) -> flask.Response:
        """The only organization of somebody, the choice of one of several, or the page of sign-in."""
        opened = self._opened()
        if opened is None:
            return _goto(SIGN_IN)
        (one, *others) = sorted(opened.session.organizations)
        return _goto(ORGANIZATIONS if others else f"/{one}")

    def organizations(self) -> flask.Response:
        """Those of the session, to choose one."""
        opened = self._opened()
        if opened is None:
            return _goto(f"{SIGN_IN}?{urlencode({'next': ORGANIZATIONS})}")
        found = []
        for org_slug in sorted(opened.session.organizations):
            member = membership(self._rt, opened.session, org_slug)
            if member is not None:
                found.append((org_slug, _name_of(self._rt, org_slug), member.role))
        context = {"found": found, "form_token": opened.form_token}
        return self._render(Screen("organizations.html", "Choose an organization", "", context), 200)

    def sign_in(self) -> flask.Response:
        """What leads to the issuer."""
        asked = flask.request.args
        return self._page(
            asked.get("invitation", "")[:_LONGEST], None, 200, own_address(asked.get("next")), "ended" in asked
        )

    def start(self) -> flask.Response:
        """Begin: to the issuer's page."""
        self._people.count(flask.request)
        asked = flask.request.args
        target = own_address(asked.get("next"))
        browser = self._people.browser_in(flask.request.headers)
        begun = begin(self._rt, self._people.redirect_uri, target, asked.get("invitation", "")[:_LONGEST], browser)
        made = _goto(begun.page)
        self._people.set_browser(made, begun.browser)
        return made

    def callback(self) -> flask.Response:
        """End: from the issuer's page to where somebody wanted to go."""
        self._people.count(flask.request)
        asked, headers = flask.request.args, flask.request.headers
        if "error" in asked:
            raise Problem("not_identified", "the issuer did not sign you in")
        returned = Returned(
            asked.get("state", "")[:_LONGEST],
            asked.get("code", "")[:_LONGEST],
            asked.get("iss"),
            self._people.browser_in(headers),
            self._people.session_in(headers),
        )
        done = complete(self._rt, returned)
        made = _goto(done.target)
        self._people.set_session(made, done.opened.secret)
        return made

    def sign_out(self) -> flask.Response:
        """End the session, here and on every instance."""
        opened = self._opened()
        if opened is None:
            check_own_site(flask.request, self._people)
        else:
            check_own_form(flask.request, self._people, opened.form_token)
            end_session(self._rt, opened.secret)
        made = _goto(f"{SIGN_IN}?ended")
        self._people.clear(made)
        return made

    def _opened(self) -> Opened | None:
        return find_session(self._rt, self._people.session_in(flask.request.headers))

    def _page(
        self, invitation: str, fault: str | None, status: int, target: str = "/", ended: bool = False
    ) -> flask.Response:
        asked = {name: text for name, text in (("next", target), ("invitation", invitation)) if text not in ("", "/")}
        start = f"{START}?{urlencode(asked)}" if asked else START
        context = {"start": start, "fault": fault, "ended": ended, "invited": bool(invitation)}
        return self._render(Screen("sign_in.html", "Sign in", "", context), status)


def _as_problem(error: Exception) -> Exception:
    """Why somebody could not sign in.  What the deployment lacks is for its log, not for whoever opens the page."""
    if isinstance(error, NoMembership):
        return Problem("no_membership", str(error))
    if isinstance(error, NotIdentified):
        return Problem("not_identified", f"{error}; sign in again")
    if isinstance(error, BadConfiguration):
        _log.error("sign-in does not work: %s", described(error), extra={"fields": {"function": "api"}})
        return Problem("unavailable", "sign-in does not work for the moment; an operator finds the reason in the log")
    return error


def _name_of(rt: Runtime, org_slug: str) -> str:
    try:
        return show_organization(rt, org_slug).name or org_slug
    except NotFound:
        return org_slug


def _goto(address: str) -> flask.Response:
    return flask.Response(status=303, headers={"Location": address})
