"""How much an organization stores, by kind, as of each day on which clean-up ran (`orgs/<org>/sizes/<YYYY-MM-DD>`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from common.ports import Document, DocumentStore, ObjectStore, StoredObject
from common.records.meter_files import METERS
from common.records.organizations import below

OBJECTS = ("raw", "focus", "quarantine", "daily", "restatements", "uploads", METERS)
"""The kinds of objects that an organization has: `<kind>/<org_slug>/`."""


@dataclass(frozen=True)
class Size:
    """How many objects of a kind, and their bytes."""

    files: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, found: Sequence[StoredObject]) -> Size:
        """Of some objects together."""
        return cls(len(found), sum(item.size_bytes for item in found))


Sizes = Mapping[str, Size]


def measure(objects: ObjectStore, org_slug: str) -> Sizes:
    """What is stored now; lists every object of the organization."""
    return {kind: Size.of(objects.list(f"{kind}/{org_slug}/")) for kind in OBJECTS}


def in_words(size_bytes: int) -> str:
    """A size for users, in binary units."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if abs(size_bytes) >= 1 << power:
            return f"{size_bytes / (1 << power):,.1f} {unit}"
    return f"{size_bytes:,} B"


def note_sizes(documents: DocumentStore, org_slug: str, day: date, sizes: Sizes) -> None:
    """Write down a day's sizes; of several in a day the last counts."""
    document: Document = {"day": day.isoformat(), "kinds": {kind: dict(vars(size)) for kind, size in sizes.items()}}
    documents.set(below(org_slug, "sizes", day.isoformat()), document)


def noted_sizes(documents: DocumentStore, org_slug: str) -> dict[date, Sizes]:
    """The sizes of all days that are known, the earliest first."""
    found = documents.list(below(org_slug, "sizes"))
    return {date.fromisoformat(name): _sizes(document) for name, document in found}


def first_of_last(noted: Mapping[date, Sizes], today: date, days: int) -> tuple[date, Sizes] | None:
    """The earliest sizes that are known of the last so many days, before today; None where there are none."""
    earlier = sorted(day for day in noted if today - timedelta(days=days) <= day < today)
    return (earlier[0], noted[earlier[0]]) if earlier else None


def _sizes(document: Mapping[str, Any]) -> Sizes:
    return {kind: Size(one["files"], one["bytes"]) for kind, one in document["kinds"].items()}
