"""What every document store accepts, so that a document that the embedded store accepts also fits the cloud.

Limits are Firestore's (https://cloud.google.com/firestore/quotas): 1 MiB a document as Firestore stores it
(https://cloud.google.com/firestore/docs/storage-size), 20 levels, 64-bit integers, no list directly in a list, names of at most 1,500
bytes that are not `.`, `..` (ids) or `__name__`.  A field by which documents expire holds a time, see EXPIRY.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from common.errors import Permanent
from common.ports.documents import Document, Order

MAX_DOCUMENT_BYTES = 1 << 20
MAX_ID_BYTES = 1500
MAX_LEVELS = 20
MAX_INDEXED_BYTES = 1500
"""Of a text: an index holds no more, so that longer ones are neither asked for nor ordered by."""
EXPIRY = {"processed": "expires_at"}
"""Collection, wherever it lies -> the field after whose moment a document may vanish: UTC, as datetime.isoformat() writes it."""
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_INTEGERS = range(-(1 << 63), 1 << 63)
_ADVICE = {
    float: "write an amount as decimal text",
    Decimal: "write an amount as decimal text",
    bytes: "write bytes as base64 text",
    date: "write a time as ISO 8601 text",
}


def split_path(path: str) -> tuple[str, str]:
    """The collection and the id of a document's path.  Raises Permanent where the path is none."""
    steps = path.split("/")
    if len(steps) % 2:
        raise Permanent(f"document path '{path}' has {len(steps)} steps, expected pairs of collection and id")
    _check_steps(path, steps)
    return "/".join(steps[:-1]), steps[-1]


def check_collection(collection: str) -> str:
    """The collection's path itself.  Raises Permanent where it names a document."""
    steps = collection.split("/")
    if len(steps) % 2 == 0:
        raise Permanent(f"collection path '{collection}' has {len(steps)} steps: it names a document")
    _check_steps(collection, steps)
    return collection


def to_json(path: str, document: Mapping[str, Any]) -> str:
    """The document as JSON text.  Raises Permanent that names the field no store can keep, never its value."""
    if not isinstance(document, dict):
        raise Permanent(f"document {path} is a {type(document).__name__}, expected a JSON object")
    _check_value(path, "", document)
    _check_expiry(path, document)
    try:
        size_bytes = stored_bytes(path, document)
    except UnicodeEncodeError:
        raise Permanent(f"document {path} holds text that is not valid Unicode (a lone surrogate)") from None
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise Permanent(f"document {path} has {size_bytes:,} bytes, the limit is {MAX_DOCUMENT_BYTES:,}: split it")
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def stored_bytes(path: str, document: Mapping[str, Any]) -> int:
    """The size of a document as Firestore counts it, its name included."""
    name = sum(len(step.encode()) + 1 for step in path.split("/")) + 16
    return name + _value_bytes(document)


def expiry(path: str) -> str | None:
    """The field by which documents of this collection, or the one of this document, expire; None where they do not."""
    steps = path.split("/")
    return EXPIRY.get(steps[-1] if len(steps) % 2 else steps[-2])


def matches(document: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """Whether all named top-level fields are there and equal; 1, true and "1" are three values."""
    return all(name in document and _same(document[name], value) for name, value in (where or {}).items())


def is_short(text: str) -> bool:
    """Whether an index holds all of a text."""
    return len(text.encode(errors="replace")) <= MAX_INDEXED_BYTES


def check_page(collection: str, order: Order | None, limit: int | None, after: tuple[str, Document] | None) -> None:
    """Raises Permanent for an order, a limit or a cursor that no store takes."""
    if order is not None and order.field == expiry(collection):
        raise Permanent(
            f"collection '{collection}' cannot be listed in the order of '{order.field}', which no index holds"
        )
    if limit is not None and limit < 1:
        raise Permanent(f"the limit of a listing is {limit}, expected 1 or more")
    if after is not None and order is not None and order_key(after[1], order) is None:
        raise Permanent(f"the cursor has no value to order by in '{order.field}'; start again from the first page")


def order_key(document: Mapping[str, Any], order: Order) -> tuple[int, Any] | None:
    """What documents are ordered by, as Firestore orders kinds of values; None for one that is not listed."""
    if order.field not in document:
        return None
    value = document[order.field]
    if value is None:
        return 0, 0
    if isinstance(value, bool | int):
        return (1 if isinstance(value, bool) else 2), value
    return (3, value) if isinstance(value, str) and is_short(value) else None


def paged(
    pairs: Iterable[tuple[str, Document]],
    order: Order | None,
    limit: int | None,
    after: tuple[str, Document] | None,
) -> list[tuple[str, Document]]:
    """The page of a listing, from all pairs that fit it."""

    def key(pair: tuple[str, Document]) -> tuple[Any, ...]:
        return (pair[0],) if order is None else (order_key(pair[1], order), pair[0])

    backwards = order is not None and order.descending
    listed = [pair for pair in pairs if order is None or order_key(pair[1], order) is not None]
    listed.sort(key=key, reverse=backwards)
    if after is not None:
        last = key(after)
        listed = [pair for pair in listed if (key(pair) < last if backwards else key(pair) > last)]
    return listed[:limit]


def _same(left: Any, right: Any) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _check_steps(path: str, steps: list[str]) -> None:
    for step in steps:
        if not step or step in {".", ".."} or _RESERVED.fullmatch(step):
            raise Permanent(f"path '{path}' has the step '{step}', which is neither a collection nor an id")
        if len(step.encode(errors="replace")) > MAX_ID_BYTES:
            raise Permanent(f"path '{path[:80]}...' has a step of more than {MAX_ID_BYTES} bytes")


def _value_bytes(value: Any) -> int:
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return 8
    if isinstance(value, str):
        return len(value.encode()) + 1
    if isinstance(value, Mapping):
        return 32 + sum(len(name.encode()) + 1 + _value_bytes(member) for name, member in value.items())
    return sum(map(_value_bytes, value))


def _check_expiry(path: str, document: Mapping[str, Any]) -> None:
    field = expiry(path)
    if field is None or field not in document:
        return
    text = document[field]
    try:
        fits = isinstance(text, str) and datetime.fromisoformat(text).astimezone(UTC).isoformat() == text
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise Permanent(f"document {path} has no moment in '{field}': expected UTC as in 2026-04-01T12:00:00+00:00")


def _check_value(path: str, field: str, value: Any, level: int = 1) -> None:
    if level > MAX_LEVELS + 1:
        raise Permanent(f"document {path} has more than {MAX_LEVELS} levels in '{field[:80]}': make it flatter")
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if value not in _INTEGERS:
            raise Permanent(f"document {path} has an integer beyond 64 bits in '{field}': write it as text")
    elif isinstance(value, list | tuple):
        _check_list(path, field, value, level)
    elif isinstance(value, dict):
        _check_object(path, field, value, level)
    else:
        advice = next((text for kind, text in _ADVICE.items() if isinstance(value, kind)), "write plain JSON types")
        raise Permanent(f"document {path} has a {type(value).__name__} in '{field}': {advice}")


def _check_list(path: str, field: str, items: list[Any] | tuple[Any, ...], level: int) -> None:
    for number, item in enumerate(items):
        if isinstance(item, list | tuple):
            raise Permanent(f"document {path} has a list directly in the list '{field}': put an object between them")
        _check_value(path, f"{field}[{number}]", item, level + 1)


def _check_object(path: str, field: str, members: dict[Any, Any], level: int) -> None:
    for name, value in members.items():
        if not isinstance(name, str) or not name:
            raise Permanent(f"document {path} has a field name that is empty or not text in '{field}'")
        if _RESERVED.fullmatch(name) or len(name.encode(errors="replace")) > MAX_ID_BYTES:
            raise Permanent(
                f"document {path} has a field name that is reserved or too long in '{field}': '{name[:80]}'"
            )
        _check_value(path, f"{field}.{name}" if field else name, value, level + 1)
