"""What an export says of itself before any bill is read: by its manifests, its names and the place that it lies in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from common.domain.checks import FAILED, PASSED, Check
from common.errors import UnknownFormat
from common.formats.recognition import recognise
from common.ports import FoundObject, Location
from common.providers.discovery import is_manifest, period_step

EXPORT, AGREEMENT, VIEWS = "export", "agreement", "views"
"""Names of checks."""


@dataclass(frozen=True)
class Examined:
    """accounts: whose costs it holds, as `aws 111122223333`; of two exports that share one the costs would count twice.  Those that
    only the bill itself names are missing.
    """

    accounts: frozenset[str]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Manifest:
    """The newest manifest of one export.  folder: of the export, within the location."""

    found: FoundObject
    folder: str
    table: Mapping[str, Any]


def examine_nothing(location: Location) -> Examined:
    """For providers whose bills come without a word about the export that they are of."""
    return Examined(frozenset(), ())


def newest_manifests(location: Location) -> list[Manifest]:
    """The newest manifest of each export at a location, by folder; one that is not a JSON object is left to discovery, which refuses it."""
    newest: dict[str, FoundObject] = {}
    for found in location.list():
        if is_manifest(found.name):
            folder = _export_folder(found.name)
            known = newest.setdefault(folder, found)
            if (found.modified_at, -found.name.count("/")) > (known.modified_at, -known.name.count("/")):
                newest[folder] = found
    read = ((folder, found, _read(location, found)) for folder, found in sorted(newest.items()))
    return [Manifest(found, folder, table) for folder, found, table in read if table is not None]


def export_check(columns: Sequence[str], provider: str, what: str) -> Check:
    """Whether an export with these columns can become rows of a provider's integration.  what: the export, in words."""
    try:
        matched = recognise(columns)
    except UnknownFormat as error:
        return Check(EXPORT, FAILED, f"{what}: {error}", fix="add the missing columns to the export's definition")
    title = matched.format.title
    if matched.format.provider != provider:
        return wrong_provider(f"{what} is {title}", matched.format.provider)
    return Check(EXPORT, PASSED, f"{what}: {title}, {len(columns)} columns")


def wrong_provider(found: str, right: str) -> Check:
    """An export that belongs under another provider."""
    fix = f"costwire connect {right} --location URI --id ANOTHER-ID, then costwire integrations remove this one"
    return Check(EXPORT, FAILED, f"{found}, which is read as provider {right}", fix=fix)


def _export_folder(manifest: str) -> str:
    """Without the period, and without AWS's folder of manifests."""
    steps = PurePosixPath(manifest).parts[:-1]
    before = steps[: period_step(steps)]
    return "/".join(step for step in before if step != "metadata")


def _read(location: Location, found: FoundObject) -> Mapping[str, Any] | None:
    with location.open(found.name) as stream:
        try:
            table = json.loads(stream.read())
        except ValueError:
            return None
    return table if isinstance(table, dict) else None
