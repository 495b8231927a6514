"""OCI Object Storage at protocol level: objects in memory, listings in pages, ranges, ETags, and signatures that are checked."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from common.adapters.locations import open_source
from common.ports import Location, Source
from tests.serving import Answer, Quiet, started

TENANCY, USER = "ocid1.tenancy.oc1..aaaaexample", "ocid1.user.oc1..aaaaexample"
FINGERPRINT = ":".join(["20"] * 16)
_AUTHORIZATION = re.compile(
    r'Signature algorithm="rsa-sha256",headers="([^"]+)",keyId="([^"]+)",signature="([^"]+)",version="1"'
)
_OBJECTS = re.compile(r"/n/([^/]+)/b/([^/]+)/o(?:/(.+))?")


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def credential(**other: str) -> bytes:
    """A credential file of the peer's user."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = key().private_bytes(*form).decode()
    facts = {"user": USER, "fingerprint": FINGERPRINT, "tenancy": TENANCY, "region": "eu-frankfurt-1", "key": pem}
    return json.dumps(facts | other).encode()


class Peer:
    """The objects of buckets by name.  status: every request is answered by it instead; asked: paths of requests."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, tuple[bytes, str, datetime]]] = {}
        self.status: int | None = None
        self.asked: list[str] = []
        self._versions = itertools.count()
        handler = type("Handler", (_Handler,), {"peer": self})
        self._running = ExitStack()  # as long as the process
        self.address = self._running.enter_context(started(handler))

    def write(self, bucket: str, name: str, content: bytes) -> None:
        there = self.objects.setdefault(("bling", bucket), {})
        there[name] = (content, f"etag-{next(self._versions)}", datetime.now(UTC))


class _Handler(Quiet):
    peer: Peer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.peer.asked.append(self.path)
        if self.peer.status is not None:
            return self._send(self.peer.status, b'{"code": "planted-secret-of-a-test"}')
        if not self._is_signed():
            return self._send(401, b'{"code": "NotAuthenticated"}')
        asked = urlsplit(self.path)
        if asked.path == "/n":
            return self._send(200, b'"namespace-of-the-tenancy"')
        found = _OBJECTS.fullmatch(asked.path)
        there = self.peer.objects.get((unquote(found[1]), unquote(found[2]))) if found else None
        if found is None or there is None:
            return self._send(404, b'{"code": "BucketNotFound"}')
        if not found[3]:
            return self._list(there, {name: one[0] for name, one in parse_qs(asked.query).items()})
        return self._read(there.get(unquote(found[3])))

    def _list(self, there: dict[str, Any], asked: dict[str, str]) -> None:
        names = sorted(
            name for name in there if name.startswith(asked.get("prefix", "")) and name >= asked.get("start", "")
        )
        limit = int(asked["limit"])
        page: dict[str, Any] = {
            "objects": [
                {"name": name, "size": len(content), "etag": tag, "timeModified": at.isoformat()}
                for name in names[:limit]
                for content, tag, at in [there[name]]
            ]
        }
        if names[limit:]:
            page["nextStartWith"] = names[limit]
        self._send(200, json.dumps(page).encode())

    def _read(self, found: tuple[bytes, str, datetime] | None) -> None:
        if found is None:
            return self._send(404, b'{"code": "ObjectNotFound"}')
        content, tag, _ = found
        if self.headers.get("if-match", tag) != tag:
            return self._send(412, b'{"code": "IfMatchFailed"}')
        facts = {"etag": tag, "content-md5": base64.b64encode(hashlib.md5(content).digest()).decode()}  # noqa: S324
        given = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        if given:
            return self._send(206, content[int(given[1]) : int(given[2]) + 1], facts)
        return self._send(200, content, facts)

    def _is_signed(self) -> bool:
        found = _AUTHORIZATION.fullmatch(self.headers.get("authorization", ""))
        if found is None or found[2] != f"{TENANCY}/{USER}/{FINGERPRINT}":
            return False
        values = {
            "(request-target)": f"{self.command.lower()} {self.path}",
            **{k.lower(): v for k, v in self.headers.items()},
        }
        text = "\n".join(f"{name}: {values[name]}" for name in found[1].split())
        try:
            key().public_key().verify(base64.b64decode(found[3]), text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return {"date", "(request-target)", "host"} <= set(found[1].split())

    def _send(self, status: int, body: bytes, facts: dict[str, str] | None = None) -> None:
        self.send(Answer(status, body, tuple((facts or {}).items())))

    do_GET = do_HEAD = _answer


@cache
def peer() -> Peer:
    """The peer of this process."""
    return Peer()


@contextmanager
def refusing(status: int) -> Iterator[None]:
    """The peer refuses everything."""
    peer().status = status
    try:
        yield
    finally:
        peer().status = None


def bucket_of(place: Path) -> str:
    """A bucket for each place, which exists."""
    name = "place-" + hashlib.sha256(str(place).encode()).hexdigest()[:16]
    peer().objects.setdefault(("bling", name), {})
    return name


def write(place: Path, name: str, content: bytes) -> None:
    peer().write(bucket_of(place.parent), f"{place.name}/{name}", content)


def open_place(place: Path, name: str) -> Location:
    uri = "/".join(filter(None, (f"oci://bling/{bucket_of(place.parent)}", place.name, name)))
    return open_source(Source(uri), credential)
