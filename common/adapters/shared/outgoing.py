"""Requests to addresses that customers give: they lead to the internet only, and no log holds them."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from common.domain.channels import is_public
from common.errors import CostError

_LIBRARY = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
"""Loggers of httpx: a filter does not hold for those below."""

Trace = Callable[[str, Mapping[str, Any]], None]


def resolves_to_private(host: str, port: int) -> bool:
    """Whether a name leads to an address that is not of the internet.  Of a name that is not known here, a proxy decides."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not is_public(str(one[4][0])) for one in found)


def watched(host: str | None, refusal: CostError | None, connected: Callable[[Any], None] = lambda _: None) -> Trace:
    """For httpx's extension `trace`: sees each connection before anything is sent over it.

    What is connected is checked, not what a name resolves to, which may change.  A proxy resolves names itself.
    refusal: raised where the host's address is not of the internet; None where it may be any.  connected: is given each socket.
    """
    peer = ""

    def trace(event: str, facts: Mapping[str, Any]) -> None:
        nonlocal peer
        if event == "connection.connect_tcp.started":
            peer = facts["host"]
        elif event == "connection.connect_tcp.complete":
            connection = facts["return_value"].get_extra_info("socket")
            connected(connection)
            if refusal is not None and peer == host and not is_public(connection.getpeername()[0]):
                facts["return_value"].close()
                raise refusal

    return trace


@contextmanager
def unlogged() -> Iterator[None]:
    """Drop what the HTTP library logs of this thread's request: its address may be a secret, and an answer's headers may repeat it."""
    this = threading.get_ident()

    def is_another(record: logging.LogRecord) -> bool:
        return record.thread != this

    loggers = [logging.getLogger(name) for name in _LIBRARY]
    for logger in loggers:
        logger.addFilter(is_another)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_another)
