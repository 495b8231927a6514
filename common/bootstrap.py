"""The one place where ports meet adapters.  Nothing is opened until the first function asks."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from common.config import Settings

if TYPE_CHECKING:
    from common.ports import Clock, DocumentStore, KeyRing, Location, Notifier, ObjectStore, Warehouse
    from common.ports.bus import PullBus

_LEFTOVER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class EmbeddedRuntime:
    """All ports on one machine, under one folder.  Each adapter is imported and opened on first use."""

    settings: Settings

    @cached_property
    def home(self) -> Path:
        """The folder of all state; made on first use, for its owner only."""
        home = self.settings.home.absolute()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home

    @cached_property
    def scratch(self) -> Path:
        """A folder for files that are being made; what killed processes left there a day ago goes."""
        folder = self.home / "tmp"
        folder.mkdir(exist_ok=True)
        for entry in folder.iterdir():
            if entry.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)
        return folder

    @cached_property
    def clock(self) -> Clock:
        from common.adapters.embedded.system_clock import SystemClock

        return SystemClock()

    @cached_property
    def documents(self) -> DocumentStore:
        from common.adapters.embedded.sqlite_documents import SqliteDocumentStore

        return SqliteDocumentStore(self.home / "documents.sqlite")

    @cached_property
    def objects(self) -> ObjectStore:
        from common.adapters.embedded.folder_objects import FolderObjectStore

        return FolderObjectStore(self.home / "objects")

    @cached_property
    def bus(self) -> PullBus:
        from common.adapters.embedded.sqlite_bus import FaultPlan, SqliteBus

        seed = self.settings.fault_seed
        faults = FaultPlan(seed=seed, repeat=0.3, shuffle=True, delay=0.2) if seed is not None else None
        return SqliteBus(self.home / "bus.sqlite", self.clock, faults)

    @cached_property
    def warehouse(self) -> Warehouse:
        from common.adapters.embedded.duckdb_warehouse import DuckDbWarehouse
        from common.warehouse.rates import FILE_NAME

        return DuckDbWarehouse(self.documents, self.objects, self.clock, self.home / FILE_NAME)

    @cached_property
    def keys(self) -> KeyRing:
        from common.adapters.embedded.local_keys import LocalKeyRing

        return LocalKeyRing(self.home / "keys.json")

    def location(self, uri: str) -> Location:
        """The place that a URI names.  Raises BadConfiguration for a scheme that is not known."""
        from common.adapters.locations import open_location

        return open_location(uri)

    @cached_property
    def notifiers(self) -> tuple[Notifier, ...]:
        """Every channel that is configured; the outbox folder where none is."""
        from common.adapters.notifiers import configured

        return configured(self.settings, self.home / "outbox")


_runtime: EmbeddedRuntime | None = None


def runtime() -> EmbeddedRuntime:
    """The runtime of this process, built on first use and kept."""
    global _runtime
    if _runtime is None:
        _runtime = EmbeddedRuntime(Settings())
    return _runtime


def use(made: EmbeddedRuntime | None) -> None:
    """Set the runtime of this process: tests and the command line choose their own."""
    global _runtime
    _runtime = made
