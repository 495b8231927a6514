"""Users who sign in: their cookies, and what proves that a form is their own."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import flask
from werkzeug.datastructures import Headers
from werkzeug.http import parse_cookie

from common.records.sessions import LONGEST
from web.api.limits import RateLimits
from web.api.problems import Problem

CALLBACK = "/sign-in/callback"
FORM_TOKEN = "csrf_token"  # noqa: S105  # its name in a form
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105  # its name
TRIES_PER_MINUTE = 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OWN_ADDRESS = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1999}")
_BROWSER_LIFE = timedelta(minutes=10)


@dataclass(frozen=True)
class People:
    """origin: the address of the site for people, without a path.  tries: how often one address may begin or end a sign-in.

    proxied: the last address of X-Forwarded-For is the caller's, as in the cloud.
    """

    origin: str
    tries: RateLimits
    proxied: bool = False

    @property
    def redirect_uri(self) -> str:
        """Where the issuer leads back to: what an operator enters there."""
        return self.origin + CALLBACK

    @property
    def _secure(self) -> bool:
        return self.origin.startswith("https://")

    def session_in(self, headers: Headers) -> str:
        """The secret of the session's cookie, "" without one."""
        return self._cookie(headers, self._name("session"))

    def browser_in(self, headers: Headers) -> str:
        """The secret of the browser that began a sign-in, "" without one."""
        return self._cookie(headers, self._name("sign-in"))

    def set_session(self, answer: flask.Response, secret: str) -> None:
        """Give the browser a session; what it began a sign-in with goes."""
        self._set(answer, "session", secret, LONGEST)
        self._set(answer, "sign-in", "", timedelta())

    def set_browser(self, answer: flask.Response, secret: str) -> None:
        """Let the browser be known again when the issuer leads it back."""
        self._set(answer, "sign-in", secret, _BROWSER_LIFE)

    def clear(self, answer: flask.Response) -> None:
        """Take the session from the browser."""
        self._set(answer, "session", "", timedelta())

    def count(self, request: flask.Request) -> None:
        """Count a try of the caller's address.  Raises Problem where it is one too many."""
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() if self.proxied else ""
        self.tries.take((forwarded or request.remote_addr or "")[:64])

    def _name(self, what: str) -> str:
        # a browser accepts the prefix only with Secure, for one host and every path
        return f"__Host-costwire-{what}" if self._secure else f"costwire-{what}"

    def _cookie(self, headers: Headers, name: str) -> str:
        # ours are ASCII; other bytes, which the parser fails on, are of others
        given = headers.get("Cookie", "").encode("ascii", "ignore").decode()
        return parse_cookie(given).get(name, "")[:100]

    def _set(self, answer: flask.Response, what: str, value: str, life: timedelta) -> None:
        # Lax, since the issuer leads here from another site
        answer.set_cookie(
            self._name(what), value, max_age=life, path="/", secure=self._secure, httponly=True, samesite="Lax"
        )


def read_origin(public_url: str) -> str | None:
    """The origin of the site for people; None for what is none: https, or http on this machine, without a path."""
    try:
        parts = urlsplit(public_url.rstrip("/"))
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    plain = parts.scheme == "http" and host in _LOOPBACK
    if (
        not host
        or parts.path
        or parts.query
        or parts.fragment
        or parts.username
        or not (parts.scheme == "https" or plain)
    ):
        return None
    # as a browser writes it
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(':443' if parts.scheme == 'https' else ':80')}"


def own_address(text: str | None) -> str:
    """An address on this site to lead to after a sign-in; the first page for whatever else was asked for."""
    if text is None or not _OWN_ADDRESS.fullmatch(text) or text.startswith(("/sign-in", "/sign-out")):
        return "/"
    return text


def check_own_site(request: flask.Request, people: People) -> None:
    """Raises Problem for a request that a page of another site may have sent, and for one that does not say whose page sent it."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or origin not in (None, people.origin) or (site is None and origin is None):
        raise Problem("cross_site", "a page of another site sent this request; nothing was done")


def check_own_form(request: flask.Request, people: People, form_token: str) -> None:
    """The same, and for one without the token that the session's own pages hold."""
    check_own_site(request, people)
    given = request.headers.get(TOKEN_HEADER) or request.form.get(FORM_TOKEN) or ""
    if not hmac.compare_digest(given.encode(errors="surrogatepass"), form_token.encode()):
        raise Problem("cross_site", "the form is not of this session; load the page again. Nothing was done")
