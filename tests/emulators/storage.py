"""Cloud Storage: gcp-storage-emulator from PyPI, in an environment of its own that is made from a lock on first use."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.emulators.process import HOST, NotToBeHad, Peer, free_port, start

_HERE = Path(__file__).parent
_LOCK = _HERE / "storage.lock"
_ENVIRONMENT = _HERE.parents[1] / ".emulators" / "storage"


def storage(folder: Path) -> Peer:
    """The Cloud Storage emulator, with no bucket yet.  Raises NotToBeHad."""
    port = free_port()
    command = [str(_python()), str(_HERE / "storage_server.py"), str(port)]
    environment = {"STORAGE_EMULATOR_HOST": f"http://{HOST}:{port}"}
    return start("Cloud Storage", command, port, environment, folder / "storage.log")


def _python() -> Path:
    """The Python of the environment; made anew where the lock has changed."""
    python, stamp = _ENVIRONMENT / "bin" / "python", _ENVIRONMENT / "made-of"
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _run("no environment for it can be made", sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT))
    install = ("-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(_LOCK))
    _run("pip cannot install it, perhaps without a network", str(python), *install)
    stamp.write_text(wanted)
    return python


def _run(otherwise: str, *command: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=clean)
    if done.returncode:
        raise NotToBeHad(f"{otherwise}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
