"""Which adapters the contract tests run against: CONTRACT_DOCUMENTS=sqlite,firestore and the like.

The embedded ones are the default.  A backend opens an adapter for a place (the test's folder): the same place again, in
any process, is the same data.  A name that is not here, or a backend that is asked for and absent, fails the test;
nothing is skipped in silence.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


DOCUMENTS: dict[str, Callable[[Path], DocumentStore]] = {
    "sqlite": lambda place: SqliteDocumentStore(place / "documents.sqlite"),
}
BUSES: dict[str, Callable[..., PullBus]] = {"sqlite": _open_sqlite_bus}
OBJECTS: dict[str, Callable[[Path], ObjectStore]] = {"folder": lambda place: FolderObjectStore(place / "objects")}
KEYS: dict[str, Callable[[Path], KeyRing]] = {"local": lambda place: LocalKeyRing(place / "keys" / "keys.json")}
LOCATIONS: dict[str, LocationBackend] = {"file": LocationBackend(_write_file, _open_file)}


def chosen(port: str, embedded: str) -> list[str]:
    """The backends that CONTRACT_<port> names."""
    return os.environ.get(f"CONTRACT_{port}", embedded).split(",")
