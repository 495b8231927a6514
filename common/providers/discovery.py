"""What ingest functions find at a location: deliveries and their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from common.errors import BadBill
from common.ports import FoundObject, Location

WHOLE = "whole"
ACTUAL = "actual"
AMORTIZED = "amortized"

_NO_DATA = (".txt", ".md", ".sha256", ".md5", ".sig", ".sql", ".pdf", ".yml", ".yaml", ".toml")


@dataclass(frozen=True)
class FoundPart:
    """One file of a delivery.  role: `whole`, or for Azure `actual` / `amortized` where the manifest tells.  size_bytes: as declared."""

    name: str
    role: str = WHOLE
    size_bytes: int | None = None


@dataclass(frozen=True)
class FoundDelivery:
    """One version of a bill.  delivered_at: the provider's time, which orders versions.  billing_period: None is found by reading.

    version: the provider's own id of the version (assemblyId, runId, execution id), for people.  seen_at: the time of the files, where
    delivered_at is not theirs but was given with the run; corrects: a user gave it to put an earlier one right.
    """

    parts: tuple[FoundPart, ...]
    delivered_at: datetime
    billing_period: str | None = None
    version: str | None = None
    seen_at: datetime | None = None
    corrects: bool = False


def data_files(location: Location) -> list[FoundObject]:
    """The files at a location that can be bills: no hidden ones, no manifests, no notes and checksums."""
    return [found for found in location.list() if _is_data(found.name)]


def one_delivery(location: Location, found: Sequence[FoundObject]) -> FoundDelivery:
    """All files together as one delivery, as where there is no manifest.  Raises BadBill where there is none."""
    if not found:
        raise BadBill(f"{location.uri} holds no bill: no CSV, Parquet or JSON lines file was found there")
    parts = tuple(FoundPart(item.name) for item in sorted(found, key=lambda item: item.name))
    return FoundDelivery(parts, max(item.modified_at for item in found))


def _is_data(name: str) -> bool:
    path = PurePosixPath(name)
    if any(step.startswith((".", "_")) for step in path.parts):
        return False
    return path.suffix.lower() not in _NO_DATA and not path.name.lower().endswith("manifest.json")
