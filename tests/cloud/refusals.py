"""A service that refuses some requests for a while, as Google's do without a permission or when a quota is used up."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.emulators.process import HOST

_SERVICE_SECONDS = 120.0


@dataclass(frozen=True)
class Refusal:
    """What is refused, and how.  request: found in `METHOD /path`; body: found in the body.  times: how often, None for ever."""

    status: int
    reason: str
    request: str = ""
    body: str = ""
    times: int | None = None

    def concerns(self, request: str, body: bytes) -> bool:
        """Whether it is about this request."""
        return bool(re.search(self.request, request) and re.search(self.body.encode(), body))

    def answer(self) -> bytes:
        """The body, as https://cloud.google.com/apis/design/errors#http_mapping shows it for the services with JSON."""
        words = f"refused: {self.reason}"
        entry = {"domain": "global", "reason": self.reason, "message": words}
        return json.dumps({"error": {"code": self.status, "message": words, "errors": [entry]}}).encode()


class HttpRefuser:
    """Stands between clients and a service, and hands everything on that is not to be refused."""

    def __init__(self, service_port: int) -> None:
        refuser = self
        self._service_port = service_port
        self._refusal: Refusal | None = None
        self._lock = threading.Lock()
        self.refused: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = refuser.answer(self.command, self.path, body, dict(self.headers))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @contextmanager
    def refusing(self, refusal: Refusal) -> Iterator[None]:
        """Refuse meanwhile; `refused` tells what was."""
        self.refused.clear()
        self._refusal = refusal
        try:
            yield
        finally:
            self._refusal = None

    def answer(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for the client."""
        with self._lock:
            refusal = self._refusal
            over = refusal is None or (refusal.times is not None and len(self.refused) >= refusal.times)
            if refusal and not over and refusal.concerns(f"{method} {path}", body):
                self.refused.append(f"{method} {path}")
                return refusal.status, {"Content-Type": "application/json; charset=UTF-8"}, refusal.answer()
        return self._hand_on(method, path, body, headers)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _hand_on(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(HOST, self._service_port, timeout=_SERVICE_SECONDS)
        hop = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in hop}
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            content = answer.read()
            return (
                answer.status,
                {name: value for name, value in answer.getheaders() if name.lower() not in hop},
                content,
            )
        finally:
            connection.close()
