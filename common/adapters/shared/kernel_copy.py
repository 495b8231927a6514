"""Copying between plain files in the kernel.

It takes a fifth of the time of reading and writing, and shares blocks where the file system can.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

PIECE_BYTES = 8 << 20
_CANNOT = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
"""What a system answers that cannot copy between these two files itself."""


def copied(content: BinaryIO, target: BinaryIO) -> Iterator[tuple[int, int]]:
    """Copy what is left of `content` behind what is in `target`; gives the place in `target` and the size of each piece.

    Both files are left behind what was copied: all of it, some or nothing.  What the kernel cannot copy is for the caller,
    as are streams that are unpacked or received.  target: an unbuffered file.
    """
    if sys.platform != "linux" or not _is_plain(content) or not isinstance(target, io.FileIO):
        return
    start, first = content.tell(), target.tell()
    try:
        while size := os.copy_file_range(content.fileno(), target.fileno(), PIECE_BYTES, start, first):
            yield first, size
            start, first = start + size, first + size
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    content.seek(start)
    target.seek(first)


def _is_plain(content: BinaryIO) -> bool:
    raw = content.raw if isinstance(content, io.BufferedReader) else content
    return isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
