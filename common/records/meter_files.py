"""Files of meters (`orgs/<org>/meter_files/<digest>`), and which provider's key each key of a meter is (`settings/meter_keys`).

A file lies in `meters/<org>/<digest>/`, as it came and, as `calls-….parquet`, one row per call.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from common.errors import BadConfiguration
from common.ports import Document, DocumentStore
from common.records.organizations import below

METERS = "meters"
"""The kind of object that files of meters are."""
KEYS_FILE = "meter_keys.csv"
KEY_COLUMNS = ("meter_key", "api_key_id")
MOST_KEYS = 5_000


@dataclass(frozen=True)
class MeterFile:
    """One file.  lines: of the file; left_out: those that are no calls of a provider; unreadable: those that could not be read.

    imported_at: UTC, ISO 8601.  first_day, last_day: of its calls (UTC).
    """

    digest: str
    name: str
    meter: str
    uri: str
    calls_uri: str
    size_bytes: int
    imported_at: str
    calls: int
    lines: int
    left_out: int
    unreadable: int
    first_day: date
    last_day: date

    def as_document(self) -> Document:
        """Plain types only."""
        return {**vars(self), "first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> MeterFile:
        """The file of a document."""
        known = {name: document[name] for name in cls.__dataclass_fields__}
        known |= {name: date.fromisoformat(str(known[name])) for name in ("first_day", "last_day")}
        return cls(**known)  # type: ignore[arg-type]


def meter_file_path(org_slug: str, digest: str) -> str:
    """Where a file's document lies."""
    return below(org_slug, "meter_files", digest)


def meter_files(documents: DocumentStore, org_slug: str) -> list[MeterFile]:
    """All files, the earliest calls first."""
    found = [MeterFile.from_document(one) for _, one in documents.list(below(org_slug, "meter_files"))]
    return sorted(found, key=lambda one: (one.first_day, one.digest))


def save_keys(documents: DocumentStore, org_slug: str, text: str) -> int:
    """Store the text of a file of keys instead of the earlier one; returns how many.  Raises as parse_keys."""
    count = len(parse_keys(text))
    documents.set(below(org_slug, "settings", "meter_keys"), {"csv": text})
    return count


def as_csv(keys: Iterable[tuple[str, str]]) -> str:
    """Pairs of keys as the text of a file."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows((KEY_COLUMNS, *keys))
    return out.getvalue()


def saved_keys(documents: DocumentStore, org_slug: str) -> Mapping[str, str]:
    """Key of a meter -> id of the provider's key; "" is a call without a key."""
    document = documents.get(below(org_slug, "settings", "meter_keys"))
    return parse_keys(document["csv"]) if document else {}


def parse_keys(text: str) -> Mapping[str, str]:
    """The keys in the text of a file.  Raises BadConfiguration naming the line."""
    lines = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(lines.fieldnames or ()) != KEY_COLUMNS:
        raise BadConfiguration(f"{KEYS_FILE}: the first line must be {','.join(KEY_COLUMNS)}")
    keys: dict[str, str] = {}
    for line in lines:
        ours, theirs = ((line.get(name) or "").strip() for name in KEY_COLUMNS)
        if not theirs:
            raise BadConfiguration(f"{KEYS_FILE} line {lines.line_num}: api_key_id is empty, expected the provider's")
        if ours in keys:
            raise BadConfiguration(f"{KEYS_FILE} line {lines.line_num}: {ours or 'the empty key'} stands twice")
        keys[ours] = theirs
    if len(keys) > MOST_KEYS:
        raise BadConfiguration(f"{KEYS_FILE}: {len(keys)} lines, expected at most {MOST_KEYS}")
    return keys
