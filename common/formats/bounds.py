"""Limits of a file, checked before any reader opens it: the length of a line, the size when unpacked.

One pass with little memory.  A compressed file is read to its end, so that half a bill never passes for one; of a plain file only as
much as shows a line end in every stretch.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from common.errors import BadBill
from common.formats.content import Content

MAX_LINE_BYTES = 16 << 20
MOST_COLUMNS = 10_000
MOST_PLAIN_BYTES = 1 << 30
MOST_EXPANSION = 200
"""A compressed file may hold MOST_PLAIN_BYTES, and where it is large itself this many times its size: bills shrink 10 to 40 times."""
TRUNCATED = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
_STRETCH_BYTES = MAX_LINE_BYTES
_LOOK_BYTES = 64 << 10
_PIECE_BYTES = 1 << 20
_ZSTD_BYTES = 1 << 10
"""How much of a zstd stream is unpacked at once: it can be 32,000 times as much."""


def check_bounds(content: Content, compression: str, kind: str, label: str) -> None:
    """Read through a CSV or JSON lines file; of Parquet, which has no lines, read the footer.

    Raises BadBill for a stream that breaks off, for more bytes in it than MOST_PLAIN_BYTES and MOST_EXPANSION allow, and for a line
    longer than MAX_LINE_BYTES (of a plain file: for every one of twice as many, and for none that is shorter than that).
    """
    if kind == "parquet":
        _check_pages(content, label)
        return
    ends = (b"\n",) if kind == "json" else (b"\n", b"\r")
    if compression == "none":
        _check_stretches(content, ends, label)
        return
    most = most_unpacked(content)
    total = running = 0
    try:
        for piece in _unpacked(content, compression):
            total += len(piece)
            if total > most:
                raise too_much(content, label, "import it unpacked")
            first = _first_end(piece, ends)
            running += len(piece) if first < 0 else first
            if running > MAX_LINE_BYTES:
                raise too_long(label)
            if first >= 0:
                running = len(piece) - 1 - max(piece.rfind(end) for end in ends)
    except TRUNCATED as error:
        raise breaks_off(label, compression) from error


def check_whole(content: Content, compression: str, label: str, most_bytes: int) -> None:
    """Read through a compressed file.  Raises BadBill for a stream that breaks off, and for more bytes in it."""
    if compression == "none":
        return
    total = 0
    try:
        for piece in _unpacked(content, compression):
            total += len(piece)
            if total > most_bytes:
                raise BadBill(f"{label} holds more than {most_bytes >> 20:,} MB unpacked; give it in parts")
    except TRUNCATED as error:
        raise breaks_off(label, compression) from error


def _check_pages(content: Content, label: str) -> None:
    """By the sizes that the footer declares, of the row groups or of their columns, whichever is more."""
    import pyarrow.parquet as pq

    most = most_unpacked(content)
    with content.open() as stream:
        footer = pq.read_metadata(stream)
    groups = columns = 0
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        groups += group.total_byte_size
        columns += sum(group.column(place).total_uncompressed_size for place in range(group.num_columns))
        if max(groups, columns) > most:
            raise too_much(content, label, "as CSV")


def most_unpacked(content: Content) -> int:
    """Bytes that a compressed file may hold."""
    return max(MOST_PLAIN_BYTES, MOST_EXPANSION * content.size_bytes)


def too_much(content: Content, label: str, otherwise: str) -> BadBill:
    """What a bill that holds more is refused with."""
    return BadBill(
        f"{label} unpacks to more than {most_unpacked(content) >> 20:,} MB from {max(1, content.size_bytes >> 20):,} MB, which no bill "
        f"does: expected at most 1 GB or {MOST_EXPANSION} times its size; export it again, or {otherwise}"
    )


def too_long(label: str) -> BadBill:
    """What a bill with such a line is refused with."""
    return BadBill(
        f"{label} has a line longer than {MAX_LINE_BYTES >> 20} MB, possibly because line breaks are missing or a quoted cell "
        "does not end; "
        "export it again"
    )


def too_wide(label: str, found: int) -> BadBill:
    """What a bill with too many columns is refused with."""
    return BadBill(
        f"{label} has {found:,} columns, expected at most {MOST_COLUMNS:,}; export it with fewer tags, or with tags in one column"
    )


def breaks_off(label: str, compression: str) -> BadBill:
    """What a bill is refused with whose compressed stream is not whole."""
    return BadBill(f"{label} is incomplete: the {compression} stream is truncated or damaged; fetch it again")


def _first_end(piece: bytes, ends: tuple[bytes, ...]) -> int:
    return min((at for at in (piece.find(end) for end in ends) if at >= 0), default=-1)


def _check_stretches(content: Content, ends: tuple[bytes, ...], label: str) -> None:
    """A line of two stretches fills one from its first byte to its last."""
    with content.open() as stream:
        for start in range(0, content.size_bytes - _STRETCH_BYTES + 1, _STRETCH_BYTES):
            stream.seek(start)
            left = _STRETCH_BYTES
            while left:
                piece = stream.read(min(_LOOK_BYTES, left))
                if not piece or any(end in piece for end in ends):
                    break
                left -= len(piece)
            else:
                raise too_long(label)


def _unpacked(content: Content, compression: str) -> Iterator[bytes]:
    """The plain bytes in small pieces.  Raises one of TRUNCATED for a stream that is not whole."""
    with content.open() as stream:
        yield from _zstd_pieces(stream) if compression == "zstd" else _gzip_pieces(stream)


def _gzip_pieces(stream: BinaryIO) -> Iterator[bytes]:
    with gzip.open(stream, "rb") as plain:
        while piece := plain.read(_PIECE_BYTES):
            yield piece


def _zstd_pieces(stream: BinaryIO) -> Iterator[bytes]:
    frame = zstandard.ZstdDecompressor().decompressobj()
    while block := stream.read(_PIECE_BYTES):
        for start in range(0, len(block), _ZSTD_BYTES):
            data = block[start : start + _ZSTD_BYTES]
            while data:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                plain = frame.decompress(data)
                if plain:
                    yield plain
                data = frame.unused_data
    if not frame.eof:
        raise EOFError
