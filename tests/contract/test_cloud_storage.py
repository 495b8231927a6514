"""What Cloud Storage's adapter promises beyond its port; runs where CONTRACT_OBJECTS asks for gcs."""

from __future__ import annotations

import hashlib
import io
import tracemalloc

import pytest
import storage_backends
from backends import OBJECTS, chosen
from google.api_core.exceptions import Forbidden

from common.errors import AlreadyExists, NotFound

pytestmark = pytest.mark.skipif("gcs" not in chosen("OBJECTS", "folder"), reason="CONTRACT_OBJECTS does not name gcs")
NAME = "raw/default/a/2026-03/d/part.csv"


@pytest.fixture
def store(tmp_path):
    return OBJECTS["gcs"](tmp_path)


@pytest.fixture
def bucket(store):
    return storage_backends.bucket_client().bucket(store.uri("x").split("/")[2])


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Zeros:
    """A stream of so many bytes that are never there at once."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        taken = min(size, self._left)
        self._left -= taken
        return bytes(taken)


def test_the_digest_is_kept_as_metadata(store, bucket, tmp_path):
    (tmp_path / "rows").write_bytes(b"rows")
    for stored in (store.put(NAME, io.BytesIO(b"rows")), store.put_file("focus/a", tmp_path / "rows")):
        name = stored.uri.split("/", 3)[3]
        assert bucket.get_blob(name).metadata == {"sha256": stored.digest.removeprefix("sha256:")}
    assert [item.digest for item in store.list("")] == [digest(b"rows")] * 2


def test_a_digest_that_was_not_kept_is_taken_of_the_bytes_and_kept(store, bucket):
    bucket.blob(NAME).upload_from_string(b"bill")
    assert store.stat(store.uri(NAME)).digest == digest(b"bill")
    assert bucket.get_blob(NAME).metadata == {"sha256": digest(b"bill").removeprefix("sha256:")}


def test_who_may_only_read_is_told_the_digest_that_was_not_kept(store, bucket, monkeypatch):
    def refuse(*_, **__):
        raise Forbidden("no update")

    bucket.blob(NAME).upload_from_string(b"bill")
    monkeypatch.setattr(type(bucket.blob(NAME)), "patch", refuse)
    assert store.stat(store.uri(NAME)).digest == digest(b"bill")


@pytest.mark.parametrize(("theirs", "told"), [(b"bill" * 5_000_000, None), (b"other", AlreadyExists)])
def test_a_name_that_another_takes_meanwhile_stays_theirs(store, bucket, monkeypatch, theirs, told):
    look, looks = store._look, []

    def look_then_lose(uri):
        looks.append(uri)
        found = look(uri)
        if len(looks) == 1:
            bucket.blob(NAME).upload_from_string(theirs)
        return found

    monkeypatch.setattr(store, "_look", look_then_lose)
    mine = io.BytesIO(b"bill" * 5_000_000)  # more than one chunk
    if told is None:
        assert store.put(NAME, mine).digest == digest(theirs)
    else:
        with pytest.raises(told, match=r"part\.csv"):
            store.put(NAME, mine)
    with store.open(store.uri(NAME)) as opened:
        assert opened.read() == theirs


def test_bytes_that_are_there_are_not_sent_again(store, monkeypatch):
    store.put(NAME, io.BytesIO(b"bill"))
    monkeypatch.setattr(store, "_upload", lambda *_: pytest.fail("sent again"))
    assert store.put(NAME, io.BytesIO(b"bill")).digest == digest(b"bill")


def test_a_big_object_is_copied_in_steps_and_not_read(store, monkeypatch):
    content = bytes(range(256)) * 80_000
    first = store.put(NAME, io.BytesIO(content))
    with monkeypatch.context() as patch:
        patch.setattr(type(store._found(first.uri)), "download_as_bytes", lambda *_, **__: pytest.fail("read"))
        second = store.copy(first.uri, "raw/second")
    with store.open(second.uri) as opened:
        assert opened.read() == content


def test_an_object_is_read_from_anywhere(store):
    content = bytes(range(256)) * 40_000
    stored = store.put(NAME, io.BytesIO(content))
    with store.open(stored.uri) as opened:
        assert opened.seekable()
        for spot in (9_000_000, 5, 4 << 20, (4 << 20) - 3):
            opened.seek(spot)
            assert opened.read(10) == content[spot : spot + 10]
        assert opened.seek(-3, io.SEEK_END) == len(content) - 3
        assert opened.read() == content[-3:]


def test_a_stream_of_any_length_takes_little_memory(store):
    tracemalloc.start()
    try:
        stored = store.put(NAME, Zeros(160 << 20))
        with store.open(stored.uri) as opened:
            size_bytes = sum(len(piece) for piece in iter(lambda: opened.read(1 << 20), b""))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size_bytes == stored.size_bytes == 160 << 20
    assert peak_bytes < 80 << 20


def test_a_local_copy_is_gone_afterwards(store, tmp_path):
    stored = store.put(NAME, io.BytesIO(b"bill"))
    with store.local(stored.uri) as path:
        assert path.read_bytes() == b"bill"
        assert path.is_relative_to(tmp_path)
    assert list((tmp_path / "scratch").iterdir()) == []
    with pytest.raises(NotFound), store.local(store.uri("raw/none")):
        pass
    assert list((tmp_path / "scratch").iterdir()) == []
