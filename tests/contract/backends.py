"""Which adapters the contract tests run against: CONTRACT_DOCUMENTS=sqlite,firestore and the like.

The embedded ones are the default.  A backend opens an adapter for a place (the test's folder): the same place again, in
any process, is the same data.  A name that is not here, or a backend that is asked for and absent, fails the test;
nothing is skipped in silence.
"""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import storage_backends

from common.adapters.embedded.folder_objects import FolderObjectStore
from common.adapters.embedded.sqlite_bus import Backoff, FaultPlan, SqliteBus
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.locations import open_source
from common.adapters.shared.audited_documents import AuditedDocuments
from common.adapters.shared.system_clock import SystemClock
from common.ports import Clock, DocumentStore, Location, ObjectStore, Source
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
    """write: puts a file at a name below the place.  open: the location of the place, or of one name below it.

    environment: the variables that lead to the peer.
    """

    write: Callable[[Path, str, bytes], None]
    open: Callable[[Path, str], Location]
    environment: Callable[[], Mapping[str, str]] = dict


def _write_file(place: Path, name: str, content: bytes) -> None:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(content)


def _open_file(place: Path, name: str) -> Location:
    return open_source(Source((place / name).as_uri() if name else place.as_uri()), lambda: b"")


def _write_s3(place: Path, name: str, content: bytes) -> None:
    from tests import s3_peer  # what only these cases need

    s3_peer.write(place, name, content)


def _open_s3(place: Path, name: str) -> Location:
    from tests import s3_peer

    return s3_peer.open_place(place, name)


def _s3_environment() -> Mapping[str, str]:
    from tests import s3_peer

    return {"AWS_ENDPOINT_URL": s3_peer.server()}


def _write_oci(place: Path, name: str, content: bytes) -> None:
    from tests import oci_peer

    oci_peer.write(place, name, content)


def _open_oci(place: Path, name: str) -> Location:
    from tests import oci_peer

    return oci_peer.open_place(place, name)


def _oci_environment() -> Mapping[str, str]:
    from tests import oci_peer

    return {"COSTWIRE_OCI_ENDPOINT": oci_peer.peer().address}


def _write_azure(place: Path, name: str, content: bytes) -> None:
    from tests import azure_peer

    azure_peer.write(place, name, content)


def _open_azure(place: Path, name: str) -> Location:
    from tests import azure_peer

    return azure_peer.open_place(place, name)


def emulator_project(place: Path) -> str:
    """A project of the emulator for each place: it keeps any number of them apart, and needs none to exist."""
    return f"contract-{hashlib.sha256(str(place).encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class BusBackend:
    """open: the bus of a place.  untold: what cannot be told of this bus, and why; such cases are told for the embedded one only."""

    open: Callable[..., PullBus]
    untold: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, place: Path, clock: Clock | None = None, faults: FaultPlan | None = None) -> PullBus:
        return self.open(place, clock, faults)


def _open_pubsub(place: Path, clock: Clock | None = None, faults: FaultPlan | None = None) -> Any:
    from common.adapters.gcp.pubsub import PubSubBus

    if not os.environ.get("PUBSUB_EMULATOR_HOST"):
        raise RuntimeError("PUBSUB_EMULATOR_HOST is not set: run the tests by python -m tests.emulators")
    if faults is not None:
        raise RuntimeError("faults are made by the embedded bus alone")
    return PubSubBus.connect(emulator_project(place), clock or SystemClock(), patience_seconds=0.3, rests=False)


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


def _open_firestore(place: Path) -> DocumentStore:
    from common.adapters.gcp.firestore import FirestoreDocumentStore

    if not os.environ.get("FIRESTORE_EMULATOR_HOST"):
        raise RuntimeError("FIRESTORE_EMULATOR_HOST is not set: run the tests by python -m tests.emulators")
    return _audited(FirestoreDocumentStore.connect(emulator_project(place), "(default)"))


def _clear_firestore(place: Path) -> None:
    path = f"/emulator/v1/projects/{emulator_project(place)}/databases/(default)/documents"
    connection = http.client.HTTPConnection(os.environ["FIRESTORE_EMULATOR_HOST"], timeout=60)
    with closing(connection):
        connection.request("DELETE", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"the Firestore emulator did not clear a project: {answer.status}")


def _audited(store: Any) -> AuditedDocuments:
    """As every runtime has its store."""
    return AuditedDocuments(store, lambda: datetime.now(UTC))


DOCUMENTS: dict[str, DocumentBackend] = {
    "sqlite": DocumentBackend(
        lambda place: _audited(SqliteDocumentStore(place / "documents.sqlite")), lambda place: None, 4, 25
    ),
    # the emulator locks what is read until the transaction ends, which the service does for far shorter
    "firestore": DocumentBackend(_open_firestore, _clear_firestore, 2, 3),
}
BUSES: dict[str, BusBackend] = {
    "sqlite": BusBackend(_open_sqlite_bus),
    "pubsub": BusBackend(
        _open_pubsub,
        {
            "pending": "Pub/Sub does not say how many messages are left, nor when the next one is due",
            "clock": "Pub/Sub's leases and rests go by its own clock",
            "order": "Pub/Sub promises no order without an ordering key",
            "holders": "a lease of Pub/Sub ends in time, not with the process that holds it",
            "faults": "faults on purpose are made by the embedded bus",
            "topics": "a topic of Pub/Sub is made before it is published to",
        },
    ),
}
OBJECTS: dict[str, Callable[[Path], ObjectStore]] = {
    "folder": lambda place: FolderObjectStore(place / "objects"),
    "gcs": storage_backends.open_objects,
}
LOCATIONS: dict[str, LocationBackend] = {
    "file": LocationBackend(_write_file, _open_file),
    "s3": LocationBackend(_write_s3, _open_s3, _s3_environment),
    "oci": LocationBackend(_write_oci, _open_oci, _oci_environment),
    "azure": LocationBackend(_write_azure, _open_azure),
    "gcs": LocationBackend(storage_backends.write_bill, storage_backends.open_bills),
}


def chosen(port: str, embedded: str) -> list[str]:
    """The backends that CONTRACT_<port> names."""
    return os.environ.get(f"CONTRACT_{port}", embedded).split(",")
