"""Logs of meters: what calls of models a tenant's own proxy or tracing saw."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, BinaryIO

from common.domain.money import read_cost
from common.errors import BadBill, BadConfiguration
from common.match.records import MOST_WHOLE_BYTES, reach, read_records

FIELDS = (
    "call_id",
    "time",
    "provider",
    "key",
    "model",
    "input",
    "whole_input",
    "cache_read",
    "cache_write",
    "output",
    "cost",
)
NEEDED = ("time", "model", "output")
CSV = "csv"
_MOST_TOKENS = 10**15


@dataclass(frozen=True)
class Meter:
    """How a kind of log is read: field -> the places where it may stand.  left_out: values of places that make a line no call."""

    kind: str
    title: str
    places: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str | None = None


@dataclass(frozen=True)
class Call:
    """One call of a model.  input: without the tokens of the cache.  cost: None where the log has none."""

    call_id: str
    at: datetime
    provider: str
    key: str | None
    model: str
    input: int
    cache_read: int
    cache_write: int
    output: int
    cost: Decimal | None


@dataclass
class Found:
    """What a log held beside its calls."""

    lines: int = 0
    left_out: int = 0
    unreadable: int = 0


@cache
def meters() -> Mapping[str, Meter]:
    """The kinds that are known, by name."""
    return {name: _meter(name, table) for name, table in _tables().items() if name != "providers"}


def mapped(columns: Mapping[str, str]) -> Meter:
    """The reader of a CSV file of any names.  columns: field -> column.

    Raises BadConfiguration for a field that is not known, or that is missing.
    """
    unknown = sorted(set(columns) - set(FIELDS))
    lacking = [name for name in NEEDED if name not in columns]
    if not {"input", "whole_input"} & set(columns):
        lacking.append("input")
    if unknown or lacking:
        what = f"'{unknown[0]}' is not a field" if unknown else f"{lacking[0]} is missing"
        raise BadConfiguration(f"the columns of the log: {what}, expected {', '.join(FIELDS)}")
    return Meter(CSV, "CSV", {name: (column,) for name, column in columns.items()})


def read_calls(
    open_: Callable[[], BinaryIO],
    label: str,
    digest: str,
    meter: Meter | None,
    provider: str | None,
    found: Found,
    most_whole_bytes: int = MOST_WHOLE_BYTES,
) -> tuple[str, Iterator[Call]]:
    """The kind of a log, and its calls.  meter: where it is known.  provider: whose calls they are where the log does not say it.

    found: counts what is read.  most_whole_bytes: of a file that is one JSON document.

    Raises BadBill for a file that is not a log of a known kind.
    """
    records = read_records(open_, label, most_whole_bytes)
    first = next(records, None)
    if first is None:
        raise BadBill(f"{label} holds no calls")
    reader = replace(meter or recognize(first, label), provider=provider)
    return reader.kind, _calls(_chained(first, records), reader, digest, found)


def recognize(record: Mapping[str, Any], label: str) -> Meter:
    """The kind of log that a record is of.  Raises BadBill."""
    for one in meters().values():
        if all(reach(record, place) is not None for place in one.required):
            return one
    titles = ", ".join(one.title for one in meters().values())
    raise BadBill(f"{label} is not a log of calls of a known kind, expected {titles}; for a CSV file give --columns")


def _calls(records: Iterable[Mapping[str, Any]], meter: Meter, digest: str, found: Found) -> Iterator[Call]:
    for record in records:
        found.lines += 1
        if any(str(reach(record, place)) in values for place, values in meter.left_out.items()):
            found.left_out += 1
            continue
        call = _call(record, meter, f"{digest}:{found.lines}")
        if call is None:
            found.unreadable += 1
        else:
            yield call


def _call(record: Mapping[str, Any], meter: Meter, own_id: str) -> Call | None:
    texts = {name: _text(record, meter.places.get(name, ())) for name in FIELDS}
    at, model = _moment(texts["time"]), texts["model"]
    provider = texts["provider"] or meter.provider
    counts = {name: _count(texts[name]) for name in ("input", "whole_input", "cache_read", "cache_write", "output")}
    if at is None or not model or not provider or None in counts.values():
        return None
    read, written = counts["cache_read"] or 0, counts["cache_write"] or 0
    whole = texts["input"] is None and texts["whole_input"] is not None
    plain = (counts["whole_input"] or 0) - read - written if whole else (counts["input"] or 0)
    if plain < 0:
        return None
    cost = read_cost(texts["cost"]) if texts["cost"] else None
    named = _tables()["providers"].get(provider.lower(), provider.lower())
    return Call(
        texts["call_id"] or own_id, at, str(named), texts["key"] or None, model.rpartition("/")[2], plain, read, written,
        counts["output"] or 0, cost,
    )  # fmt: skip


def _text(record: Mapping[str, Any], places: Sequence[str]) -> str | None:
    for place in places:
        value = reach(record, place)
        if value is not None and not isinstance(value, dict | list) and str(value).strip():
            return str(value).strip()
    return None


def _count(text: str | None) -> int | None:
    """A count of tokens, 0 where there is nothing; None for what is not a whole number."""
    if text is None:
        return 0
    value = read_cost(text)
    return int(value) if value is not None and value == int(value) and 0 <= value < _MOST_TOKENS else None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        if text.isdecimal():  # Unix time in seconds, or in one of its thousandths
            seconds = int(text) // 10 ** max(0, (len(text) - 8) // 3 * 3)
            return datetime.fromtimestamp(seconds, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _chained(first: Mapping[str, Any], rest: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    yield first
    yield from rest


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("common.match").joinpath("meters.toml").read_text(encoding="utf-8"))


def _meter(kind: str, table: Mapping[str, Any]) -> Meter:
    return Meter(
        kind,
        table["title"],
        {name: tuple(table.get(name, ())) for name in FIELDS},
        tuple(table["required"]),
        {place: tuple(values) for place, values in table.get("left_out", {}).items()},
    )
