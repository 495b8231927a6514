"""Copying a stream while its digest is taken."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 4 << 20


def digest_of(path: Path) -> str:
    """`sha256:<hex>` of a file's bytes."""
    with path.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def copy_hashing(content: BinaryIO, target: BinaryIO) -> tuple[int, str]:
    """Copy all that is left of `content`; returns the size in bytes and `sha256:<hex>`.

    A second thread hashes a piece while this one writes it and reads the next: hashlib releases the interpreter lock.
    """
    hasher = hashlib.sha256()
    size_bytes = 0
    hashed: Future[None] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="digest") as pool:
        while piece := content.read(PIECE_BYTES):
            if hashed is not None:
                hashed.result()
            hashed = pool.submit(hasher.update, piece)
            target.write(piece)
            size_bytes += len(piece)
    return size_bytes, "sha256:" + hasher.hexdigest()
