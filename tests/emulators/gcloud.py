"""Pub/Sub and Firestore: the emulators of the Google Cloud SDK, run without its wrapper, which would leave Java behind."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.emulators.process import HOST, NotToBeHad, Peer, free_port, start

PROJECT = "costwire-test"


def pubsub(folder: Path) -> Peer:
    """The Pub/Sub emulator.  Raises NotToBeHad."""
    (jar,) = _found("pubsub-emulator/lib", "cloud-pubsub-emulator-*-all.jar")
    port = free_port()
    command = ["java", "-Xmx512m", "-jar", str(jar), f"--host={HOST}", f"--port={port}"]
    return start("Pub/Sub", command, port, {"PUBSUB_EMULATOR_HOST": f"{HOST}:{port}"}, folder / "pubsub.log")


def firestore(folder: Path) -> Peer:
    """The Firestore emulator.  Raises NotToBeHad."""
    (jar,) = _found("cloud-firestore-emulator", "cloud-firestore-emulator.jar")
    port = free_port()
    main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    command = ["java", "-Xmx1g", "-Duser.language=en", "-cp", str(jar), main, "start"]
    command += [f"--host={HOST}", f"--port={port}", "--database-mode=firestore-native"]
    return start("Firestore", command, port, {"FIRESTORE_EMULATOR_HOST": f"{HOST}:{port}"}, folder / "firestore.log")


def _found(folder: str, pattern: str) -> list[Path]:
    if shutil.which("java") is None:
        raise NotToBeHad("java is not installed")
    found = sorted((_sdk() / "platform" / folder).glob(pattern))[-1:]
    if not found:
        raise NotToBeHad(f"the Google Cloud SDK has no {folder.split('/')[0]}: gcloud components install it")
    return found


@cache
def _sdk() -> Path:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise NotToBeHad("the Google Cloud SDK (gcloud) is not installed")
    told = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return Path(told.stdout.strip())
