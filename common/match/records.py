"""The records of a log, whatever form it has: JSON lines, one JSON document, OTLP, or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from common.errors import BadBill
from common.formats.bounds import MAX_LINE_BYTES, too_long
from common.formats.strict_json import NotStrict, is_blank, parse_texts

MOST_WHOLE_BYTES = 256 << 20
"""A file that is one JSON document is parsed at once; lines are read one by one, whatever there are."""
_MARK = b"\xef\xbb\xbf"


def read_records(
    open_: Callable[[], BinaryIO], label: str, most_whole_bytes: int = MOST_WHOLE_BYTES
) -> Iterator[dict[str, Any]]:
    """Every record of a file: JSON lines, one JSON document of at most so many bytes, or CSV."""
    with open_() as stream:
        start = stream.read(1 << 16).removeprefix(_MARK).lstrip()
    with open_() as stream:
        if not start.startswith((b"{", b"[")):
            yield from _csv(stream, label)
        elif start.startswith(b"[") or not _is_line(start.split(b"\n", 1)[0]):
            whole = stream.read(most_whole_bytes + 1)
            if len(whole) > most_whole_bytes:
                most = most_whole_bytes >> 20
                raise BadBill(f"{label} is one JSON document of more than {most} MiB; write it as JSON lines")
            yield from _spread(_parsed(whole.removeprefix(_MARK), label))
        else:
            while line := stream.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise too_long(label)
                if not is_blank(line):
                    yield from _spread(_parsed(line.removeprefix(_MARK), label))


def _csv(stream: BinaryIO, label: str) -> Iterator[dict[str, Any]]:
    try:
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            for row in csv.DictReader(text):
                yield {name: value for name, value in row.items() if isinstance(name, str) and isinstance(value, str)}
    except (UnicodeDecodeError, csv.Error):
        raise BadBill(f"{label} is not a CSV file in UTF-8; export it again") from None


def _is_line(line: bytes) -> bool:
    try:
        parse_texts(line.decode())
    except (UnicodeDecodeError, NotStrict):
        return False
    return True


def _parsed(text: bytes, label: str) -> Any:
    try:
        return parse_texts(text.decode())
    except (UnicodeDecodeError, NotStrict):
        raise BadBill(f"{label} has a line that is not JSON; export it again") from None


def _spread(value: Any) -> Iterator[dict[str, Any]]:
    """The records of a JSON value: itself, the entries of a list, or the spans of an OTLP document."""
    if isinstance(value, list):
        for one in value:
            yield from _spread(one)
    elif isinstance(value, dict) and "resourceSpans" in value:
        for resource in _list(value, "resourceSpans"):
            for scope in _list(resource, "scopeSpans"):
                for span in _list(scope, "spans"):
                    yield {**span, "attributes": _attributes(span), "resource": _attributes(resource.get("resource"))}
    elif isinstance(value, dict):
        yield value if isinstance(value.get("attributes"), dict) else {**value, **_flat(value)}


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"attributes": _attributes(value)} if isinstance(value.get("attributes"), list) else {}


def _list(value: Any, name: str) -> list[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _attributes(value: Any) -> dict[str, Any]:
    """OTLP's list of keys and values as an object."""
    found = {}
    for entry in _list(value, "attributes"):
        held = entry.get("value")
        if isinstance(held, dict) and held:
            found[str(entry.get("key"))] = next(iter(held.values()))
    return found


def reach(value: Any, path: str) -> Any:
    """What stands at a path: dots between the steps, and a key may have dots itself.  None where there is nothing."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value, parse_float=str, parse_int=str)
        except ValueError:
            return None
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    for place, letter in enumerate(path):
        if letter == "." and path[:place] in value:
            below = reach(value[path[:place]], path[place + 1 :])
            if below is not None:
                return below
    return None
