"""What the embedded adapters promise beyond their ports: crashes, full disks, permissions, moved folders."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import sqlite3
import stat
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from common.adapters.embedded import folder_objects
from common.adapters.embedded.folder_objects import LEFTOVER_SECONDS, FolderObjectStore
from common.adapters.embedded.local_keys import LocalKeyRing
from common.adapters.embedded.sqlite_database import SqliteDatabase
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.shared import kernel_copy
from common.errors import BadConfiguration, Contention, NoSpace, Permanent

NAME = "raw/default/a/2026-03/d/part.csv"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux copies files in the kernel")


@contextmanager
def written_by_another(path: Path):
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("begin immediate")
        yield other
        if other.in_transaction:
            other.execute("rollback")


def incoming(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


def test_a_writer_that_never_ends_is_contention(tmp_path):
    store = SqliteDocumentStore(tmp_path / "documents.sqlite", busy_seconds=0.01, tries=3)
    store.set("things/a", {"n": 1})
    with written_by_another(tmp_path / "documents.sqlite"):
        with pytest.raises(Contention, match=r"documents\.sqlite"):
            store.set("things/a", {"n": 2})
        assert store.get("things/a") == {"n": 1}
    store.set("things/a", {"n": 3})
    assert store.get("things/a") == {"n": 3}


def test_a_writer_that_ends_is_waited_for(tmp_path):
    store = SqliteDocumentStore(tmp_path / "documents.sqlite", busy_seconds=0.01, tries=100)
    store.set("things/a", {"n": 1})
    with written_by_another(tmp_path / "documents.sqlite") as other:
        threading.Timer(0.3, lambda: other.execute("commit")).start()
        store.set("things/a", {"n": 2})
    assert store.get("things/a") == {"n": 2}


def test_a_transaction_within_a_transaction_is_refused(tmp_path):
    store = SqliteDocumentStore(tmp_path / "documents.sqlite")
    with pytest.raises(Permanent, match="use that one"):
        store.transact(lambda transaction: store.set("things/a", {}))


def test_a_commit_waits_for_the_disk_unless_told_otherwise(tmp_path):
    def level(connection: sqlite3.Connection) -> int:
        return connection.execute("pragma synchronous").fetchone()[0]

    full, normal = 2, 1
    database = SqliteDatabase(tmp_path / "any.sqlite", "create table if not exists t (n)")
    assert database.write(level) == full
    assert database.write(level, synced=False) == normal
    assert database.write(level) == full


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "documents.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(BadConfiguration, match=r"documents\.sqlite is not an SQLite file"):
        SqliteDocumentStore(path).get("things/a")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(BadConfiguration, match="home"):
        SqliteDocumentStore(tmp_path / "home" / "documents.sqlite").get("things/a")
    with pytest.raises(BadConfiguration, match="home"):
        FolderObjectStore(tmp_path / "home")


def test_a_store_works_on_after_it_was_closed(tmp_path):
    store = SqliteDocumentStore(tmp_path / "documents.sqlite")
    store.set("things/a", {})
    store.close()
    assert store.get("things/a") == {}


def test_objects_survive_a_move_of_their_folder(tmp_path):
    stored = FolderObjectStore(tmp_path / "here").put(NAME, io.BytesIO(b"bill"))
    (tmp_path / "here").rename(tmp_path / "there")
    assert FolderObjectStore(tmp_path / "there").stat(stored.uri) == stored


def test_a_digest_that_was_not_kept_is_taken_again(tmp_path):
    store = FolderObjectStore(tmp_path)
    stored = store.put(NAME, io.BytesIO(b"bill"))
    (tmp_path / ".digests" / NAME).unlink()
    assert store.stat(stored.uri) == stored
    (tmp_path / ".digests" / NAME).write_text("half of i")
    assert store.stat(stored.uri) == stored


def test_a_kept_digest_is_used_and_one_of_other_bytes_is_not(tmp_path, monkeypatch):
    store = FolderObjectStore(tmp_path)
    stored = store.put(NAME, io.BytesIO(b"bill"))
    with monkeypatch.context() as patch:
        patch.setattr(folder_objects, "digest_of", lambda path: pytest.fail("read again"))
        assert store.stat(stored.uri) == stored
    (tmp_path / NAME).write_bytes(b"changed by hand")
    assert store.stat(stored.uri).digest != stored.digest


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch, code):
    def fill_up(content, target):
        target.write(b"what still fits")
        raise OSError(code, os.strerror(code))

    store = FolderObjectStore(tmp_path)
    monkeypatch.setattr(folder_objects, "copy_hashing", fill_up)
    with pytest.raises(NoSpace, match=f"disk full while writing {NAME}"):
        store.put(NAME, io.BytesIO(b"bill"))
    assert incoming(tmp_path) == []
    assert not (tmp_path / NAME).exists()


def test_nothing_is_left_aside_after_success_or_refusal(tmp_path):
    store = FolderObjectStore(tmp_path)
    for content in (b"bill", b"bill"):
        store.put(NAME, io.BytesIO(content))
    with pytest.raises(Permanent):
        store.put(NAME, io.BytesIO(b"other"))
    assert incoming(tmp_path) == []


def test_leftovers_of_killed_processes_go_after_a_day(tmp_path):
    FolderObjectStore(tmp_path)
    old, new = tmp_path / ".incoming" / "old", tmp_path / ".incoming" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    long_ago = time.time() - LEFTOVER_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    FolderObjectStore(tmp_path)
    assert incoming(tmp_path) == [new]


def test_deleting_leaves_no_empty_folder_and_takes_none_from_a_writer(tmp_path):
    store = FolderObjectStore(tmp_path / "objects")
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            store.delete(store.put("raw/a/b/c/passing", io.BytesIO(b"passing")).uri)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for number in range(40):
            put = store.put(f"raw/a/b/c/{number}", io.BytesIO(b"mine"))
            assert store.stat(put.uri).digest == put.digest
            store.delete(put.uri)
    finally:
        stop.set()
        other.join()
    assert {path.name for path in (tmp_path / "objects").rglob("*")} == {".digests", ".incoming"}


def test_put_file_moves_within_a_file_system(tmp_path):
    finished = tmp_path / "chunk"
    finished.write_bytes(b"rows")
    inode = finished.stat().st_ino
    store = FolderObjectStore(tmp_path / "objects")
    with store.local(store.put_file(NAME, finished).uri) as path:
        assert path.stat().st_ino == inode
    assert not finished.exists()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")  # noqa: S108
def test_put_file_copies_between_file_systems(tmp_path):
    finished = Path("/dev/shm") / f"costwire-test-{os.getpid()}"  # noqa: S108
    finished.write_bytes(b"rows")
    store = FolderObjectStore(tmp_path)
    assert finished.stat().st_dev != tmp_path.stat().st_dev
    with store.open(store.put_file(NAME, finished).uri) as opened:
        assert opened.read() == b"rows"
    assert not finished.exists()


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 10_000])
@pytest.mark.parametrize("read_before", [0, 3])
def test_a_file_is_copied_from_where_it_was_read_to(tmp_path, monkeypatch, size, read_before):
    monkeypatch.setattr(kernel_copy, "PIECE_BYTES", 4096)
    source = tmp_path / "bill.csv"
    source.write_bytes(os.urandom(size))
    left = source.read_bytes()[read_before:]
    store = FolderObjectStore(tmp_path / "objects")
    with source.open("rb") as content:
        content.read(read_before)
        stored = store.put(NAME, content)
        assert content.read() == b""
    assert (stored.size_bytes, stored.digest) == (len(left), "sha256:" + hashlib.sha256(left).hexdigest())
    assert (tmp_path / "objects" / NAME).read_bytes() == left


@LINUX
@pytest.mark.parametrize("copied_before", [0, 1])
def test_what_the_kernel_does_not_copy_is_copied_by_hand(tmp_path, monkeypatch, copied_before):
    asked = []

    def give_up(source, target, count, start, first):
        asked.append(start)
        if len(asked) > copied_before:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return os.pwrite(target, os.pread(source, 5, start), first)

    monkeypatch.setattr(kernel_copy.os, "copy_file_range", give_up)
    source = tmp_path / "bill.csv"
    source.write_bytes(b"line,cost\n1,2\n")
    store = FolderObjectStore(tmp_path / "objects")
    with source.open("rb") as content:
        stored = store.put(NAME, content)
    assert asked == [0, 5][: copied_before + 1]
    assert stored.digest == "sha256:" + hashlib.sha256(source.read_bytes()).hexdigest()
    assert (tmp_path / "objects" / NAME).read_bytes() == source.read_bytes()


@LINUX
def test_the_digest_is_of_the_stored_bytes(tmp_path, monkeypatch):
    def store_another(source, target, count, start, first):
        return 0 if start else os.pwrite(target, b"other", first)

    monkeypatch.setattr(kernel_copy.os, "copy_file_range", store_another)
    source = tmp_path / "bill.csv"
    source.write_bytes(b"bytes")
    with source.open("rb") as content:
        stored = FolderObjectStore(tmp_path / "objects").put(NAME, content)
    assert stored.digest == "sha256:" + hashlib.sha256(b"other").hexdigest()


def test_an_object_stays_as_it_was_when_its_source_is_changed_in_place(tmp_path):
    source = tmp_path / "bill.csv"
    source.write_bytes(b"before")
    store = FolderObjectStore(tmp_path / "objects")
    with source.open("rb") as content:
        store.put(NAME, content)
    with source.open("r+b") as changed:
        changed.write(b"after!")
    assert (tmp_path / "objects" / NAME).read_bytes() == b"before"


def test_a_packed_stream_is_stored_unpacked(tmp_path):
    source = tmp_path / "bill.csv.gz"
    source.write_bytes(gzip.compress(b"line,cost\n" * 1000))
    with gzip.open(source) as content:
        FolderObjectStore(tmp_path / "objects").put(NAME, content)
    assert (tmp_path / "objects" / NAME).read_bytes() == b"line,cost\n" * 1000


@pytest.mark.parametrize(("first", "second"), [("raw/a", "raw/a/b"), ("raw/a", "raw/a/b/c"), ("raw/a/b", "raw/a")])
def test_an_object_cannot_lie_below_another(tmp_path, first, second):
    store = FolderObjectStore(tmp_path)
    store.put(first, io.BytesIO(b"x"))
    with pytest.raises(BadConfiguration, match="use another name"):
        store.put(second, io.BytesIO(b"y"))


def test_the_key_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "home" / "keys.json"
    LocalKeyRing(path).encrypt(b"x", "a/b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_key_file_open_to_others_is_refused(tmp_path, mode):
    path = tmp_path / "keys.json"
    ring = LocalKeyRing(path)
    sealed = ring.encrypt(b"x", "a/b")
    path.chmod(mode)
    for use in (lambda: ring.encrypt(b"x", "a/b"), lambda: ring.decrypt(sealed, "a/b"), ring.rotate):
        with pytest.raises(BadConfiguration, match=f"mode {mode:04o}.*chmod 600"):
            use()
    path.chmod(0o600)
    assert ring.decrypt(sealed, "a/b") == b"x"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"keys": {}}', '{"keys": {"1": "c2hvcnQ="}}', '{"keys": {"one": ""}}', '{"keys": [1]}']
)
def test_a_damaged_key_file_is_told_without_its_content(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadConfiguration, match=r"keys\.json is not a Costwire key file") as caught:
        LocalKeyRing(path).encrypt(b"x", "a/b")
    assert "c2hvcnQ" not in str(caught.value)
    assert path.read_text() == text


def test_keys_have_256_bits_and_differ(tmp_path):
    path = tmp_path / "keys.json"
    ring = LocalKeyRing(path)
    assert [ring.rotate(), ring.rotate()] == ["1", "2"]
    keys = json.loads(path.read_text())["keys"]
    assert len(set(keys.values())) == 2
    assert all(len(key) == 44 for key in keys.values())
