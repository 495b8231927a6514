"""Which adapters the contract tests run against: CONTRACT_DOCUMENTS=sqlite,firestore and the like.

The embedded ones are the default.  A backend opens an adapter for a place (the test's folder): the same place again, in
any process, is the same data.  A name that is not here, or a backend that is asked for and absent, fails the test;
nothing is skipped in silence.
"""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import storage_backends

from common.adapters.embedded.folder_objects import FolderObjectStore
from common.adapters.embedded.local_keys import LocalKeyRing
from common.adapters.embedded.sqlite_bus import Backoff, FaultPlan, SqliteBus
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.embedded.system_clock import SystemClock
from common.adapters.locations import open_location
from common.ports import Clock, DocumentStore, KeyRing, Location, ObjectStore
from common.ports.bus import PullBus


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, time: datetime = datetime(2026, 4, 1, 12, tzinfo=UTC)) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def move(self, **step: float) -> None:
        self.time += timedelta(**step)


@dataclass(frozen=True)
class LocationBackend:
    """write: puts a file at a name below the place.  open: the location of the place, or of one name below it."""

    write: Callable[[Path, str, bytes], None]
    open: Callable[[Path, str], Location]


def _write_file(place: Path, name: str, content: bytes) -> None:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(content)


def _open_file(place: Path, name: str) -> Location:
    return open_location((place / name).as_uri() if name else place.as_uri())


def _open_sqlite_bus(place: Path, clock: Clock | None = None, faults: FaultPlan | None = None) -> PullBus:
    return SqliteBus(place / "bus.sqlite", clock or SystemClock(), faults, Backoff(1.0, 60.0))


@dataclass(frozen=True)
class DocumentBackend:
    """open: the store of a place.  clear: removes what the place holds.

    writers, rounds: how many threads, or processes, change one document at a time, and how often each, that the store can bear.
    """

    open: Callable[[Path], DocumentStore]
    clear: Callable[[Path], None]
    writers: int
    rounds: int

    def __call__(self, place: Path) -> DocumentStore:
        return self.open(place)


def _firestore_project(place: Path) -> str:
    """A project of the emulator for each place: it keeps any number of them apart, and needs none to exist."""
    return f"contract-{hashlib.sha256(str(place).encode()).hexdigest()[:16]}"


def _open_firestore(place: Path) -> DocumentStore:
    from common.adapters.gcp.firestore import FirestoreDocumentStore

    if not os.environ.get("FIRESTORE_EMULATOR_HOST"):
        raise RuntimeError("FIRESTORE_EMULATOR_HOST is not set: run the tests by python -m tests.emulators")
    return FirestoreDocumentStore.connect(_firestore_project(place))


def _clear_firestore(place: Path) -> None:
    path = f"/emulator/v1/projects/{_firestore_project(place)}/databases/(default)/documents"
    connection = http.client.HTTPConnection(os.environ["FIRESTORE_EMULATOR_HOST"], timeout=60)
    with closing(connection):
        connection.request("DELETE", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"the Firestore emulator did not clear a project: {answer.status}")


DOCUMENTS: dict[str, DocumentBackend] = {
    "sqlite": DocumentBackend(lambda place: SqliteDocumentStore(place / "documents.sqlite"), lambda place: None, 4, 25),
    # the emulator locks what is read until the transaction ends, which the service does for far shorter
    "firestore": DocumentBackend(_open_firestore, _clear_firestore, 2, 3),
}
BUSES: dict[str, Callable[..., PullBus]] = {"sqlite": _open_sqlite_bus}
OBJECTS: dict[str, Callable[[Path], ObjectStore]] = {
    "folder": lambda place: FolderObjectStore(place / "objects"),
    "gcs": storage_backends.open_objects,
}
KEYS: dict[str, Callable[[Path], KeyRing]] = {"local": lambda place: LocalKeyRing(place / "keys" / "keys.json")}
LOCATIONS: dict[str, LocationBackend] = {
    "file": LocationBackend(_write_file, _open_file),
    "gcs": LocationBackend(storage_backends.write_bill, storage_backends.open_bills),
}


def chosen(port: str, embedded: str) -> list[str]:
    """The backends that CONTRACT_<port> names."""
    return os.environ.get(f"CONTRACT_{port}", embedded).split(",")
