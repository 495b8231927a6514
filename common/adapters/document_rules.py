"""What every document store accepts, so that a document that fits the laptop fits the cloud.

Limits are Firestore's (https://cloud.google.com/firestore/quotas): 1 MiB a document, 64-bit integers, no list directly
in a list, ids of at most 1,500 bytes that are not `.`, `..` or `__name__`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from common.errors import Permanent

MAX_DOCUMENT_BYTES = 1 << 20
MAX_ID_BYTES = 1500
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
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise Permanent(f"document {path} holds text that is not valid Unicode (a lone surrogate)") from None
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise Permanent(f"document {path} has {size_bytes:,} bytes, the limit is {MAX_DOCUMENT_BYTES:,}: split it")
    return text


def matches(document: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """Whether all named top-level fields are there and equal; 1, true and "1" are three values."""
    return all(name in document and _same(document[name], value) for name, value in (where or {}).items())


def _same(left: Any, right: Any) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _check_steps(path: str, steps: list[str]) -> None:
    for step in steps:
        if not step or step in {".", ".."} or _RESERVED.fullmatch(step):
            raise Permanent(f"path '{path}' has the step '{step}', which is no collection and no id")
        if len(step.encode(errors="replace")) > MAX_ID_BYTES:
            raise Permanent(f"path '{path[:80]}...' has a step of more than {MAX_ID_BYTES} bytes")


def _check_value(path: str, field: str, value: Any) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if value not in _INTEGERS:
            raise Permanent(f"document {path} has an integer beyond 64 bits in '{field}': write it as text")
    elif isinstance(value, list | tuple):
        _check_list(path, field, value)
    elif isinstance(value, dict):
        _check_object(path, field, value)
    else:
        advice = next((text for kind, text in _ADVICE.items() if isinstance(value, kind)), "write plain JSON types")
        raise Permanent(f"document {path} has a {type(value).__name__} in '{field}': {advice}")


def _check_list(path: str, field: str, items: list[Any] | tuple[Any, ...]) -> None:
    for number, item in enumerate(items):
        if isinstance(item, list | tuple):
            raise Permanent(f"document {path} has a list directly in the list '{field}': put an object between them")
        _check_value(path, f"{field}[{number}]", item)


def _check_object(path: str, field: str, members: dict[Any, Any]) -> None:
    for name, value in members.items():
        if not isinstance(name, str) or not name:
            raise Permanent(f"document {path} has a field name that is no text, or empty, in '{field}'")
        _check_value(path, f"{field}.{name}" if field else name, value)
