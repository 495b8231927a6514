"""Where alerts arrive in tests: a Slack webhook and a mail server on loopback, which keep what they get."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.emulators.process import HOST, free_port


@dataclass
class Received:
    """What came in.  slack: JSON bodies.  mail: messages."""

    slack: list[dict[str, Any]] = field(default_factory=list)
    mail: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep one message."""
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mail.append(parsed)
        return "250 OK"


@contextmanager
def listening() -> Iterator[tuple[Received, dict[str, str]]]:
    """Both listeners, and the settings with which functions find them."""
    received = Received()

    class Slack(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.slack.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    slack = ThreadingHTTPServer((HOST, 0), Slack)
    threading.Thread(target=slack.serve_forever, daemon=True).start()
    mail = Controller(received, hostname=HOST, port=free_port())
    mail.start()
    try:
        yield (
            received,
            {
                "COSTWIRE_SLACK_WEBHOOK_URL": f"http://{HOST}:{slack.server_port}/services/T/B/x",
                "COSTWIRE_SMTP_HOST": HOST,
                "COSTWIRE_SMTP_PORT": str(mail.port),
                "COSTWIRE_SMTP_STARTTLS": "false",
                "COSTWIRE_SMTP_PASSWORD": "unused",
                "COSTWIRE_SMTP_SENDER": "costwire@example.org",
                "COSTWIRE_SMTP_RECIPIENTS": "finops@example.org",
            },
        )
    finally:
        mail.stop()
        slack.shutdown()
        slack.server_close()
