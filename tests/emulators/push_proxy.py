"""Between a push subscription of Pub/Sub's emulator and a function: what the emulator leaves out of a push is put in, and on demand
things go wrong on the way.

The service sends a delivery attempt and an OIDC token: https://cloud.google.com/pubsub/docs/handling-failures#track-delivery-attempts
and https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpx

from tests.emulators.process import HOST

PUSH_SECONDS = 600.0


@dataclass(frozen=True)
class PushFaults:
    """Shares of pushes, 0 to 1.

    repeat: delivered twice at once.  late: held back, so that later ones overtake it.  unheard: done, but the answer never arrives, so
    that Pub/Sub delivers again.
    """

    seed: int
    repeat: float = 0.2
    late: float = 0.3
    unheard: float = 0.1


class PushProxy:
    """A proxy to the function at `target`, as `http://127.0.0.1:<port>`.

    token: makes the bearer token of each push; none is sent without it.  A function that cannot be reached answers 503.  slots: how many
    instances of one request at a time there are; a push that finds none free answers 429, as Cloud Run does.
    """

    def __init__(
        self,
        target: str,
        token: Callable[[], str] | None = None,
        faults: PushFaults | None = None,
        slots: int | None = None,
    ) -> None:
        self._target, self._token, self._faults = target, token, faults
        self._slots = threading.Semaphore(slots) if slots else None
        self.turned_away: Counter[str] = Counter()
        """Message id -> how many of its pushes found no free instance."""
        self._chance = random.Random(faults.seed if faults else 0)
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def pushes(self) -> int:
        """How many have come so far."""
        return sum(self._attempts.values())

    def deliver(self, path: str, push: dict[str, Any]) -> int:
        """Push once, or as the faults say; returns the status for Pub/Sub."""
        with self._counting:
            one = (push["subscription"], push["message"]["messageId"])
            self._attempts[one] += 1
            push["deliveryAttempt"] = self._attempts[one]
        faults = self._faults
        if faults is None:
            return self._push(path, push)
        if self._chance.random() < faults.late:
            time.sleep(self._chance.uniform(0.2, 1.5))
        if self._chance.random() < faults.repeat:
            threading.Thread(target=self._push, args=(path, push), daemon=True).start()
        status = self._push(path, push)
        return 500 if self._chance.random() < faults.unheard else status

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> PushProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _push(self, path: str, push: dict[str, Any]) -> int:
        if self._slots is None:
            return self._posted(path, push)
        if not self._slots.acquire(blocking=False):
            with self._counting:
                self.turned_away[push["message"]["messageId"]] += 1
            return 429
        try:
            return self._posted(path, push)
        finally:
            self._slots.release()

    def _posted(self, path: str, push: dict[str, Any]) -> int:
        headers = {"Authorization": f"Bearer {self._token()}"} if self._token else {}
        try:
            return httpx.post(self._target + path, json=push, headers=headers, timeout=PUSH_SECONDS).status_code
        except httpx.HTTPError:
            return 503  # killed while it worked, or not back yet

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        deliver = self.deliver

        class Forward(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status = deliver(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Forward
