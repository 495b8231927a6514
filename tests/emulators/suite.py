"""Every test that can meet a peer, against those that run: python -m tests.emulators -- python -m tests.emulators.suite

The contract tests are the very ones of the embedded adapters, which leave their places to Google's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
BACKENDS = {
    "PUBSUB_EMULATOR_HOST": {"BUSES": "pubsub"},
    "FIRESTORE_EMULATOR_HOST": {"DOCUMENTS": "firestore"},
    "STORAGE_EMULATOR_HOST": {"OBJECTS": "gcs", "LOCATIONS": "gcs"},
    "BIGQUERY_EMULATOR_HOST": {"WAREHOUSES": "bigquery"},
    "KMS_EMULATOR_HOST": {"KEYS": "kms"},
    "SECRET_MANAGER_EMULATOR_HOST": {"SECRETS": "secret_manager"},
    "CLOUD_SCHEDULER_EMULATOR_HOST": {"SCHEDULER": "cloud_scheduler"},
}
"""What says that a peer runs -> the ports that meet it, and the name of its backend."""


def main() -> int:
    """pytest's exit status."""
    running = {
        port: backend for sign, ports in BACKENDS.items() if os.environ.get(sign) for port, backend in ports.items()
    }
    environment = {**os.environ, **{f"CONTRACT_{port}": backend for port, backend in running.items()}}
    told = ", ".join(f"{port.lower()} on {backend}" for port, backend in running.items())
    print(f"held to the contract: {told or 'nothing, since no peer runs'}", flush=True)
    workers = ["-n", os.environ.get("WORKERS", "2"), "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", *workers, "--durations=15", *sys.argv[1:], *map(str, _files())]
    return subprocess.run(command, env=environment, check=False).returncode


def _files() -> list[Path]:
    """The test files that choose a backend, or look for a peer."""
    found = [path for folder in ("contract", "integration", "cloud") for path in (TESTS / folder).glob("test_*.py")]
    return sorted(
        path for path in found if any(sign in path.read_text() for sign in ("chosen(", *BACKENDS, "missing_peers"))
    )


if __name__ == "__main__":
    sys.exit(main())
