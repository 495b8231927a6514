"""The part of MessagePack that Terraform's plugin protocol speaks, with its value for what is not known yet.

Sources: https://github.com/msgpack/msgpack/blob/master/spec.md and Terraform's docs/plugin-protocol/object-wire-format.md
"""

from __future__ import annotations

import struct
from typing import Any


class Unknown:
    """A value that only applying tells."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN = Unknown()
_FIXED = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_SIZES = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I", 0xC7: ">B", 0xC8: ">H"}


def unpack(data: bytes) -> Any:
    """The value in the bytes."""
    value, end = _value(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes are left behind the value")
    return value


def _value(data: bytes, at: int) -> tuple[Any, int]:
    kind, at = data[at], at + 1
    if kind < 0x80 or kind >= 0xE0:
        return kind - (0x100 if kind >= 0xE0 else 0), at
    if kind in _FIXED:
        return _FIXED[kind], at
    if kind in _NUMBERS:
        return struct.unpack_from(_NUMBERS[kind], data, at)[0], at + struct.calcsize(_NUMBERS[kind])
    if 0xD4 <= kind <= 0xD8:  # an extension of 1, 2, 4, 8 or 16 bytes: Terraform has no other than the unknown
        return UNKNOWN, at + 1 + (1 << (kind - 0xD4))
    if kind in _SIZES:
        size = struct.unpack_from(_SIZES[kind], data, at)[0]
        at += struct.calcsize(_SIZES[kind])
    else:
        size = kind & (0x1F if 0xA0 <= kind < 0xC0 else 0x0F)
    if kind in (0xC7, 0xC8):
        return UNKNOWN, at + 1 + size
    if 0xA0 <= kind < 0xC0 or kind in (0xD9, 0xDA, 0xDB):
        return data[at : at + size].decode(), at + size
    if 0x90 <= kind < 0xA0 or kind in (0xDC, 0xDD):
        return _many(data, at, size)
    if 0x80 <= kind < 0x90 or kind in (0xDE, 0xDF):
        flat, at = _many(data, at, 2 * size)
        return dict(zip(flat[::2], flat[1::2], strict=True)), at
    raise ValueError(f"byte {kind:#x} begins no value that Terraform sends")


def _many(data: bytes, at: int, count: int) -> tuple[list[Any], int]:
    found = []
    for _ in range(count):
        value, at = _value(data, at)
        found.append(value)
    return found, at


def pack(value: Any) -> bytes:
    """The bytes of a value."""
    if value is None:
        return b"\xc0"
    if isinstance(value, Unknown):
        return b"\xd4\x00\x00"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        encoded = value.encode()
        return b"\xdb" + struct.pack(">I", len(encoded)) + encoded
    if isinstance(value, list):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        pairs = b"".join(pack(name) + pack(one) for name, one in value.items())
        return b"\xdf" + struct.pack(">I", len(value)) + pairs
    raise TypeError(f"no value of Terraform's: {type(value).__name__}")
