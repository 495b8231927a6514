"""Clients of Google's gRPC services, and how long their small calls may take."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type

from common.adapters.gcp.failures import explaining

Client = TypeVar("Client")
CALL_SECONDS = 10.0
"""Deadline of one try."""
RETRY = Retry(
    predicate=if_exception_type(api.ServiceUnavailable, api.DeadlineExceeded),
    initial=0.2,
    maximum=2.0,
    timeout=25.0,
)
"""For calls that change nothing when they are made twice; after it the bus tries again, with its own backoff."""


def connect_client(kind: type[Client], what: str, emulator_variable: str, credentials: Any = None) -> Client:
    """A client of the service, or of the emulator whose host and port the variable holds, as PUBSUB_EMULATOR_HOST does.

    credentials: google-auth's; this process's own identity without them.

    Raises BadConfiguration where there are no credentials.
    """
    host = os.environ.get(emulator_variable)
    made: Any = kind
    with explaining(what):
        if host:
            transport = made.get_transport_class("grpc")(channel=grpc.insecure_channel(host))
            return made(transport=transport)  # type: ignore[no-any-return]
        return made(credentials=credentials) if credentials else made()  # type: ignore[no-any-return]
