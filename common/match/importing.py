"""A meter's log: landed as it came, and its calls beside it, so that both runtimes can answer from them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.domain.money import round_cost
from common.errors import BadBill, NotFound
from common.formats.bounds import check_whole, most_unpacked
from common.formats.container import compressed, decompressed
from common.formats.content import file_at
from common.match.meters import Call, Found, Meter, read_calls
from common.match.records import MOST_WHOLE_BYTES
from common.ports import Runtime
from common.records.meter_files import METERS, MeterFile, as_csv, meter_file_path, meter_files, save_keys, saved_keys

_BATCH = 20_000
_SCHEMA = pa.schema(
    [
        ("call_id", pa.string()),
        ("day", pa.date32()),
        ("provider", pa.string()),
        ("key", pa.string()),
        ("model", pa.string()),
        ("input", pa.int64()),
        ("cache_read", pa.int64()),
        ("cache_write", pa.int64()),
        ("output", pa.int64()),
        ("cost", pa.decimal128(38, 24)),
    ]
)


@dataclass(frozen=True)
class Bounds:
    """How much of a log is read.  unpacked: bytes of it, None for what a bill may have.  whole: of one that is one JSON document."""

    unpacked: int | None = None
    whole: int = MOST_WHOLE_BYTES


SMALL = Bounds(128 << 20, 16 << 20)
"""Of a log that a service reads beside its other requests."""


def import_log(
    rt: Runtime,
    org_slug: str,
    path: Path,
    meter: Meter | None = None,
    provider: str | None = None,
    name: str | None = None,
    bounds: Bounds = Bounds(),
) -> tuple[MeterFile, bool]:
    """Land one log; returns what is known of it, and whether it is new: the same bytes again change nothing.

    meter: how it is read, where it is not of a known kind.  provider: whose calls they are, where the log does not say it.
    name: the file's, where the path has another one.  Raises NotFound, BadBill for what is not a log of calls.
    """
    name = name or path.name
    if not path.is_file():
        raise NotFound(f"{path} does not exist; give a log of calls, as LiteLLM's spend logs")
    digest = _digest(path)
    known = rt.documents.get(meter_file_path(org_slug, digest))
    if known is not None:
        return MeterFile.from_document(known), False
    found = Found()
    with tempfile.TemporaryDirectory(prefix="meter-", dir=rt.scratch) as folder:
        calls = Path(folder) / "calls.parquet"
        content, compression = compressed(file_at(path), name)
        check_whole(content, compression, name, bounds.unpacked or most_unpacked(content))
        kind, read = read_calls(
            lambda: decompressed(content, compression), name, digest, meter, provider, found, bounds.whole
        )
        count, first, last = _write(read, calls)
        if not count:
            raise BadBill(
                f"{name} holds no calls: {found.unreadable:,} of {found.lines:,} lines cannot be read; where they do not say "
                "whose calls they are, give --provider"
            )
        folder_name = f"{METERS}/{org_slug}/{digest}"
        # as files: whoever may only create an object cannot add to it what it was sent as a stream
        stored = rt.objects.put_file(f"{folder_name}/log", Path(shutil.copyfile(path, Path(folder) / "raw")))
        # by its content: read with other columns, the same log has other calls
        calls_uri = rt.objects.put_file(f"{folder_name}/calls-{_digest(calls)[:16]}.parquet", calls).uri
    made = MeterFile(
        digest, name, kind, stored.uri, calls_uri, stored.size_bytes, rt.clock.now().isoformat(), count, found.lines,
        found.left_out, found.unreadable, first, last,
    )  # fmt: skip
    rt.documents.set(meter_file_path(org_slug, digest), made.as_document())
    return made, True


def list_logs(rt: Runtime, org_slug: str) -> list[MeterFile]:
    """What was imported, the earliest calls first."""
    return meter_files(rt.documents, org_slug)


def key_table(rt: Runtime, org_slug: str) -> Mapping[str, str]:
    """Key of a meter -> id of the provider's key; "" is a call without a key."""
    return saved_keys(rt.documents, org_slug)


def set_key_table(rt: Runtime, org_slug: str, keys: Iterable[tuple[str, str]]) -> int:
    """Store these pairs of keys instead of what was stored; returns how many.  Raises BadConfiguration."""
    return save_keys(rt.documents, org_slug, as_csv(keys))


def set_keys(rt: Runtime, org_slug: str, text: str) -> int:
    """Store which provider's key each key of a meter is, instead of what was stored; returns how many.  Raises BadConfiguration."""
    return save_keys(rt.documents, org_slug, text)


def _write(calls: Iterator[Call], target: Path) -> tuple[int, date, date]:
    """Calls as Parquet; how many, and their first and last day."""
    count, first, last = 0, date.max, date.min
    with pq.ParquetWriter(target, _SCHEMA, compression="zstd") as writer:
        while rows := [_row(call) for call in islice(calls, _BATCH)]:
            writer.write_table(pa.Table.from_pylist(rows, _SCHEMA))
            count += len(rows)
            first = min(first, *(row["day"] for row in rows))
            last = max(last, *(row["day"] for row in rows))
    return count, first, last


def _row(call: Call) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "day": call.at.date(),
        "provider": call.provider,
        "key": call.key,
        "model": call.model,
        "input": call.input,
        "cache_read": call.cache_read,
        "cache_write": call.cache_write,
        "output": call.output,
        "cost": None if call.cost is None else round_cost(call.cost),
    }


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
