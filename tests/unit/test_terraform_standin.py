"""The stand-in's wire format, against bytes of the specification and Terraform's own unknown value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.terraform.msgpack import UNKNOWN, Unknown, pack, unpack

TEXTS = st.text(max_size=300)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS | st.just(UNKNOWN)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXTS, inner, max_size=20))


@given(VALUES)
def test_a_value_comes_back(value: Any) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x07", 7),
        (b"\xff", -1),
        (b"\xcc\xc8", 200),
        (b"\xcd\x01\x00", 256),
        (b"\xd1\xff\x00", -256),
        (b"\xa2hi", "hi"),
        (b"\xd9\x02hi", "hi"),
        (b"\x92\xc2\xc3", [False, True]),
        (b"\xdc\x00\x01\xc0", [None]),
        (b"\x81\xa1a\x01", {"a": 1}),
        (b"\xde\x00\x01\xa1a\x01", {"a": 1}),
        (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5),
    ],
)
def test_the_shorter_forms_are_read(data: bytes, value: Any) -> None:
    assert unpack(data) == value


@pytest.mark.parametrize("data", [b"\xd4\x00\x00", b"\xc7\x03\x0c\x81\x01\xc2"])
def test_what_is_not_known_yet_is_told_apart(data: bytes) -> None:
    """A plain unknown, and one of which Terraform says that it is not null."""
    assert isinstance(unpack(data), Unknown)


def test_bytes_behind_a_value_are_an_error() -> None:
    with pytest.raises(ValueError, match="1 bytes are left"):
        unpack(b"\xc0\xc0")
