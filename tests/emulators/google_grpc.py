"""Cloud KMS, Secret Manager and Cloud Scheduler as gRPC servers of our own, on Google's own message classes.

They keep what they are given in memory and refuse what the services refuse, with the services' codes.  A test in the same process
may also bend one method: make it fail, wait or answer otherwise.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tests.emulators import cloud_scheduler, kms, secret_manager
from tests.emulators.grpc_answers import Method, Refused
from tests.emulators.process import HOST, Peer, free_port, start

VARIABLES = ("KMS_EMULATOR_HOST", "SECRET_MANAGER_EMULATOR_HOST", "CLOUD_SCHEDULER_EMULATOR_HOST")
Bend = Callable[[Any, Callable[[Any], Any]], Any]
"""Takes the request and what would answer it, and answers itself."""


class GoogleServer:
    """The three services on one port of this machine."""

    def __init__(self, port: int = 0) -> None:
        self.keys, self.secrets, self.jobs = kms.Keys(), secret_manager.Secrets(), cloud_scheduler.Jobs()
        self._bends: dict[str, Bend] = {}
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(8))
        for service, methods in (
            (kms.SERVICE, self.keys.methods()),
            (secret_manager.SERVICE, self.secrets.methods()),
            (cloud_scheduler.SERVICE, self.jobs.methods()),
        ):
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, self._all(methods)),))
        self.address = f"{HOST}:{self._server.add_insecure_port(f'{HOST}:{port}')}"
        self._server.start()

    @contextmanager
    def bent(self, method: str, bend: Bend) -> Iterator[None]:
        """For a while, `method` is answered by `bend`."""
        self._bends[method] = bend
        try:
            yield
        finally:
            del self._bends[method]

    def stop(self) -> None:
        """End the server at once."""
        self._server.stop(grace=None).wait()

    def wait(self) -> None:
        """Serve until the process ends."""
        self._server.wait_for_termination()

    def _all(self, methods: Mapping[str, Method]) -> dict[str, Any]:
        return {
            name: grpc.unary_unary_rpc_method_handler(
                self._answering(name, answer), request_deserializer=_reader(taken), response_serializer=_writer(given)
            )
            for name, (answer, taken, given) in methods.items()
        }

    def _answering(self, name: str, answer: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def alone(request: Any) -> Any:
            with self._lock:
                return answer(request)

        def handler(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                bend = self._bends.get(name)
                return bend(request, alone) if bend else alone(request)
            except Refused as refusal:
                context.abort(refusal.code, str(refusal))

        return handler


def google_grpc(folder: Path) -> Peer:
    """The three services as a process of their own."""
    port = free_port()
    command = [sys.executable, "-m", "tests.emulators.google_grpc", str(port)]
    return start("KMS, Secret Manager, Scheduler", command, port, environment(f"{HOST}:{port}"), folder / "grpc.log")


def environment(address: str) -> dict[str, str]:
    """The variables by which the adapters find a server."""
    return dict.fromkeys(VARIABLES, address)


def _reader(kind: Any) -> Any:
    return kind.deserialize if hasattr(kind, "deserialize") else kind.FromString


def _writer(kind: Any) -> Any:
    return kind.serialize if hasattr(kind, "serialize") else kind.SerializeToString


if __name__ == "__main__":
    GoogleServer(int(sys.argv[1])).wait()
