"""Every object store runs the same cases: CONTRACT_OBJECTS=folder,... (the embedded one by default)."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import random
from pathlib import Path

import pytest
from backends import OBJECTS, chosen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.adapters.embedded.hashed_copy import PIECE_BYTES
from common.errors import AlreadyExists, BadConfiguration, NotFound

SPAWN = multiprocessing.get_context("spawn")
NAME = "raw/default/aws-main/2026-03/d1/part-0.csv"


@pytest.fixture(params=chosen("OBJECTS", "folder"))
def backend(request):
    return request.param


@pytest.fixture
def store(backend, tmp_path):
    return OBJECTS[backend](tmp_path)


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class WithoutReadinto:
    """A stream as some SDKs give it: read alone, and less at once than was asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 1000) if size >= 0 else -1)


class Breaking:
    """A stream that breaks off after its first piece."""

    def __init__(self) -> None:
        self._reads = 0

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads > 1:
            raise ConnectionResetError("the provider hung up")
        return b"half of it"


def write(store, name: str, content: bytes):
    return store.put(name, io.BytesIO(content))


def put_own_bytes(backend: str, place: Path, who: int, results) -> None:
    try:
        stored = OBJECTS[backend](place).put(NAME, io.BytesIO(b"%d" % who * 100_000))
    except AlreadyExists:
        results.put((who, None))
    else:
        results.put((who, stored.digest))


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES * 20 + 17])
def test_an_object_comes_back_byte_by_byte(store, size):
    content = random.Random(size).randbytes(size)
    stored = write(store, NAME, content)
    assert (stored.uri, stored.size_bytes, stored.digest) == (store.uri(NAME), size, digest(content))
    assert store.stat(stored.uri) == stored
    with store.open(stored.uri) as opened:
        assert opened.read() == content
    with store.local(stored.uri) as path:
        assert path.read_bytes() == content


def test_an_object_where_it_lies_is_opened_again_and_again_and_read_from_anywhere(store):
    content = random.Random(3).randbytes(9 << 20)
    readable = store.readable(write(store, NAME, content).uri)
    assert readable.size_bytes == len(content)
    with readable.open() as one, readable.open() as other:
        for stream, spot in ((one, 7 << 20), (other, 11), (one, (4 << 20) - 5), (other, len(content) - 3)):
            assert stream.seek(spot) == spot
            assert stream.read(10) == content[spot : spot + 10]
    with readable.open() as again:
        assert again.read() == content
    if readable.path is not None:
        assert readable.path.read_bytes() == content


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=5000))
def test_a_stream_that_only_reads_is_taken_whole(store, content):
    stored = store.put(f"raw/{digest(content)}", WithoutReadinto(content))
    with store.open(stored.uri) as opened:
        assert opened.read() == content
    assert stored.digest == digest(content)


def test_the_same_bytes_again_change_nothing(store):
    stored = write(store, NAME, b"bill")
    assert write(store, NAME, b"bill") == stored


def test_other_bytes_under_a_taken_name_are_refused(store):
    stored = write(store, NAME, b"bill")
    with pytest.raises(AlreadyExists, match=r"part-0\.csv"):
        write(store, NAME, b"BILL")
    with store.open(stored.uri) as opened:
        assert opened.read() == b"bill"
    assert store.stat(stored.uri) == stored


def test_a_stream_that_breaks_off_leaves_no_object(store):
    with pytest.raises(ConnectionResetError):
        store.put(NAME, Breaking())
    with pytest.raises(NotFound):
        store.stat(store.uri(NAME))
    assert list(store.list("raw/")) == []
    assert write(store, NAME, b"whole").digest == digest(b"whole")


def test_put_file_takes_a_finished_file(store, tmp_path):
    finished = tmp_path / "chunk.parquet"
    finished.write_bytes(b"rows")
    stored = store.put_file("focus/a/0.parquet", finished)
    assert (stored.size_bytes, stored.digest) == (4, digest(b"rows"))
    with store.open(stored.uri) as opened:
        assert opened.read() == b"rows"


def test_put_file_keeps_what_is_there(store, tmp_path):
    first = write(store, "focus/a/0.parquet", b"rows")
    finished = tmp_path / "chunk.parquet"
    finished.write_bytes(b"other rows")
    assert store.put_file("focus/a/0.parquet", finished) == first
    with store.open(first.uri) as opened:
        assert opened.read() == b"rows"


def test_a_copy_has_the_same_bytes_under_a_second_name(store):
    first = write(store, NAME, b"bill")
    second = store.copy(first.uri, "raw/default/aws-main/2026-03/d2/part-0.csv")
    assert (second.size_bytes, second.digest) == (first.size_bytes, first.digest)
    assert second.uri != first.uri
    assert store.copy(first.uri, "raw/default/aws-main/2026-03/d2/part-0.csv") == second
    store.delete(first.uri)
    with store.open(second.uri) as opened:
        assert opened.read() == b"bill"
    assert store.stat(second.uri) == second


def test_a_copy_over_other_bytes_is_refused(store):
    first, other = write(store, NAME, b"bill"), write(store, "raw/other", b"another bill")
    with pytest.raises(AlreadyExists, match="raw/other"):
        store.copy(first.uri, "raw/other")
    assert store.stat(other.uri) == other


def test_a_copy_of_nothing_is_told(store):
    with pytest.raises(NotFound):
        store.copy(store.uri("raw/none"), NAME)


def test_a_missing_object_is_told(store):
    write(store, "raw/a/b", b"")
    for name in ("raw/none", "raw/a", "raw/a/b/c"):
        uri = store.uri(name)
        with pytest.raises(NotFound, match=name):
            store.stat(uri)
        with pytest.raises(NotFound, match=name):
            store.open(uri)
        with pytest.raises(NotFound, match=name):
            store.readable(uri)
        with pytest.raises(NotFound, match=name), store.local(uri):
            pass


def test_a_uri_of_another_kind_is_refused(store):
    with pytest.raises(BadConfiguration, match="nowhere"):
        store.stat("nowhere://raw/a")


def test_list_gives_the_names_with_the_prefix_in_order(store):
    for name in ("raw/a/2", "raw/a/10", "raw/ab/1", "raw/a/ä", "focus/a/1"):
        write(store, name, name.encode())

    def listed(prefix: str) -> list[str]:
        found = store.list(prefix)
        assert all(item.size_bytes == len(item.uri.removeprefix(store.uri("x")[:-1]).encode()) for item in found)
        return [item.uri for item in found]

    assert listed("raw/a/") == [store.uri(name) for name in ("raw/a/10", "raw/a/2", "raw/a/ä")]
    assert listed("raw/a") == [store.uri(name) for name in ("raw/a/10", "raw/a/2", "raw/a/ä", "raw/ab/1")]
    assert listed("raw/a/1") == [store.uri("raw/a/10")]
    assert len(listed("")) == 5
    assert listed("none/") == []


def test_delete_removes_and_may_be_repeated(store):
    stored = write(store, NAME, b"bill")
    store.delete(stored.uri)
    store.delete(stored.uri)
    with pytest.raises(NotFound):
        store.open(stored.uri)
    assert write(store, NAME, b"another bill").digest == digest(b"another bill")
    assert store.stat(stored.uri).digest == digest(b"another bill")


def test_deleting_what_is_no_object_changes_nothing(store):
    stored = write(store, "raw/a/b", b"bill")
    for name in ("raw/none", "raw/a", "raw/a/b/c"):
        store.delete(store.uri(name))
    assert store.stat(stored.uri) == stored


@pytest.mark.parametrize("prefix", ["/", "../", "raw/../../", "raw//"])
def test_a_prefix_that_leads_elsewhere_is_refused(store, prefix):
    with pytest.raises(BadConfiguration):
        store.list(prefix)


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "raw//a", "raw/../a", "raw/./a", "..", "raw/", ".digests/raw/a", "raw/a\nb", "a" * 1025]
)
def test_a_name_that_leads_elsewhere_is_refused(store, tmp_path, name):
    finished = tmp_path / "finished"
    finished.write_bytes(b"")
    for refused in (
        lambda: store.uri(name),
        lambda: write(store, name, b""),
        lambda: store.put_file(name, finished),
        lambda: store.stat(store.uri("x")[:-1] + name),
    ):
        with pytest.raises(BadConfiguration):
            refused()
    assert finished.exists()


@pytest.mark.parametrize(
    "name", ["raw/with space/100%/ä€.csv", "raw/a=b/c:d/+&?#", "raw/a/.hidden", "raw/" + "x" * 255]
)
def test_a_name_as_providers_give_them_is_kept(store, name):
    stored = write(store, name, b"x")
    assert [item.uri for item in store.list("raw/")] == [stored.uri]
    assert store.stat(stored.uri) == stored


def test_one_of_many_processes_writes_a_name(backend, store, tmp_path):
    results = SPAWN.Queue()
    workers = [SPAWN.Process(target=put_own_bytes, args=(backend, tmp_path, who, results)) for who in range(4)]
    for worker in workers:
        worker.start()
    outcomes = dict(results.get(timeout=180) for _ in workers)
    for worker in workers:
        worker.join(60)
    (winner,) = [who for who, found in outcomes.items() if found is not None]
    stored = store.stat(store.uri(NAME))
    assert stored.digest == outcomes[winner] == digest(b"%d" % winner * 100_000)
