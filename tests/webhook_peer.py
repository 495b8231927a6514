"""A Slack webhook on loopback that keeps what is posted, and answers as a test chooses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PLANTED = "T0PLANTED/B0PLANTED/plantedwebhooksecret"
"""The secret part of the webhook: whatever else holds it has leaked it."""


@dataclass
class WebhookPeer:
    """posted: (path, body) of each post.  status, headers: of the answer."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    posted: list[tuple[str, Any]] = field(default_factory=list)

    def url(self, secret: str = PLANTED) -> str:
        """A webhook's address that leads here."""
        return f"http://127.0.0.1:{self.port}/services/{secret}"

    @property
    def environment(self) -> dict[str, object]:
        """The settings that let channels of organizations lead here."""
        return {"slack_hosts": f"127.0.0.1:{self.port}", "allow_private_channels": True}

    def copies(self, secret: str = PLANTED) -> int:
        """How many messages a webhook has."""
        return sum(path == f"/services/{secret}" for path, _ in self.posted)


@contextmanager
def webhook_peer() -> Iterator[WebhookPeer]:
    """A listener while the context lasts."""
    peer = WebhookPeer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            peer.posted.append((self.path, body))
            self.send_response(peer.status)
            for name, value in {"Content-Length": "0", **peer.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        peer.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()
