"""Terraform's state over HTTP: a state in a file is written again after each resource, which takes most of the time of an apply."""

from __future__ import annotations

import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class _States(BaseHTTPRequestHandler):
    """One state below each path, in memory."""

    known: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        found = self.known.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    def do_POST(self) -> None:
        self.known[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_DELETE(self) -> None:
        self.known.pop(self.path, None)
        self._answer(200)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it is a test's."""

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@cache
def address() -> str:
    """Where states are kept while this process lives."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _States)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
