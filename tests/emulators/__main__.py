"""Start peers, run a command that finds them in its environment, stop them: python -m tests.emulators [--only a,b] -- COMMAND.

Says which peers are not to be had on this machine and why; with --require-all that is a failure.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from tests.emulators.gcloud import PROJECT, firestore, pubsub
from tests.emulators.process import NotToBeHad, Peer

MARK = "COSTWIRE_PEERS_FOLDER"
CLEAN_UP_SECONDS = 30
PEERS: dict[str, str | Callable[[Path], Peer]] = {
    "pubsub": pubsub,
    "firestore": firestore,
    "storage": "tests.emulators.storage",
    "bigquery": "tests.emulators.bigquery",
    "second_bigquery": "tests.emulators.bigquery",
    "google_grpc": "tests.emulators.google_grpc",
    "azurite": "tests.emulators.azurite",
}
"""Peer -> what starts it, or the module whose function of the peer's name does."""


def main() -> int:
    """Exit status of the command, or 3 where a required peer is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators", description=__doc__)
    parser.add_argument("--only", default=",".join(PEERS), help="peers to start, by commas: " + ", ".join(PEERS))
    parser.add_argument("--require-all", action="store_true", help="fail where a peer is temporarily unavailable")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    running: list[Peer] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="costwire-peers-") as folder:
        try:
            for name in chosen.only.split(","):
                try:
                    running.append(_starter(name)(Path(folder)))
                    os.environ.update(running[-1].environment)  # BigQuery's peer reads what Cloud Storage's holds
                    print(f"peer {name}: running", flush=True)
                except NotToBeHad as reason:
                    missing.append(name)
                    print(f"peer {name}: NOT RUN, {reason}", flush=True)
            if missing and chosen.require_all:
                return 3
            environment = {**os.environ, "COSTWIRE_PROJECT": PROJECT, "COSTWIRE_PEERS_MISSING": ",".join(missing)}
            environment[MARK] = folder
            status = _run(chosen.command, environment)
        finally:
            for peer in running:
                peer.stop()
            _sweep(folder)
    for name in missing:
        print(f"peer {name}: NOT RUN on this machine; its tests were left out", flush=True)
    return status


def _run(command: list[str], environment: dict[str, str]) -> int:
    """The command's exit status; where this process is to end, the command is interrupted first and may clean up."""
    with subprocess.Popen(command, env=environment) as process:
        try:
            return process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=CLEAN_UP_SECONDS)
            process.kill()
            raise


def _sweep(mark: str) -> None:
    """End what the command left behind: processes that carry this run's mark in their environment (where /proc tells)."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # not ours to read, or gone meanwhile
            if wanted in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
                print(f"ended process {entry.parent.name}, which the tests had left behind", flush=True)


def _starter(name: str) -> Callable[[Path], Peer]:
    found = PEERS[name]
    if callable(found):
        return found
    starter: Callable[[Path], Peer] = getattr(import_module(found), name)
    return starter


if __name__ == "__main__":
    sys.exit(main())
