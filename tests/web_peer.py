"""A web server of single files: ranges, validators, preconditions and signed addresses, as RFC 9110 has them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SIGNATURE = "sig=planted-secret-of-a-test&se=2027"
NOW = formatdate(1_774_000_000, usegmt=True)


@dataclass
class Peer:
    """files: path -> bytes and ETag.  query: what signs every address; status: answers every request; headers: added to every answer.

    without: headers that are left out; ignores: what the server does not know of `ranges` and `preconditions`.
    """

    address: str = ""
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    query: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    ignores: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def write(self, path: str, content: bytes, tag: str) -> None:
        self.files[path] = (content, tag)


class _Handler(BaseHTTPRequestHandler):
    peer: Peer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        peer, asked = self.peer, urlsplit(self.path)
        peer.asked.append(self.headers["range"])
        if peer.status is not None:
            return self._send(peer.status, b"planted-secret-of-a-test")
        if asked.query != peer.query:
            return self._send(403, b"")
        if asked.path not in peer.files:
            return self._send(404, b"")
        content, tag = peer.files[asked.path]
        if "preconditions" not in peer.ignores and self.headers.get("if-match", tag) != tag:
            return self._send(412, b"")
        facts = {"etag": tag, "last-modified": NOW}
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["range"])
        if "ranges" in peer.ignores or found is None:
            return self._send(200, content, facts)
        first, last = int(found[1]), min(int(found[2]), len(content) - 1)
        if first >= len(content):
            return self._send(416, b"", facts | {"content-range": f"bytes */{len(content)}"})
        return self._send(
            206, content[first : last + 1], facts | {"content-range": f"bytes {first}-{last}/{len(content)}"}
        )

    def _send(self, status: int, body: bytes, facts: dict[str, str] | None = None) -> None:
        self.send_response(status)
        told = {"content-length": str(len(body)), **(facts or {}), **self.peer.headers}
        for name, value in told.items():
            if name not in self.peer.without:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None: ...


@contextmanager
def serving() -> Iterator[Peer]:
    """A server of its own."""
    peer = Peer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"peer": peer}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    peer.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
