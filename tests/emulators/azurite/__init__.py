"""Azure Blob Storage: azurite from npm, installed from the lock in this folder on first use."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.emulators.process import HOST, NotToBeHad, Peer, free_port, start

SIGN = "AZURITE_EMULATOR_HOST"
_HERE = Path(__file__).parent
_PLACE = _HERE.parents[2] / ".emulators" / "azurite"
_MAIN = Path("node_modules", "azurite", "dist", "src", "blob", "main.js")
_SECONDS = 300


def azurite(folder: Path) -> Peer:
    """The blob service of azurite, with no container yet.  Raises NotToBeHad."""
    port = free_port()
    # the SDK may ask for a newer version of the interface than azurite knows
    flags = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command = [_program("node"), str(_installed() / _MAIN), *flags, "--blobHost", HOST, "--blobPort", str(port)]
    return start("azurite", command, port, {SIGN: f"http://{HOST}:{port}"}, folder / "azurite.log")


def _installed() -> Path:
    lock, stamp = _HERE / "package-lock.json", _PLACE / "made-of"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return _PLACE
    _PLACE.mkdir(parents=True, exist_ok=True)
    for file in (lock, _HERE / "package.json"):
        shutil.copy(file, _PLACE)
    command = [_program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=_PLACE, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise NotToBeHad("npm cannot install azurite, perhaps without a network")
    stamp.write_text(wanted)
    return _PLACE


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NotToBeHad(f"{name} is not installed; azurite needs Node.js 20")
    return found
