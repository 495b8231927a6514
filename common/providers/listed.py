"""Which files the manifests at a location name, whichever provider wrote them: what lies beside them is not part of their bills."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from common.ports import FoundObject, Location
from common.providers.discovery import is_manifest


def listed_files(location: Location, found: Sequence[FoundObject]) -> dict[str, frozenset[str]]:
    """Manifest -> those of the files found at the location that it names; nothing for one that is not valid JSON.

    A manifest names files by their path in a bucket, of which the location may be a part, or which may be a part of the location.
    """
    by_last: dict[str, list[str]] = {}
    for item in found:
        by_last.setdefault(PurePosixPath(item.name).name, []).append(item.name)
    return {
        item.name: frozenset(_named(item.name, _read(location, item.name), by_last))
        for item in found
        if is_manifest(item.name)
    }


def _read(location: Location, name: str) -> Any:
    with location.open(name) as stream:
        try:
            return json.loads(stream.read())
        except ValueError:  # discovery refuses it with its reason
            return None


def _named(manifest: str, table: Any, by_last: Mapping[str, Sequence[str]]) -> Iterator[str]:
    folder = PurePosixPath(manifest).parent
    for text in _texts(table):
        key = text.partition("://")[2].partition("/")[2] if "://" in text else text.lstrip("/")
        for name in by_last.get(PurePosixPath(key).name, ()):
            if name != manifest and (_ends_alike(name, key) or PurePosixPath(name).parent == folder):
                yield name


def _ends_alike(name: str, key: str) -> bool:
    return f"/{key}".endswith(f"/{name}") or f"/{name}".endswith(f"/{key}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
