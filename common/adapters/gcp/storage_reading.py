"""A Cloud Storage object as a seekable file: ranged reads, a few blocks held, the next one fetched ahead."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, cast

from google_crc32c import Checksum

from common.errors import Retryable

BLOCK_BYTES = 4 << 20
_HELD_BLOCKS = 4
_BUFFER_BYTES = 256 << 10

Fetch = Callable[[int, int], bytes]
"""(first byte, byte behind the last) -> those bytes."""


class RangedFile(io.RawIOBase):
    """Reads an object of a known size; `read(n)` gives n bytes unless the object ends.

    Threads may share it as DuckDB's do, each a seek and then a read: a seek is the calling thread's own until its next read.
    Where it is read whole and in order, its crc32c is checked at the end.
    """

    def __init__(self, fetch: Fetch, size_bytes: int, crc32c: bytes | None, what: str) -> None:
        self._fetch, self._size_bytes, self._what = fetch, size_bytes, what
        self._expected, self._checked_to = crc32c, 0
        self._checked: Any = Checksum()  # type: ignore[no-untyped-call]
        self._at = 0
        self._sought: dict[int, int] = {}
        self._blocks: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._last_block = -1
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="ranged-read")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._sought.get(threading.get_ident(), self._at)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with self._lock:
            base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size_bytes}[whence]
            position = max(0, base + offset)
            self._sought[threading.get_ident()] = position
            return position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        with self._lock:
            if self.closed:
                raise ValueError("read of a closed file")
            start = self._sought.pop(threading.get_ident(), self._at)
            end = min(start + len(view), self._size_bytes)
            position = start
            while position < end:
                number, offset = divmod(position, BLOCK_BYTES)
                piece = memoryview(self._block(number))[offset : offset + end - position]
                view[position - start : position - start + len(piece)] = piece
                self._check(position, piece)
                position += len(piece)
            self._at = max(start, position)
            return self._at - start

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, fewer only at the end; all that is left where none is given."""
        with self._lock:
            left = max(0, self._size_bytes - self.tell())
            into = bytearray(left if size is None or size < 0 else min(size, left))
            self.readinto(into)
            return bytes(into)

    def close(self) -> None:
        """Drop what is held."""
        if not self.closed:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._blocks.clear()
        super().close()

    def _block(self, number: int) -> bytes:
        held = self._ask(number)
        in_order = number in (0, self._last_block, self._last_block + 1)
        if in_order and (number + 1) * BLOCK_BYTES < self._size_bytes:
            self._ask(number + 1)
        self._last_block = number
        try:
            found = held.result()
        except Exception:
            self._blocks.pop(number, None)
            raise
        expected = min(BLOCK_BYTES, self._size_bytes - number * BLOCK_BYTES)
        if len(found) != expected:
            self._blocks.pop(number, None)
            raise Retryable(f"{self._what} gave {len(found)} bytes of {expected} asked for; it is read again")
        return found

    def _ask(self, number: int) -> Future[bytes]:
        if number not in self._blocks:
            first = number * BLOCK_BYTES
            self._blocks[number] = self._pool.submit(self._fetch, first, min(first + BLOCK_BYTES, self._size_bytes))
            while len(self._blocks) > _HELD_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _check(self, position: int, piece: memoryview) -> None:
        if self._expected is None or position != self._checked_to:
            return
        self._checked.update(bytes(piece))
        self._checked_to += len(piece)
        if self._checked_to == self._size_bytes and self._checked.digest() != self._expected:
            raise Retryable(f"{self._what} came damaged, its crc32c differs; it is read again")


def buffered(raw: RangedFile) -> BinaryIO:
    """The file for Python's readers, which read by lines and by few bytes."""
    return cast(BinaryIO, io.BufferedReader(raw, _BUFFER_BYTES))
