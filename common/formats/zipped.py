"""The one file in a zip, read in place.

A deflated member is the body of a gzip stream: between a gzip header and the checksum that the zip's directory holds it is one,
for every reader of gzip (RFC 1952; PKWARE's APPNOTE 4.3.7).
"""

from __future__ import annotations

import struct
import zipfile
import zlib

from common.errors import BadBill
from common.formats.content import Content, between

_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LOCAL_START = b"PK\x03\x04"
_LOCAL_HEAD = struct.Struct("<4s22xHH")
"""Signature, then the lengths of the name and of what is extra, which stand between it and the bytes."""
_ENCRYPTED = 0x1


def member(content: Content, label: str) -> tuple[Content, str]:
    """The bytes of the one file and their compression, none or gzip.

    Raises BadBill for a zip that is broken, holds more than one file, or is packed in another way.
    """
    try:
        with content.open() as stream, zipfile.ZipFile(stream) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            _check(members, label)
            stream.seek(members[0].header_offset)
            head = stream.read(_LOCAL_HEAD.size)
        signature, name_bytes, extra_bytes = _LOCAL_HEAD.unpack(head)
    except (zipfile.BadZipFile, struct.error, EOFError) as error:
        raise _broken(label) from error
    one = members[0]
    first = one.header_offset + _LOCAL_HEAD.size + name_bytes + extra_bytes
    if signature != _LOCAL_START or first + one.compress_size > content.size_bytes:
        raise _broken(label)
    if one.compress_type == zipfile.ZIP_STORED:
        stored = between(content, first, one.compress_size)
        if _crc(stored) != one.CRC:  # what is deflated is checked as gzip
            raise _broken(label)
        return stored, "none"
    checks = struct.pack("<II", one.CRC, one.file_size & 0xFFFFFFFF)
    return between(content, first, one.compress_size, _GZIP_HEAD, checks), "gzip"


def _check(members: list[zipfile.ZipInfo], label: str) -> None:
    if any(item.filename == "[Content_Types].xml" for item in members):
        raise BadBill(f"{label} is an Excel workbook, expected CSV, Parquet or JSON lines; save it as CSV (UTF-8)")
    if len(members) != 1:
        raise BadBill(f"{label} is a zip of {len(members)} files, expected one; unpack it and import the folder")
    if members[0].flag_bits & _ENCRYPTED:
        raise BadBill(f"{label} is an encrypted zip, expected one without a password; unpack it and import the file")
    if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadBill(f"{label} is a zip packed neither by deflate nor stored; unpack it and import the file")


def _crc(content: Content) -> int:
    crc = 0
    with content.open() as stream:
        while piece := stream.read(1 << 20):
            crc = zlib.crc32(piece, crc)
    return crc


def _broken(label: str) -> BadBill:
    return BadBill(f"{label} is a broken zip; fetch it again")
