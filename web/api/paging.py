"""Long lists in pages: a cursor names the last item, so that what arrives meanwhile neither repeats nor hides one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import Field

from common.reporting.arguments import InvalidQuestion
from web.api.shapes import Asked

Item = TypeVar("Item")
Key = Callable[[Item], tuple[str, ...]]
_INVALID = "the cursor is not valid; start again without one"


class Paged(Asked):
    """Which page."""

    limit: int = Field(100, ge=1, le=1000, description="Most items of the page")
    cursor: str | None = Field(None, max_length=2000, description="`next` of the page before")


def page(items: Iterable[Item], key: Key[Item], asked: Paged, descending: bool = True) -> tuple[list[Item], str | None]:
    """The items of a page and the cursor of the next one, None for the last.

    key: unique, and what the items are ordered by.  Raises InvalidQuestion for a cursor that is not one of this list.
    """
    ordered = sorted(items, key=key, reverse=descending)
    if asked.cursor is not None:
        last = _read(asked.cursor)
        ordered = [one for one in ordered if (key(one) < last if descending else key(one) > last)]
    found = ordered[: asked.limit]
    return found, cursor_of(key(found[-1])) if len(ordered) > len(found) else None


def after_cursor(asked: Paged, parts: int) -> tuple[str, ...] | None:
    """What the cursor names, where the store itself goes on from there; None for the first page.  Raises InvalidQuestion."""
    if asked.cursor is None:
        return None
    last = _read(asked.cursor)
    if len(last) != parts:
        raise InvalidQuestion(_INVALID)
    return last


def cursor_of(key: Sequence[str]) -> str:
    """The cursor behind the item of this key."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, ...]:
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidQuestion(_INVALID)
    return tuple(found)
