"""What goes wrong between parts: pushes that are repeated, late or lost on their way back; a service that is away."""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.emulators.process import HOST

_PUSH_SECONDS = 120.0


@dataclass(frozen=True)
class PushFaults:
    """Shares of pushes, 0 to 1.  repeat: delivered twice.  late: held back, so that later ones overtake it.  unheard: done, but the
    answer never arrives, so that Pub/Sub delivers again."""

    seed: int
    repeat: float = 0.2
    late: float = 0.3
    unheard: float = 0.1


class PushRelay:
    """Stands between a push subscription and a function; faithful without faults."""

    def __init__(self, function_port: int, faults: PushFaults | None = None) -> None:
        relay = self
        self._function_port = function_port
        self._faults = faults
        self._chance = random.Random(faults.seed if faults else 0)
        self.pushes = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = relay.deliver(self.path, body, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def deliver(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Push once, or as the faults say; returns the status for Pub/Sub."""
        self.pushes += 1
        faults = self._faults
        if faults is None:
            return self._push(path, body, headers)
        if self._chance.random() < faults.late:
            time.sleep(self._chance.uniform(0.2, 1.5))
        if self._chance.random() < faults.repeat:
            threading.Thread(target=self._push, args=(path, body, headers), daemon=True).start()
        status = self._push(path, body, headers)
        return 500 if self._chance.random() < faults.unheard else status

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _push(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection(HOST, self._function_port, timeout=_PUSH_SECONDS)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "connection")}
            connection.request("POST", path, body, kept)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 503  # the function was killed while it worked, or is not back yet
        finally:
            connection.close()


class ServiceRelay:
    """Stands between clients and a service; while `away`, every connection is refused or cut."""

    def __init__(self, service_port: int) -> None:
        self._service_port = service_port
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._away = False
        threading.Thread(target=self._accept, daemon=True).start()

    def go_away(self, seconds: float) -> None:
        """Cut every connection, and refuse new ones for a while."""
        self._away = True
        for one in list(self._open):
            _cut(one)
        time.sleep(seconds)
        self._away = False

    def close(self) -> None:
        """Stop listening."""
        self._away = True
        _cut(self._listener)
        for one in list(self._open):
            _cut(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._away:
                _cut(client)
                continue
            try:
                service = socket.create_connection((HOST, self._service_port))
            except OSError:
                _cut(client)
                continue
            for source, target in ((client, service), (service, client)):
                self._open.add(source)
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass  # cut, or gone by itself
        finally:
            self._open.discard(source)
            _cut(target)


def _cut(one: socket.socket) -> None:
    with suppress(OSError):  # nobody is at the other end any more
        one.shutdown(socket.SHUT_RDWR)
    one.close()
