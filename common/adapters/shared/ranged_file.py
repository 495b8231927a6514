"""An object of a bucket as a seekable file: ranged reads, a few blocks held, the next ones fetched ahead."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast

from common.errors import Retryable

BLOCK_BYTES = 4 << 20
BLOCKS_AHEAD = 3
_HELD_BLOCKS = BLOCKS_AHEAD + 2
_BUFFER_BYTES = 256 << 10

Fetch = Callable[[int, int], bytes]
"""(first byte, byte behind the last) -> those bytes."""


class Checksum(Protocol):
    """As hashlib's."""

    def update(self, piece: bytes, /) -> Any: ...

    def digest(self) -> bytes: ...


@dataclass(frozen=True)
class Guard:
    """What an object's bytes are checked by.  name: for people; digest: as its store knows it; checksum: of no bytes yet."""

    name: str
    digest: bytes
    checksum: Checksum


class RangedFile(io.RawIOBase):
    """Reads an object of a known size; fills what it is given unless the object ends.

    Where it is read whole and in order, it is checked at the end, if there is a guard.
    """

    def __init__(self, fetch: Fetch, size_bytes: int, guard: Guard | None, what: str) -> None:
        self._fetch, self._size_bytes, self._what = fetch, size_bytes, what
        self._guard, self._checked_to = guard, 0
        self._at = 0
        self._blocks: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._last_block = -1
        self._pool = ThreadPoolExecutor(BLOCKS_AHEAD, thread_name_prefix="ranged-read")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._at < self._size_bytes:
            number, offset = divmod(self._at, BLOCK_BYTES)
            piece = memoryview(self._block(number))[offset : offset + len(view) - filled]
            view[filled : filled + len(piece)] = piece
            self._check(piece)
            self._at += len(piece)
            filled += len(piece)
        return filled

    def close(self) -> None:
        """Drop what is held."""
        if not self.closed:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._blocks.clear()
        super().close()

    def _block(self, number: int) -> bytes:
        held = self._ask(number)
        if number in (0, self._last_block, self._last_block + 1):
            for ahead in range(number + 1, number + 1 + BLOCKS_AHEAD):
                if ahead * BLOCK_BYTES < self._size_bytes:
                    self._ask(ahead)
        self._last_block = number
        expected = min(BLOCK_BYTES, self._size_bytes - number * BLOCK_BYTES)
        try:
            found = held.result()
            if len(found) != expected:
                raise Retryable(f"{self._what} gave {len(found)} bytes of {expected} asked for; it is read again")
        except Exception:
            self._blocks.pop(number, None)
            raise
        return found

    def _ask(self, number: int) -> Future[bytes]:
        if number not in self._blocks:
            first = number * BLOCK_BYTES
            self._blocks[number] = self._pool.submit(self._fetch, first, min(first + BLOCK_BYTES, self._size_bytes))
            while len(self._blocks) > _HELD_BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[number]

    def _check(self, piece: memoryview) -> None:
        guard = self._guard
        if guard is None or self._at != self._checked_to:
            return
        guard.checksum.update(bytes(piece))
        self._checked_to += len(piece)
        if self._checked_to == self._size_bytes and guard.checksum.digest() != guard.digest:
            raise Retryable(f"{self._what} was corrupted in transit, its {guard.name} does not match; it is read again")


def buffered(raw: RangedFile) -> BinaryIO:
    """The file for readers that take lines or few bytes at a time."""
    return cast(BinaryIO, io.BufferedReader(raw, _BUFFER_BYTES))
