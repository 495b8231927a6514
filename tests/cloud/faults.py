"""What goes wrong between a function and a service: the service is away for a while."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from tests.emulators.process import HOST


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
