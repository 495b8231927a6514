"""One file at `https://…`, a signed address or an open one.  It is read by ranges, which its ETag or its time of change guards.

Source: RFC 9110, sections 8.8 (validators), 13.1 (preconditions), 14 (ranges).
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from common.adapters.shared.object_location import changed
from common.adapters.shared.outgoing import resolves_to_private, unlogged, watched
from common.adapters.shared.ranged_file import RangedFile, buffered
from common.errors import AGAIN, BadConfiguration, NoSuchPlace, NotFound, NotSignedIn, Retryable, Throttled
from common.ports.locations import FoundObject, Probe
from common.providers.signed_address import SignedAddress

ENDPOINT = "COSTWIRE_WEB_ENDPOINT"
"""Tests: where a peer answers in place of every host."""
_TRIES = 4
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_PORT = 443
_RANGE = re.compile(r"bytes (?:\d+-\d+|\*)/(\d+)")
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_EXPECTED = _GONE | {
    HTTPStatus.PARTIAL_CONTENT,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}
_NEW = "make a new signed address and give it: costwire connect PROVIDER --location https://host/path --credential FILE"


@dataclass(frozen=True)
class _Facts:
    """The file as a server shows it now.  guard: the header that a read must be under."""

    size_bytes: int
    modified_at: datetime
    version: str
    guard: tuple[str, str]


class WebLocation:
    """`https://host/path/file`, without a query: what signs an address is a credential."""

    def __init__(self, uri: str, credential: Callable[[], SignedAddress | None]) -> None:
        parts = _parts(uri)
        self.uri = uri
        self._host, self._port = str(parts.hostname), parts.port or _PORT
        self._name = unquote(parts.path.rpartition("/")[2])
        self._credential = credential

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The one file.  Raises BadConfiguration where it is not there, may not be read, or cannot be read by ranges."""
        facts = self._look()
        if facts is None:
            raise NoSuchPlace(f"location {self.uri} does not exist: the server has no such file; check the address")
        found = FoundObject(self._name, facts.size_bytes, facts.modified_at, facts.version)
        return [found] if self._name.startswith(prefix) else []

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read the file, streaming and seekable.  Raises NotFound for any other name, Changed as the port says."""
        facts = self._look() if name == self._name else None
        if facts is None:
            raise NotFound(f"there is no file {name} at {self.uri}")
        if version is not None and facts.version != version:
            raise changed(name)

        def fetch(first: int, behind: int) -> bytes:
            answer = self._ask(first, behind, dict([facts.guard]))
            now = _facts(answer, self.uri) if answer.status_code == HTTPStatus.PARTIAL_CONTENT else None
            if now is None or now.version != facts.version:  # some servers do not know the precondition
                raise changed(name)
            return answer.content

        return buffered(RangedFile(fetch, facts.size_bytes, None, f"file {self.uri}"))

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run.  A signature is all the identity there is."""
        return [
            Probe(
                "identity", lambda: "whoever has the signed address" if self._signed else "anybody: the address is open"
            ),
            Probe("listing", lambda: f"{self.list()[0].size_bytes} bytes", "a valid signature", _NEW),
            Probe("reading", self._read_a_byte, "a valid signature", _NEW),
        ]

    def _read_a_byte(self) -> str:
        with self.open(self._name) as stream:
            stream.read(1)
        return f"{self._name} can be read"

    def _look(self) -> _Facts | None:
        # of a signed address, HEAD is often refused
        answer = self._ask(0, 1, {})
        return None if answer.status_code in _GONE else _facts(answer, self.uri)

    def _ask(self, first: int, behind: int, guard: Mapping[str, str]) -> httpx.Response:
        again = Retrying(
            retry=retry_if_exception_type(Retryable),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.5, max=8),
            reraise=True,
        )
        asked = {"range": f"bytes={first}-{behind - 1}", "accept-encoding": "identity", **guard}
        return again(self._once, asked)

    def _once(self, asked: Mapping[str, str]) -> httpx.Response:
        """The answer, with its bytes where it is a range.  An answer of the whole file is not read."""
        what = f"location {self.uri}"
        refusal = BadConfiguration(f"{what} leads to a private address; only places of the internet are read")
        is_peer = ENDPOINT in os.environ
        if not is_peer and resolves_to_private(self._host, self._port):
            raise refusal
        trace = watched(self._host, None if is_peer else refusal)
        try:
            with (
                unlogged(),
                self._client.stream("GET", self._address, headers=asked, extensions={"trace": trace}) as answer,
            ):
                if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
                    answer.read()
        except httpx.TransportError as error:
            # the error may repeat the address, which may be signed
            raise Retryable(f"{what}: cannot be reached, {type(error).__name__}; {AGAIN}") from None
        _check(answer, what)
        return answer

    @cached_property
    def _client(self) -> httpx.Client:
        client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)
        weakref.finalize(self, client.close)  # nobody closes a location
        return client

    @cached_property
    def _signed(self) -> SignedAddress | None:
        signed = self._credential()
        if signed is not None and _parts(signed.location) != _parts(self.uri):
            raise BadConfiguration(
                f"the signed address is of another file than location {self.uri}; give both of the same one"
            )
        return signed

    @cached_property
    def _address(self) -> str:
        parts, signed = urlsplit(self.uri), self._signed
        address = f"{os.environ.get(ENDPOINT) or f'https://{parts.netloc}'}{parts.path}"
        return f"{address}?{signed.query}" if signed else address


def _parts(uri: str) -> SplitResult:
    """What the address of one file is made of.  Raises BadConfiguration for one that holds more, and quotes nothing of it."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.query or parts.fragment or parts.username is not None:
        raise BadConfiguration(
            "location is an address with more than https://host/path: what signs it is a credential, so give the address without it, "
            "and the whole one in a file: --credential FILE"
        )
    if not host or not parts.path.rpartition("/")[2]:
        raise BadConfiguration("location is not the address of a file, expected https://host/path/file")
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower())


def _check(answer: httpx.Response, what: str) -> None:
    """Raises for what no caller expects.  The words of the server are not repeated."""
    status = answer.status_code
    if status in _EXPECTED:
        return
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Throttled(f"{what}: temporarily unavailable ({status}); {AGAIN}")
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Retryable(f"{what}: temporarily unavailable ({status}); {AGAIN}")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST}:
        raise NotSignedIn(
            f"{what}: the server does not let the file be read ({status}), or its signature has expired; {_NEW}"
        )
    if answer.is_redirect:
        raise BadConfiguration(
            f"{what}: the server answers with another address ({status}); give the one that it leads to"
        )
    if answer.is_success:
        raise BadConfiguration(
            f"{what}: the server does not give parts of a file ({status}); download it, and use costwire import"
        )
    raise BadConfiguration(f"{what}: the server refuses the request ({status}); check the address")


def _facts(answer: httpx.Response, uri: str) -> _Facts:
    size = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    tag, changed_at = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
    try:
        modified = parsedate_to_datetime(changed_at)
    except ValueError:
        modified = None
    is_strong = tag.startswith('"')
    if size is None or modified is None:
        raise BadConfiguration(
            f"location {uri}: the server does not say how large the file is or when it changed; download it, and use costwire import"
        )
    modified = modified.replace(tzinfo=modified.tzinfo or UTC).astimezone(UTC)
    version = tag if is_strong else f"{changed_at} {size[1]}"
    guard = ("if-match", tag) if is_strong else ("if-unmodified-since", changed_at)
    return _Facts(int(size[1]), modified, version, guard)
