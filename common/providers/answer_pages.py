"""Answers of an API that were saved as files, one page each: together they are one file of answers, which is what is landed.

What was asked is not in them, so they are checked against each other: of each kind of answer, a page that says that
more follow must have its next one, and no day may stand in two of them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from common.errors import BadBill, Changed, NotReady
from common.formats.answers import entries_below, is_usage, read_page, rows_of, shape_of
from common.formats.container import MOST_PAGE_BYTES
from common.ports import FoundObject, Location
from common.providers.discovery import FoundDelivery, data_files, is_data, one_delivery
from common.providers.registry import ASKED

GATHERED = "answers.jsonl"
_PERIODS = (("start_time", "end_time"), ("starting_at", "ending_at"), ("start", "end"))


@dataclass(frozen=True)
class _Saved:
    """A page as a file.

    kind: which fields its rows have, or whose allocations they are; empty where it has no row.  first, behind: its days, None where it has
    none.  currency: of answers that name none.
    """

    name: str
    text: str
    kind: tuple[str, ...]
    first: str | None
    behind: str | None
    has_more: bool
    currency: str | None = None


class GatheredPages:
    """A place where each page lies in a `.json` file: it lists them as one file.  What lies there beside them stays as it is."""

    def __init__(self, inner: Location) -> None:
        self.uri = inner.uri
        self._inner = inner

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The files, by name.  Raises as the place does."""
        found = list(self._inner.list())
        pages = [item for item in found if _is_page(item.name)]
        rest = [item for item in found if not _is_page(item.name)]
        if pages:
            size, newest = sum(item.size_bytes for item in pages), max(item.modified_at for item in pages)
            rest.append(FoundObject(GATHERED, size, newest, _version(pages)))
        return sorted((item for item in rest if item.name.startswith(prefix)), key=lambda item: item.name)

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one file.  Raises BadBill for pages of which one is missing, NotFound, Changed."""
        if name != GATHERED:
            return self._inner.open(name, version)
        pages = [item for item in self._inner.list() if _is_page(item.name)]
        if version is not None and _version(pages) != version:
            raise Changed(f"the answers at {self.uri} changed since they were listed; they are read again")
        return io.BytesIO(gathered({item.name: self._read(item) for item in pages}))

    def _read(self, item: FoundObject) -> bytes:
        with self._inner.open(item.name, item.version) as stream:
            found = stream.read(MOST_PAGE_BYTES + 1)
        if len(found) > MOST_PAGE_BYTES:
            raise BadBill(f"{item.name} is larger than {MOST_PAGE_BYTES >> 20} MB; ask for fewer days at once")
        return found


def discover_answers(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """Each file of answers is one delivery, oldest first.  periods: not looked at; a delivery's periods are found by reading it.

    Raises BadBill where there is none.
    """
    found = data_files(location)
    if not found and location.uri.partition("://")[0] in ASKED:
        raise NotReady("there are no costs yet in the months that were asked for; the next run asks again")
    if not found:
        raise BadBill(f"{location.uri} holds no answers: no .json page and no file of answers was found there")
    return [one_delivery(location, [item]) for item in sorted(found, key=lambda one: (one.modified_at, one.name))]


def envelope(
    answer: str,
    request: Mapping[str, Any] | None = None,
    account: str | None = None,
    currency: str | None = None,
) -> bytes:
    """The line of a page in a file of answers.  answer: the body as it came.  currency: where the answer names none."""
    line = {"request": request, "account": account, "answer": answer} | ({"currency": currency} if currency else {})
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def gathered(files: Mapping[str, bytes]) -> bytes:
    """One file of answers; the same whatever the pages are called, and however often one is there.

    Raises BadBill where a page is missing, or a day stands in two.
    """
    saved = {one.text: one for one in (_read(name, files[name]) for name in sorted(files))}
    pages = sorted(saved.values(), key=lambda one: (one.kind, _moment(one.first), one.text))
    by_kind: dict[tuple[str, ...], list[_Saved]] = defaultdict(list)
    for page in pages:
        by_kind[page.kind].append(page)
    empty = by_kind.pop((), [])
    for same in by_kind.values():
        _check_whole(same, empty)
    return b"".join(envelope(page.text, currency=page.currency) for page in pages)


def _is_page(name: str) -> bool:
    return is_data(name) and PurePosixPath(name).suffix.lower() == ".json"


def _version(pages: Iterable[FoundObject]) -> str:
    listed = "\n".join(sorted(f"{item.name}\t{item.size_bytes}\t{item.version}" for item in pages))
    return hashlib.sha256(listed.encode()).hexdigest()[:32]


def _read(name: str, body: bytes) -> _Saved:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadBill(f"{name} is not UTF-8 text; fetch it again") from None
    page = read_page(text, name)
    shape = shape_of(page.value)
    if shape is None:
        raise BadBill(f"{name} is not an answer about costs or usage; fetch it again")
    rows = rows_of(page, shape)
    if shape.parts:  # allocations: each has its window
        fields = [row.levels[0] for row in rows]
        windows = [one["window"] for one in fields if isinstance(one.get("window"), dict)]
        clusters = sorted({str((one.get("properties") or {}).get("cluster")) for one in fields})
        kind, (first, behind) = tuple(["allocations", *clusters] if rows else []), _days(windows)
        return _Saved(name, text, kind, first, behind, has_more=False, currency=shape.currency)
    entries = [one for one in entries_below(page.value, shape.rows[0]) if isinstance(one, dict)]
    first, behind = _days(entries)
    kind = tuple(sorted(rows[0].levels[0])) if rows else ()
    if rows and is_usage(rows, shape):
        kind = ("usage", *kind)
    return _Saved(name, text, kind, first, behind, page.value.get("has_more") is True)


def _days(entries: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    for begin, end in _PERIODS:
        firsts = [str(one[begin]) for one in entries if one.get(begin)]
        ends = [str(one[end]) for one in entries if one.get(end)]
        if firsts and ends:
            return min(firsts, key=_moment), max(ends, key=_moment)
    months = sorted(filter(None, (_month(one.get("billingCycle")) for one in entries)))
    if months:
        return f"{months[0]}-01", f"{months[-1]}-31T24"
    dates = sorted(str(one["date"])[:10] for one in entries if one.get("date"))
    # a page of single days ends behind the last of them
    return (dates[0], f"{dates[-1]}T24") if dates else (None, None)


def _month(cycle: Any) -> str | None:
    """The month of a billing cycle, `2026-09`."""
    year, month = (str(cycle.get(name) or "") if isinstance(cycle, dict) else "" for name in ("year", "month"))
    return f"{year}-{month.zfill(2)}" if year.isdecimal() and month.isdecimal() else None


def _moment(text: str | None) -> tuple[int, str]:
    """In the order of time: Unix seconds, or ISO 8601."""
    return (int(text), "") if text and text.isdigit() else (0, text or "")


def _check_whole(pages: Sequence[_Saved], empty: Sequence[_Saved]) -> None:
    """pages: of one kind, by their first day.  empty: those without a row, which may stand between them."""
    before: _Saved | None = None
    for page in pages:
        while before is not None and before.has_more and _moment(page.first) > _moment(before.behind):
            before = _next(before, empty)
        if before is not None and page.first and _moment(page.first) < _moment(before.behind):
            raise BadBill(
                f"{page.name} and {before.name} have the same day, and which of the two holds is not known: "
                "give the pages of one question only"
            )
        before = page
    while before is not None and before.has_more:
        before = _next(before, empty)


def _next(before: _Saved, empty: Sequence[_Saved]) -> _Saved:
    found = next((one for one in empty if one.first is not None and one.first == before.behind), None)
    if found is None:
        raise BadBill(f"the page behind {before.name} is missing: its answer says that more follow; give all pages")
    return found
