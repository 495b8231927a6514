"""An object read by ranges is a file like any other."""

from __future__ import annotations

import io
import random

import google_crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.adapters.shared import ranged_file
from common.adapters.shared.ranged_file import BLOCKS_AHEAD, Guard, RangedFile, buffered
from common.errors import Retryable

BLOCK = 64


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(ranged_file, "BLOCK_BYTES", BLOCK)


class Fetched:
    """A range that notes what was asked of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[int] = []

    def __call__(self, first: int, behind: int) -> bytes:
        self.asked.append(first // BLOCK)
        return self.content[first:behind]


def guard_of(content: bytes) -> Guard:
    return Guard("crc32c", google_crc32c.Checksum(content).digest(), google_crc32c.Checksum())


def file_of(content: bytes, guard: Guard | None = None) -> RangedFile:
    return RangedFile(Fetched(content), len(content), guard or guard_of(content), "object x")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 300)),
        st.tuples(st.just("set"), st.integers(0, 600)),
        st.tuples(st.just("end"), st.integers(-500, 0)),
        st.tuples(st.just("line"), st.just(0)),
    ),
    max_size=20,
)


@settings(max_examples=200, deadline=None)
@given(size=st.integers(0, 500), steps=STEPS)
def test_it_reads_as_a_file_in_memory_does(size, steps):
    content = random.Random(size).randbytes(size).replace(b"\x01", b"\n")
    plain = io.BytesIO(content)
    with buffered(file_of(content)) as opened:
        for step, number in steps:
            if step == "read":
                assert opened.read(number) == plain.read(number)
            elif step == "line":
                assert opened.readline() == plain.readline()
            elif step == "set":
                assert opened.seek(number) == plain.seek(number)
            else:
                assert opened.seek(max(-size, number), io.SEEK_END) == plain.seek(max(-size, number), io.SEEK_END)
            assert opened.tell() == plain.tell()


def test_each_block_is_fetched_once_when_it_is_read_in_order():
    fetched = Fetched(bytes(10 * BLOCK + 5))
    with RangedFile(fetched, len(fetched.content), None, "object x") as opened:
        while opened.read(7):
            pass
    assert sorted(fetched.asked) == list(range(11))


def test_few_blocks_are_held():
    with file_of(bytes(100 * BLOCK)) as opened:
        while opened.read(BLOCK):
            assert len(opened._blocks) <= BLOCKS_AHEAD + 2


def test_bytes_that_came_damaged_are_told_at_the_end():
    content = bytes(3 * BLOCK)
    with file_of(content, guard_of(b"other")) as opened:
        assert opened.read(2 * BLOCK) == content[: 2 * BLOCK]
        with pytest.raises(Retryable, match="object x was corrupted in transit"):
            opened.read()


def test_a_range_that_comes_short_is_told_and_asked_for_again():
    answers = [b"ab", b"abcd"]
    with RangedFile(lambda first, behind: answers.pop(0), 4, None, "object x") as opened:
        with pytest.raises(Retryable, match="2 bytes of 4"):
            opened.read()
        opened.seek(0)
        assert opened.read() == b"abcd"
