"""A peer as a process of its own: on a free port, in its own session, gone with everything that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 60


class NotToBeHad(Exception):
    """This machine lacks what the peer needs; the message names it."""


@dataclass
class Peer:
    """A running peer.  environment: what a client process needs to find it."""

    name: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    facts: Mapping[str, str] = field(default_factory=dict)

    def stop(self) -> None:
        """End the process and all that it started."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(timeout=5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def start(
    name: str, command: Sequence[str], port: int, environment: Mapping[str, str], log: Path, **process_env: str
) -> Peer:
    """Start a peer and wait until its port answers.  Raises RuntimeError with the end of its log where it does not."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(command), stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **process_env},
        )  # fmt: skip
    peer = Peer(name, environment, process, log)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            peer.stop()
            raise RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return peer


def _answers(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex((HOST, port)) == 0
