"""What Pub/Sub's emulator leaves out of a push, put in on the way to the function: the delivery attempt, and an OIDC token.

The service sends both: https://cloud.google.com/pubsub/docs/handling-failures#track-delivery-attempts and
https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.emulators.process import HOST

PUSH_SECONDS = 600.0


@contextmanager
def push_proxy(target: str, token: Callable[[], str] | None = None) -> Iterator[str]:
    """The address of a proxy to a function, as `http://127.0.0.1:<port>`, while the context lasts.

    token: makes the bearer token of each push; none is sent without it.  A function that cannot be reached answers 503.
    """
    attempts: Counter[tuple[str, str]] = Counter()
    counting = threading.Lock()

    class Forward(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            push = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with counting:
                one = (push["subscription"], push["message"]["messageId"])
                attempts[one] += 1
                push["deliveryAttempt"] = attempts[one]
            headers = {"Authorization": f"Bearer {token()}"} if token else {}
            try:
                status = httpx.post(target + self.path, json=push, headers=headers, timeout=PUSH_SECONDS).status_code
            except httpx.HTTPError:
                status = 503
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Forward)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
