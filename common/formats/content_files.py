"""The file system by which DuckDB reads what Python opens.  Imported where it is needed: fsspec takes 40 ms."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from common.formats.content import PROTOCOL, Content

_NEVER_CHANGES = datetime(1970, 1, 1, tzinfo=UTC)


_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Of glibc's malloc.h."""
_LARGE_BYTES = 1 << 20


@cache
def give_back_what_is_read() -> None:
    """Have glibc return the memory of large buffers, here and from now on; other C libraries do so by themselves.

    DuckDB asks for up to 32 MB at a time, from threads that are new with each connection.  glibc gives each thread an arena of its own,
    and soon serves such buffers from it; what is freed there stays with the process: 30 to 65 MiB more with each file or range.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_M_ARENA_MAX, 1)


class ContentFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Contents by their names; there are no folders."""

    protocol = PROTOCOL
    cachable = False

    def __init__(self, contents: Mapping[str, Content]) -> None:
        super().__init__()
        self._contents = contents

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self._contents[path].size_bytes, "type": "file"}

    def modified(self, path: str) -> datetime:
        return _NEVER_CHANGES

    def open(self, path: str, mode: str = "rb", **_: Any) -> SharedFile:
        return SharedFile(self._contents[path])


class SharedFile:
    """A file as DuckDB's threads use it together: each seeks and then reads, in two calls between which another may come.

    A seek is the calling thread's own until its next read; a read without one goes on where the last ended, whoever made it.
    """

    def __init__(self, content: Content) -> None:
        self._content, self._file = content, content.open()
        self._sought: dict[int, int] = {}
        self._lock = threading.Lock()

    def seek(self, position: int, whence: int = 0) -> int:
        if whence:
            raise ValueError("DuckDB seeks from the beginning")
        self._sought[threading.get_ident()] = position
        return position

    def tell(self) -> int:
        return self._sought.get(threading.get_ident(), self._file.tell())

    def read(self, size: int) -> bytes:
        with self._lock:
            try:
                position = self._sought.pop(threading.get_ident(), None)
                if position is not None:
                    self._file.seek(position)
                return self._file.read(size)
            except Exception as error:
                self._content.failure = error  # of which DuckDB keeps only the words
                raise

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()  # DuckDB lets go of some without closing them
