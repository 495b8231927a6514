"""A mail server on loopback whose every answer a test chooses, also how the connection ends: what aiosmtpd is too polite for."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

DROP = "drop"
"""Close the connection instead of answering."""


@dataclass
class SmtpPeer:
    """rcpt: address -> answer.  accepted: each message that was answered with 2xx, or kept before the answer was lost."""

    port: int = 0
    data_end: str = "250 2.0.0 queued"
    quit: str = "221 2.0.0 bye"
    rcpt: dict[str, str] = field(default_factory=dict)
    accepted: list[tuple[str, EmailMessage]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def copies(self, address: str) -> int:
        """How many times a recipient has the message."""
        return sum(recipient == address for recipient, _ in self.accepted)

    def environment(self, *recipients: str) -> dict[str, object]:
        """The settings that lead here."""
        return {
            "smtp_host": "127.0.0.1", "smtp_port": self.port, "smtp_starttls": False,
            "smtp_sender": "alerts@example.com", "smtp_recipients": ",".join(recipients),
        }  # fmt: skip


@contextmanager
def smtp_peer() -> Iterator[SmtpPeer]:
    """A server while the context lasts."""
    peer = SmtpPeer()

    class Talk(socketserver.StreamRequestHandler):
        timeout = 10

        def handle(self) -> None:
            self.say("220 peer")
            recipients: list[str] = []
            while line := self.rfile.readline():
                word = line.decode().strip()
                verb = word.upper().split(" ")[0]
                if verb == "RCPT":
                    address = word[word.index("<") + 1 : word.rindex(">")]
                    peer.asked[address] += 1
                    answer = peer.rcpt.get(address, "250 ok")
                    recipients += [address] if answer.startswith("2") else []
                elif verb == "DATA":
                    self.say("354 go on")
                    answer = self.take(recipients)
                else:
                    answer = peer.quit if verb == "QUIT" else "250 ok"
                if answer == DROP:
                    return
                self.say(answer)
                if verb == "QUIT":
                    return

        def take(self, recipients: list[str]) -> str:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            if peer.data_end == DROP or peer.data_end.startswith("2"):
                peer.accepted += [(recipient, message) for recipient in recipients]
            return peer.data_end

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        peer.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()
