"""HTTP servers on this machine, which a test answers by a handler of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What to send back; the body of a HEAD is left out."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Quiet(BaseHTTPRequestHandler):
    """A handler that says nothing of its own.  body: of the request."""

    body = b""

    def log_message(self, *words: Any) -> None: ...

    def send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


@contextmanager
def serving(answer: Callable[[Quiet], Answer]) -> Iterator[str]:
    """The address of a server that answers every GET, POST and HEAD, its body read, as the function says."""

    class Handler(Quiet):
        def _answer(self) -> None:
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send(answer(self))

        do_GET = do_POST = do_HEAD = _answer

    with started(Handler) as address:
        yield address


@contextmanager
def started(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server with this handler; it ends with the context."""
    one = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=one.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{one.server_port}"
    finally:
        one.shutdown()
        one.server_close()
