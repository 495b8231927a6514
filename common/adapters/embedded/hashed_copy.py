"""Copying a stream while computing its digest."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from common import progress
from common.adapters.shared.kernel_copy import copied

PIECE_BYTES = 1 << 20


def digest_of(path: Path) -> str:
    """`sha256:<hex>` of a file's bytes."""
    with path.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def copy_hashing(content: BinaryIO, target: BinaryIO) -> tuple[int, str]:
    """Copy all that is left of `content`; returns the size in bytes and `sha256:<hex>`.

    target: an unbuffered file that can also be read.  What the kernel copies is hashed as it is stored.  A second thread
    hashes a piece while this one copies the next: hashlib releases the interpreter lock.
    """
    hasher = hashlib.sha256()
    size_bytes = 0
    hashed: Future[None] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="digest") as pool:
        for start, size in copied(content, target):
            if hashed is not None:
                hashed.result()
            hashed = pool.submit(_hash_stored, hasher, target.fileno(), start, size)
            size_bytes += size
            progress.advance(progress.COPYING, size)
        for piece in _pieces(content):
            if hashed is not None:
                hashed.result()
            hashed = pool.submit(hasher.update, piece)
            _write_all(target, piece)
            size_bytes += len(piece)
            progress.advance(progress.COPYING, len(piece))
        if hashed is not None:
            hashed.result()
    return size_bytes, "sha256:" + hasher.hexdigest()


def _hash_stored(hasher: hashlib._Hash, handle: int, start: int, size_bytes: int) -> None:
    buffer = memoryview(bytearray(min(PIECE_BYTES, size_bytes)))
    while size_bytes:
        read = os.preadv(handle, [buffer[:size_bytes]], start)
        if not read:
            raise OSError(errno.EIO, "a file ends before what was just written to it")
        hasher.update(buffer[:read])
        start, size_bytes = start + read, size_bytes - read


def _pieces(content: BinaryIO) -> Iterator[memoryview]:
    """The stream piece by piece; a piece stays valid until the one after the next is asked for."""
    read_into = getattr(content, "readinto", None)
    if read_into is None:
        while piece := content.read(PIECE_BYTES):
            yield memoryview(piece)
        return
    # two buffers in turn: fresh memory for each piece would halve the speed
    buffers = [memoryview(bytearray(PIECE_BYTES)) for _ in range(2)]
    while size := read_into(buffers[0]):
        yield buffers[0][:size]
        buffers.reverse()


def _write_all(target: BinaryIO, piece: memoryview) -> None:
    # an unbuffered file may take less than it is given, as when the disk fills up
    written = target.write(piece)
    while written < len(piece):
        written += target.write(piece[written:])
