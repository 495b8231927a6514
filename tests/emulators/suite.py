"""Every test in some folders that can meet a peer, against those that run.

    python -m tests.emulators -- python -m tests.emulators.suite cloud

The contract tests are the very ones of the embedded adapters, which leave their places to Google's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOLDERS = ("contract", "integration", "cloud")
LONGEST = ("test_end_to_end_with_faults.py", "test_billing_export.py")
"""Files that take longer than their size tells."""
BACKENDS = {
    "PUBSUB_EMULATOR_HOST": {"BUSES": "pubsub"},
    "FIRESTORE_EMULATOR_HOST": {"DOCUMENTS": "firestore"},
    "STORAGE_EMULATOR_HOST": {"OBJECTS": "gcs", "LOCATIONS": "gcs"},
    "AZURITE_EMULATOR_HOST": {"LOCATIONS": "azure"},
    "BIGQUERY_EMULATOR_HOST": {"WAREHOUSES": "bigquery"},
    "KMS_EMULATOR_HOST": {"KEYS": "kms"},
    "SECRET_MANAGER_EMULATOR_HOST": {"SECRETS": "secret_manager"},
    "CLOUD_SCHEDULER_EMULATOR_HOST": {"SCHEDULER": "cloud_scheduler"},
}
"""What says that a peer runs -> the ports that meet it, and the name of its backend."""


def main() -> int:
    """pytest's exit status."""
    running: dict[str, str] = {}
    for sign, ports in BACKENDS.items():
        for port, backend in ports.items() if os.environ.get(sign) else ():
            running[port] = f"{running[port]},{backend}" if port in running else backend
    environment = {**os.environ, **{f"CONTRACT_{port}": backend for port, backend in running.items()}}
    told = ", ".join(f"{port.lower()} on {backend}" for port, backend in running.items())
    print(f"held to the contract: {told or 'nothing, since no peer runs'}", flush=True)
    # one more than processors, since many wait; the longest files first, so that no worker is left alone with one
    workers = ["-n", os.environ.get("WORKERS", "3"), "--dist", "loadfile", "--no-loadscope-reorder"]
    files = _files(sys.argv[1:] or FOLDERS)
    command = [sys.executable, "-m", "pytest", *workers, "--durations=10", *map(str, files)]
    return subprocess.run(command, env=environment, check=False).returncode


def _files(folders: Sequence[str]) -> list[Path]:
    """The test files that choose a backend, or look for a peer."""
    found = [path for folder in folders for path in (TESTS / folder).glob("test_*.py")]
    wanted = [
        path for path in found if any(sign in path.read_text() for sign in ("chosen(", *BACKENDS, "missing_peers"))
    ]
    return sorted(wanted, key=lambda path: (path.name not in LONGEST, -path.stat().st_size, path))


if __name__ == "__main__":
    sys.exit(main())
