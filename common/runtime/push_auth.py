"""Who may push: the OIDC token that Pub/Sub puts on every push, verified before anything of the push is read.

Source: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions (signature, audience, issuer, e-mail, email_verified).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from common.config import Settings

GOOGLE_CERTIFICATES = "https://www.googleapis.com/oauth2/v1/certs"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_SKEW_SECONDS = 10
_KEPT_SECONDS = 300.0
_MIN_SECONDS_BETWEEN_FETCHES = 30.0


class Refusal(Exception):
    """A push that is not let in.  status: of the answer; why: for the log, never for the caller."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def _by_key_id(answer: Any) -> Mapping[str, str]:
    if not isinstance(answer, dict):
        raise ValueError("no certificates")
    return answer


class Certificates:
    """The issuer's public certificates by key id, kept as long as their server says; a new key is looked up at once, but not often.

    read: key id -> certificate, of the JSON that its server answers; raises ValueError.
    """

    def __init__(self, url: str = GOOGLE_CERTIFICATES, read: Callable[[Any], Mapping[str, str]] = _by_key_id) -> None:
        self._url = url
        self._read = read
        self._known: Mapping[str, str] = {}
        self._fresh_until = 0.0
        self._fetched_at = float("-inf")

    def for_key(self, key_id: str | None) -> Mapping[str, str]:
        """The certificates, that of the key among them if there is one.  Raises Refusal (503) while they cannot be had."""
        now = time.monotonic()
        unknown = key_id not in self._known and now - self._fetched_at >= _MIN_SECONDS_BETWEEN_FETCHES
        if now >= self._fresh_until or unknown:
            self._fetch(now)
        return self._known

    def _fetch(self, now: float) -> None:
        import httpx  # costs a cold start a tenth of a second, and not every push needs it

        try:
            answer = httpx.get(self._url, timeout=5.0)
            answer.raise_for_status()
            known = self._read(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise Refusal(
                503, f"the issuer's certificates cannot be fetched ({type(error).__name__}); Pub/Sub retries"
            ) from error
        stated = re.search(r"max-age=(\d+)", answer.headers.get("cache-control", ""))
        self._known = known
        self._fetched_at = now
        self._fresh_until = now + (float(stated[1]) if stated else _KEPT_SECONDS)


certificates = Certificates()
"""Those of Google; a test puts its own here."""


def authenticate(authorization: str | None, settings: Settings) -> None:
    """Let a push pass, or raise Refusal.  Nothing is checked where Cloud Run has checked it (`push_auth` is `platform`)."""
    if settings.push_auth == "platform":
        return
    if not settings.push_audience or not settings.push_service_account:
        raise Refusal(
            403,
            "COSTWIRE_PUSH_AUDIENCE or COSTWIRE_PUSH_SERVICE_ACCOUNT is not set, so no push can be checked and all are refused: "
            "set both as on the push subscription",
        )
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal(401, "there is no bearer token: the push subscription needs an OIDC token")
    claims = claims_of(token.strip(), settings.push_audience, certificates)
    if claims.get("iss") not in ISSUERS:
        raise Refusal(401, "the token is of another issuer than accounts.google.com")
    if claims.get("email") != settings.push_service_account or claims.get("email_verified") is not True:
        raise Refusal(
            403, f"the token is for an account other than {settings.push_service_account}, or one that is not verified"
        )


def claims_of(token: str, audience: str, certificates: Certificates) -> Mapping[str, Any]:
    """The claims of a token whose signature, audience and time are right.  Raises Refusal."""
    from google.auth import jwt

    try:
        key_id = jwt.decode_header(token).get("kid")  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a stranger sends, it is no token
        raise Refusal(401, f"the bearer token is not a JWT ({type(error).__name__})") from error
    known = certificates.for_key(key_id)
    try:
        claims: Mapping[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]
            token, certs=known, audience=audience, clock_skew_in_seconds=_SKEW_SECONDS
        )
    except Exception as error:  # a fault of any kind keeps the push out
        raise Refusal(401, f"the token's signature, audience or time is not valid ({type(error).__name__})") from error
    return claims
