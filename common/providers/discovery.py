"""What ingest functions find at a location: deliveries and their parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from common.errors import BadBill
from common.ports import FoundObject, Location

WHOLE = "whole"
ACTUAL = "actual"
AMORTIZED = "amortized"

_PERIOD_FOLDER = re.compile(r"(\d{4})(\d{2})\d{2}-\d{8}|BILLING_PERIOD=(\d{4})-(\d{2})", re.IGNORECASE)

_SIDECARS = (".sha256", ".md5", ".sig", ".sql")
"""What exporters and users write beside a bill about the bill."""
_NO_DATA = (*_SIDECARS, ".txt", ".md", ".pdf", ".yml", ".yaml", ".toml")


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
    delivered_at is not theirs but was given with the run; corrects: a user gave it to put an earlier one right.  in_place: a newer version
    is written over this one, its manifest last.
    """

    parts: tuple[FoundPart, ...]
    delivered_at: datetime
    billing_period: str | None = None
    version: str | None = None
    seen_at: datetime | None = None
    corrects: bool = False
    in_place: bool = False


def data_files(location: Location) -> list[FoundObject]:
    """The files at a location that can be bills: no hidden ones, no manifests, no notes and checksums."""
    return [found for found in location.list() if is_data(found.name)]


def one_delivery(location: Location, found: Sequence[FoundObject]) -> FoundDelivery:
    """All files together as one delivery, as where there is no manifest.  Raises BadBill where there is none."""
    if not found:
        raise BadBill(f"{location.uri} holds no bill: no CSV, Parquet or JSON lines file was found there")
    parts = tuple(FoundPart(item.name) for item in sorted(found, key=lambda item: item.name))
    return FoundDelivery(parts, max(item.modified_at for item in found))


def is_data(name: str) -> bool:
    """Whether a file can be a bill, by its name."""
    path = PurePosixPath(name)
    return not _is_hidden(path) and path.suffix.lower() not in _NO_DATA and not is_manifest(name)


def is_manifest(name: str) -> bool:
    """Whether a file is called as the manifests of AWS and Azure are."""
    return name.lower().endswith("manifest.json")


def period_step(steps: Sequence[str]) -> int | None:
    """Which step of a path is the folder of a billing period, as AWS and Azure name them; None where none is."""
    return next((number for number, step in enumerate(steps) if _PERIOD_FOLDER.fullmatch(step)), None)


def month_of_folder(name: str) -> str | None:
    """`YYYY-MM` of the folder of a billing period that a file lies in, as it is written; None for a file in none."""
    steps = PurePosixPath(name).parts[:-1]
    at = period_step(steps)
    found = None if at is None else _PERIOD_FOLDER.fullmatch(steps[at])
    return f"{found[1] or found[3]}-{found[2] or found[4]}" if found else None


def is_sidecar(name: str) -> bool:
    """Whether a file says something about another one, or is hidden: nobody takes it for a bill."""
    path = PurePosixPath(name)
    return _is_hidden(path) or path.suffix.lower() in _SIDECARS


def _is_hidden(path: PurePosixPath) -> bool:
    return any(step.startswith((".", "_")) for step in path.parts)
