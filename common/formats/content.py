"""The bytes of a bill's file for both kinds of readers: Python opens them, DuckDB gets a name.

A file on this machine goes by its path.  All else, an object in a bucket or the member of a zip, DuckDB reads through Python,
by a file system that `engine` registers; nothing is copied to disk or held whole in memory.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast
from weakref import WeakValueDictionary

from common.ports import Readable

PROTOCOL = "content"
_NUMBERS = itertools.count()
_NO_FILES: WeakValueDictionary[str, Content] = WeakValueDictionary()
"""By name, what is in use and is no file."""


def file_at(path: Path) -> Readable:
    """A file on this machine."""
    return Readable(path.stat().st_size, lambda: path.open("rb"), path)


class Content:
    """One file's bytes.  name: what DuckDB is told to read, on an `engine` that was made while this was there.

    failure: what went wrong while DuckDB read through Python; DuckDB's own error has only its words.
    """

    def __init__(self, readable: Readable) -> None:
        self.path, self.size_bytes = readable.path, readable.size_bytes
        self._open = readable.open
        self.name = f"{PROTOCOL}://{next(_NUMBERS)}" if self.path is None else str(self.path)
        self.failure: Exception | None = None
        if self.path is None:
            _NO_FILES[self.name] = self

    def open(self) -> BinaryIO:
        """Read the bytes from their beginning, seekable."""
        return self._open()


def without_files() -> Mapping[str, Content]:
    """What is in use now and is no file, by name."""
    return _NO_FILES


def between(content: Content, first: int, size_bytes: int, head: bytes = b"", tail: bytes = b"") -> Content:
    """A part of the bytes, with others before and behind it."""
    size = len(head) + size_bytes + len(tail)
    return Content(Readable(size, lambda: _buffered(_Between(content.open, first, size_bytes, head, tail))))


class _Between(io.RawIOBase):
    def __init__(self, open_: Callable[[], BinaryIO], first: int, size_bytes: int, head: bytes, tail: bytes) -> None:
        self._inner, self._first = open_(), first
        self._head, self._tail = head, tail
        self._behind_inner = len(head) + size_bytes
        self._size_bytes = self._behind_inner + len(tail)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._piece(len(view))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._inner.close()
        super().close()

    def _piece(self, size: int) -> bytes:
        if self._at < len(self._head):
            return self._head[self._at : self._at + size]
        if self._at >= self._behind_inner:
            spot = self._at - self._behind_inner
            return self._tail[spot : spot + size]
        self._inner.seek(self._first + self._at - len(self._head))
        return self._inner.read(min(size, self._behind_inner - self._at))


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(raw, 256 << 10))
