"""Fields of a document that another release writes: they stay as they are through every change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def known_and_unknown(record: type, document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a document that a dataclass has, and all others."""
    names = record.__dataclass_fields__.keys() - {"unknown"}  # type: ignore[attr-defined]
    known = {name: value for name, value in document.items() if name in names}
    return known, {name: value for name, value in document.items() if name not in names}
