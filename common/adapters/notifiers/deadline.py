"""The deadline of one attempt to send: connections that are still open then are closed, however slowly the other side answers.

A socket's time-out limits each read separately, so a server that sends one character a second would outlast the claim on the recipient,
and another worker would send the message too.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

TRY_SECONDS = 25
"""A try ends before the recipient's claim in the outbox does (30 seconds), with some left for the record of it."""


class Deadline:
    """A context in which what is watched lives for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            while self._lines:
                self._lines.pop().close()

    def left(self) -> float:
        """The seconds that are left.  Raises TimeoutError where none are."""
        seconds = self._ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection at the end, whatever is put around it (TLS) until then.  Raises TimeoutError where that is now."""
        with self._lock:
            self._lines.append(connection.dup())
        self.left()

    def _cut(self) -> None:
        with self._lock:
            for line in self._lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
