"""An OpenID provider: its published configuration, the exchange of a code, and who a token says somebody is.

Sources: OpenID Connect Core 1.0, 3.1 (the flow) and 3.1.3.7 (what is checked of a token); Discovery 1.0; RFC 7636 (PKCE); RFC 9207.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import jwt

from common.adapters.shared.outgoing import unlogged
from common.errors import AGAIN, BadConfiguration, NotIdentified, Retryable
from common.ports import Clock, Identity, SignInAnswer, SignInRequest

LEEWAY_SECONDS = 60
_KEPT_SECONDS, _LEAST_SECONDS_BETWEEN = 3600.0, 30.0
_LARGEST_ANSWER = 1 << 20
_LONGEST_SUBJECT, _LONGEST_EMAIL, _LONGEST_NAME = 255, 254, 100
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""By the kind of the key: whatever else a token's header names is refused, `none` and shared secrets above all."""
_TIMEOUT = httpx.Timeout(10, connect=5)


@dataclass(frozen=True)
class Client:
    """What Costwire is at the provider.  secret: read at each exchange; None for a public client.  scopes: separated by spaces."""

    issuer: str
    client_id: str
    secret: Callable[[], str | None] = field(repr=False)
    scopes: str = "openid email profile"


@dataclass(frozen=True)
class _Configuration:
    """The part of the provider's metadata that the flow needs."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    secret_in_form: bool
    names_itself: bool


class OidcIssuer:
    """Asks the provider by its published configuration, which is read again every hour."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._lock = threading.Lock()
        self._configuration: tuple[float, _Configuration] | None = None
        self._keys: tuple[float, Mapping[str, Mapping[str, Any]]] | None = None

    def page(self, request: SignInRequest) -> str:
        """The address of the page on which somebody signs in."""
        configuration = self._known()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": request.redirect_uri,
            "scope": self._client.scopes,
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": request.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(configuration.authorization_endpoint).query else "?"
        return f"{configuration.authorization_endpoint}{joint}{urlencode(asked)}"

    def identify(self, answer: SignInAnswer) -> Identity:
        """Who has signed in.  Raises NotIdentified for an answer that does not prove it."""
        configuration = self._known()
        if answer.issuer != self._client.issuer and (answer.issuer is not None or configuration.names_itself):
            raise NotIdentified("the answer is of another issuer")
        claims = self._claims(self._exchanged(configuration, answer))
        _check_claims(claims, self._client, answer.nonce, self._clock.now().timestamp())
        return _identity(claims)

    def _exchanged(self, configuration: _Configuration, answer: SignInAnswer) -> str:
        """The token that the provider gives for the code."""
        client = self._client
        form = {
            "grant_type": "authorization_code",
            "code": answer.code,
            "redirect_uri": answer.redirect_uri,
            "code_verifier": answer.verifier,
        }
        secret, basic = client.secret(), None
        if secret and not configuration.secret_in_form:
            # RFC 6749, 2.3.1: each is form-encoded before
            basic = httpx.BasicAuth(quote(client.client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": client.client_id, **({"client_secret": secret} if secret else {})}
        status, found = self._asked("POST", configuration.token_endpoint, data=form, auth=basic)
        if status != HTTPStatus.OK:
            _refuse(status, found)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise BadConfiguration(
                "the OpenID provider gave no id_token; add openid to COSTWIRE_OIDC_SCOPES and check the client's settings"
            )
        return token

    def _claims(self, token: str) -> Mapping[str, Any]:
        """What a token says, once its signature is checked; times and names are not checked yet."""
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = self._key(header.get("kid")), header.get("alg")
            if not _fits(key, algorithm):
                raise NotIdentified("the token is not signed as the issuer's key signs")
            # times are those of the clock that the runtime has
            options = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
            options["enforce_minimum_key_length"] = True
            signing = jwt.PyJWK(dict(key), algorithm=str(algorithm))
            claims: dict[str, Any] = jwt.decode(token, signing, algorithms=[str(algorithm)], options=options)  # type: ignore[arg-type]
        except jwt.PyJWTError as error:
            raise NotIdentified(f"the token is not valid ({type(error).__name__})") from None
        return claims

    def _key(self, key_id: object) -> Mapping[str, Any]:
        """The provider's key of this id; one that is new there is fetched, but not often."""
        kept, age = self._keys, float("inf")
        if kept is not None:
            age = time.monotonic() - kept[0]
            found = _named(kept[1], key_id)
            if found is not None and age < _KEPT_SECONDS:
                return found
        if age >= _LEAST_SECONDS_BETWEEN:
            with self._lock:
                self._keys = (time.monotonic(), self._read_keys())
            found = _named(self._keys[1], key_id)
            if found is not None:
                return found
        raise NotIdentified("the token names a key that the issuer does not publish")

    def _read_keys(self) -> Mapping[str, Mapping[str, Any]]:
        status, found = self._asked("GET", self._known().jwks_uri)
        keys = found.get("keys")
        if status != HTTPStatus.OK or not isinstance(keys, list):
            raise Retryable(f"the OpenID provider answered {status} without keys; {AGAIN}")
        signing = [one for one in keys if isinstance(one, dict) and one.get("use", "sig") == "sig"]
        return {str(one.get("kid", "")): one for one in signing}

    def _known(self) -> _Configuration:
        kept = self._configuration
        if kept is not None and time.monotonic() - kept[0] < _KEPT_SECONDS:
            return kept[1]
        issuer = self._client.issuer
        if not issuer or not self._client.client_id:
            raise BadConfiguration("COSTWIRE_OIDC_ISSUER and COSTWIRE_OIDC_CLIENT_ID are not set; sign-in needs both")
        _check_address(issuer, "COSTWIRE_OIDC_ISSUER")
        status, found = self._asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Retryable(f"the OpenID provider answered {status}; {AGAIN}")
        if found.get("issuer") != issuer:
            raise BadConfiguration(
                "COSTWIRE_OIDC_ISSUER is not what the provider calls itself; copy `issuer` of its .well-known/openid-configuration"
            )
        made = _configuration(found)
        self._configuration = (time.monotonic(), made)
        return made

    def _asked(self, method: str, address: str, **more: Any) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON of an answer, {} where it is none.  Raises Retryable."""
        body = b""
        try:
            with unlogged(), self._http.stream(method, address, **more) as answer:
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _LARGEST_ANSWER:
                        raise Retryable(f"the OpenID provider's answer is too large; {AGAIN}")
                status = answer.status_code
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Retryable(f"the OpenID provider cannot be reached, {type(error).__name__}; {AGAIN}") from None
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = {}
        return status, found if isinstance(found, dict) else {}

    @cached_property
    def _http(self) -> httpx.Client:
        made = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, headers={"Accept": "application/json"})
        weakref.finalize(self, made.close)  # nobody closes a runtime
        return made


def _configuration(found: Mapping[str, Any]) -> _Configuration:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(found.get(name), str):
            raise BadConfiguration(f"the OpenID provider's configuration has no {name}")
        _check_address(found[name], f"{name} of the OpenID provider")
    methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return _Configuration(
        found["authorization_endpoint"],
        found["token_endpoint"],
        found["jwks_uri"],
        secret_in_form="client_secret_basic" not in methods,
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _check_address(address: str, what: str) -> None:
    """Raises BadConfiguration: a token that comes unencrypted proves nothing."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise BadConfiguration(f"{what} is '{address[:100]}', expected an address that begins with https://")


def _refuse(status: int, found: Mapping[str, Any]) -> None:
    """Of an error only its code is repeated: the words may quote the request."""
    code = str(found.get("error", ""))[:60]
    told = f"{status}{f', {code}' if code.replace('_', '').isalnum() else ''}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Retryable(f"the OpenID provider is temporarily unavailable ({told}); {AGAIN}")
    if code == "invalid_grant":
        raise NotIdentified("the issuer does not accept the code")
    raise BadConfiguration(
        f"the OpenID provider refuses the client ({told}); check COSTWIRE_OIDC_CLIENT_ID and its secret"
    )


def _named(keys: Mapping[str, Mapping[str, Any]], key_id: object) -> Mapping[str, Any] | None:
    """The key of this id; the only one there is, where a token names none."""
    if key_id is None:
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(str(key_id))


def _fits(key: Mapping[str, Any], algorithm: object) -> bool:
    """Whether a key may have signed by this algorithm."""
    return algorithm in _ALGORITHMS.get(str(key.get("kty")), ()) and key.get("alg", algorithm) == algorithm


def _check_claims(claims: Mapping[str, Any], client: Client, nonce: str, now: float) -> None:
    """Raises NotIdentified for a token that is not for us, not for this sign-in, or not of now."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != client.issuer:
        raise NotIdentified("the token is of another issuer")
    if client.client_id not in audiences or claims.get("azp", client.client_id) != client.client_id:
        raise NotIdentified("the token is for another client")
    if len(audiences) > 1 and "azp" not in claims:
        raise NotIdentified("the token is for several clients and names none that asked for it")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise NotIdentified("the token is of another sign-in")
    moments: list[Any] = [claims.get(name) for name in ("exp", "iat", "nbf")]
    expires, issued, begins = moments
    if not _is_moment(expires) or not expires > now - LEEWAY_SECONDS:
        raise NotIdentified("the token has expired")
    if not _is_moment(issued) or not issued <= now + LEEWAY_SECONDS:
        raise NotIdentified("the token is of the future")
    if begins is not None and (not _is_moment(begins) or not begins <= now + LEEWAY_SECONDS):
        raise NotIdentified("the token is not valid yet")


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _identity(claims: Mapping[str, Any]) -> Identity:
    subject, email, name = (claims.get(one) for one in ("sub", "email", "name"))
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise NotIdentified("the token names no subject")
    has_email = isinstance(email, str) and 0 < len(email) <= _LONGEST_EMAIL
    return Identity(
        claims["iss"],
        subject,
        str(email) if has_email else None,
        has_email and claims.get("email_verified") is True,
        "".join(one for one in name if one.isprintable())[:_LONGEST_NAME].strip() if isinstance(name, str) else "",
    )
