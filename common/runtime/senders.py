"""The keys that providers publish, over HTTPS: fetched when first needed, stored in this process, never from where a redirect leads."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from common.errors import Retryable
from common.ports.senders import NotGenuine, Signed
from common.runtime import push_auth
from common.runtime.push_auth import Certificates, Refusal, claims_of

ENTRA = "https://login.microsoftonline.com"
_TIMEOUT_SECONDS = 5.0
_LARGEST = 64 * 1024
_MOST_STORED = 16
_MOST_A_MINUTE = 10
"""Fetches of new certificates: whoever knows an integration's topic can ask for them, and AWS replaces its own once a year."""


class WebSenders:
    """The port, over the web.  get: what fetches an address; a test gives its own."""

    def __init__(self, get: Callable[[str], bytes] | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._get = get or fetched
        self._now = now
        self._certificates: dict[str, Any] = {}
        self._fetches: list[float] = []
        self._of_tenants: dict[str, Certificates] = {}
        self._lock = threading.Lock()

    def check_signature(self, message: Signed) -> None:
        """Raises NotGenuine, and Retryable while the certificate cannot be fetched."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        certificate = self._certificate(message.certificate_url)
        if not certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc:
            raise NotGenuine("the certificate of the signature is not valid now")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise NotGenuine("the certificate of the signature has no RSA key")
        # SHA1 is what signature version 1 of SNS has; whether an integration takes it is decided by whoever reads the message
        digest = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}[message.digest]()
        try:
            key.verify(message.signature, message.text, padding.PKCS1v15(), digest)
        except InvalidSignature:
            raise NotGenuine("the signature is not valid") from None

    def google_claims(self, token: str, audience: str) -> Mapping[str, Any]:
        """Raises NotGenuine, and Retryable while Google's certificates cannot be fetched."""
        return _claims(token, audience, push_auth.certificates, push_auth.ISSUERS)

    def entra_claims(self, token: str, tenant: str, audience: str) -> Mapping[str, Any]:
        """Raises NotGenuine, and Retryable while Entra's keys cannot be fetched."""
        with self._lock:
            known = self._of_tenants.setdefault(
                tenant, Certificates(f"{ENTRA}/{tenant}/discovery/v2.0/keys", _certificates_of_keys)
            )
        issuers = (f"https://sts.windows.net/{tenant}/", f"{ENTRA}/{tenant}/v2.0")
        return _claims(token, audience, known, issuers)

    def visit(self, url: str) -> None:
        """Raises Retryable where the address does not answer with success."""
        self._get(url)

    def _certificate(self, url: str) -> Any:
        from cryptography import x509

        with self._lock:
            if url not in self._certificates:
                self._count()
                try:
                    found = x509.load_pem_x509_certificate(self._get(url))
                except ValueError:
                    raise NotGenuine("what lies at the certificate's address is not a valid certificate") from None
                if len(self._certificates) >= _MOST_STORED:
                    self._certificates.pop(next(iter(self._certificates)))
                self._certificates[url] = found
            return self._certificates[url]

    def _count(self) -> None:
        now = self._now()
        self._fetches = [one for one in self._fetches if now - one < 60]
        if len(self._fetches) >= _MOST_A_MINUTE:
            raise Retryable("too many certificates were asked for in this minute; call again later")
        self._fetches.append(now)


def fetched(url: str) -> bytes:
    """What lies at an address.  Raises Retryable where it is not answered with success, or with too much."""
    import httpx  # costs a cold start a tenth of a second, and not every call needs it

    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_SECONDS, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise Retryable(f"a provider answered {answer.status_code} to a request for its keys")
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST:
                    raise Retryable("a provider's answer to a request for its keys is too long")
            return body
    except httpx.HTTPError as error:
        raise Retryable(f"a provider's keys cannot be fetched ({type(error).__name__})") from error


def _claims(token: str, audience: str, known: Certificates, issuers: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        claims = claims_of(token, audience, known)
    except Refusal as refusal:
        kind = Retryable if refusal.status >= 500 else NotGenuine
        raise kind(refusal.why) from None
    if claims.get("iss") not in issuers:
        raise NotGenuine("the token is of another issuer")
    return claims


def _certificates_of_keys(answer: Any) -> Mapping[str, str]:
    """Key id -> certificate, of a JSON Web Key Set whose keys carry theirs (`x5c`).  Raises ValueError for another."""
    found: dict[str, str] = {}
    for key in answer["keys"] if isinstance(answer, dict) and isinstance(answer.get("keys"), list) else ():
        if isinstance(key, dict) and key.get("kty") == "RSA" and key.get("x5c"):
            body = base64.encodebytes(base64.b64decode(str(key["x5c"][0]))).decode()
            found[str(key.get("kid"))] = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    if not found:
        raise ValueError("no keys with certificates")
    return found
