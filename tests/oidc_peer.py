"""An OpenID provider of the tests' own: real keys, PKCE, single-use codes; what a token says can be changed, to be refused."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "costwire-test", "planted secret/of a test"


@cache
def signing_key(name: str = "first") -> rsa.RSAPrivateKey:
    """A key, made once per process."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Peer:
    """now: its clock, in seconds.  claims: of whoever signs in next.  changes: of the next token's claims; None takes one out.

    sign: how the next token is signed, as the provider does by default.  page: what is asked of the authorization page.
    """

    now: Callable[[], float]
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[Peer, dict[str, Any]], str] | None = None
    keys: tuple[str, ...] = ("first",)
    status: int | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def sign_in(self, page: str) -> dict[str, str]:
        """Somebody signs in on the page: the parameters with which the browser is led back."""
        parts = urlsplit(page)
        asked = {name: one for name, (one,) in parse_qs(parts.query).items()}
        assert page.startswith(f"{self.issuer}/authorize?") and asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID and asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split() and len(asked["code_challenge"]) == 43
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"state": asked["state"], "code": code}

    def token(self, asked: dict[str, str]) -> str:
        now = int(self.now())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": "ana", "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **self.claims, **self.changes,
        }  # fmt: skip
        claims = {name: one for name, one in claims.items() if one is not None}
        return self.sign(self, claims) if self.sign else signed(claims)

    def metadata_now(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.metadata,
        }


def signed(claims: dict[str, Any], key: str = "first", algorithm: str = "RS256", kid: str | None = None) -> str:
    """A token by one of the keys."""
    return jwt.encode(claims, signing_key(key), algorithm=algorithm, headers={"kid": kid or key})


def public_pem(key: str = "first") -> bytes:
    """What everybody knows of a key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return signing_key(key).public_key().public_bytes(serialization.Encoding.PEM, form)


def encoded(part: dict[str, Any] | bytes) -> str:
    """A part of a token, for those that no library writes."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class _Handler(BaseHTTPRequestHandler):
    peer: Peer

    def do_GET(self) -> None:
        self.peer.asked.append(self.path)
        if self.path == "/.well-known/openid-configuration":
            return self._send(200, self.peer.metadata_now())
        if self.path == "/keys":
            return self._send(200, {"keys": [_jwk(one) for one in self.peer.keys]})
        return self._send(404, {})

    def do_POST(self) -> None:
        peer = self.peer
        peer.asked.append(self.path)
        form = {
            name: one
            for name, (one,) in parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()).items()
        }
        if peer.status is not None:
            return self._send(peer.status, {"error": "server_error"})
        if not self._is_client(form):
            return self._send(401, {"error": "invalid_client", "error_description": CLIENT_SECRET})
        asked = peer.codes.pop(form.get("code", ""), None)
        challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return self._send(400, {"error": "invalid_grant"})
        return self._send(200, {"token_type": "Bearer", "access_token": "x", "id_token": peer.token(asked)})

    def _is_client(self, form: dict[str, str]) -> bool:
        kind, _, given = self.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(given).decode().partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)

    def _send(self, status: int, found: dict[str, Any]) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _jwk(key: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key(key).public_key()))
    return {**made, "kid": key, "use": "sig", "key_ops": ["verify"]}


@contextmanager
def serving(now: Callable[[], float]) -> Iterator[Peer]:
    """The provider on a port of this machine while the context lasts."""
    peer = Peer(now)
    handler = type("Handler", (_Handler,), {"peer": peer})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    peer.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
