"""A service that people sign in to, with a provider of the tests' own: what tests of members and sessions share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.domain.api_keys import Role
from common.tenancy.members import Invitation, invite
from tests.oidc_peer import CLIENT_ID, Peer
from tests.support import Laptop
from web.api.access import KeyDoor, PeopleDoor
from web.api.app import Service
from web.api.limits import RateLimits
from web.api.people import People
from web.site import create_site

ORIGIN = "https://costs.example.com"
ROOT_KEY = "9c1f06f0e2b94c5d8a7e3b21d4f5a6c7e8"
SESSION, BROWSER = "__Host-costwire-session", "__Host-costwire-sign-in"
OWN = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


def settings_of(peer: Peer) -> dict[str, Any]:
    """What an operator sets."""
    return {"oidc_issuer": peer.issuer, "oidc_client_id": CLIENT_ID, "public_url": ORIGIN}


def service(rt: Laptop, tries: int = 1000) -> Service:
    """As in the cloud."""
    people = People(ORIGIN, RateLimits(rt.clock, tries, "this address"))
    return Service(PeopleDoor(rt, KeyDoor(rt, ROOT_KEY), people), encrypted=True, people=people)


@dataclass
class Browser:
    """One browser, with its cookies."""

    ask: FlaskClient
    peer: Peer

    def get(self, address: str, **more: Any) -> TestResponse:
        return self.ask.get(address, base_url=ORIGIN, **more)

    def post(
        self, address: str, data: dict[str, Any] | None = None, token: str | None = None, **more: Any
    ) -> TestResponse:
        fields = {**(data or {}), **({"csrf_token": token} if token is not None else {})}
        return self.ask.post(address, base_url=ORIGIN, data=fields, **{"headers": OWN, **more})

    def begin(self, query: str = "") -> dict[str, str]:
        """To the provider's page and back: the parameters of the callback, which nobody has called yet."""
        begun = self.get(f"/sign-in/start{query}")
        assert begun.status_code == 303, begun.get_data(as_text=True)
        return self.peer.sign_in(begun.headers["Location"])

    def back(self, returned: dict[str, str]) -> TestResponse:
        return self.get("/sign-in/callback", query_string=returned)

    def sign_in(self, query: str = "", **claims: Any) -> TestResponse:
        """Sign in as somebody.  claims: who it is."""
        self.peer.claims = claims
        return self.back(self.begin(query))

    @property
    def session(self) -> str:
        """The secret of the session's cookie, "" without one."""
        return self._cookie(SESSION)

    @property
    def browser(self) -> str:
        return self._cookie(BROWSER)

    def _cookie(self, name: str) -> str:
        found = self.ask.get_cookie(name, domain=urlsplit(ORIGIN).hostname or "")
        return found.value if found else ""


def browser(rt: Laptop, peer: Peer, tries: int = 1000) -> Browser:
    """A fresh browser."""
    site = rt.__dict__.setdefault(f"site of {tries}", None) or create_site(rt, service(rt, tries))
    rt.__dict__[f"site of {tries}"] = site  # made once, since it takes a tenth of a second
    return Browser(site.test_client(), peer)


def member(rt: Laptop, org: str, email: str, role: Role = Role.VIEWER) -> str:
    """Invite somebody; returns the token."""
    return invite(rt, org, Invitation(email, role), "a test").token


def claims(email: str, **more: Any) -> dict[str, Any]:
    """Who somebody is whose address the provider has verified."""
    return {
        "sub": f"sub of {email}",
        "email": email,
        "email_verified": True,
        "name": email.partition("@")[0].title(),
        **more,
    }
