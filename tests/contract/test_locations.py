"""Every location runs the same cases: CONTRACT_LOCATIONS=file,s3,... (those that need no emulator by default)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from backends import LOCATIONS, chosen

from common.errors import BadConfiguration, Changed, NotFound


@pytest.fixture(params=chosen("LOCATIONS", "file,s3,oci"))
def backend(request):
    return LOCATIONS[request.param]


@pytest.fixture
def place(tmp_path, backend, monkeypatch):
    for name, value in backend.environment().items():
        monkeypatch.setenv(name, value)
    return tmp_path / "my bills"


def test_files_are_listed_by_name_with_their_facts(backend, place):
    for name in ("b.csv", "2026-03/part 1.csv", "2026-03/ä%20.csv", "a/deep/er/x.parquet"):
        backend.write(place, name, name.encode())
    found = backend.open(place, "").list()
    names = [item.name for item in found]
    assert names == ["2026-03/part 1.csv", "2026-03/ä%20.csv", "a/deep/er/x.parquet", "b.csv"]
    for item in found:
        assert item.size_bytes == len(item.name.encode())
        assert item.modified_at.tzinfo == UTC
        assert abs(datetime.now(UTC) - item.modified_at) < timedelta(minutes=1)


def test_each_listed_file_can_be_read(backend, place):
    for name in ("b.csv", "2026-03/part 1.csv"):
        backend.write(place, name, name.encode())
    location = backend.open(place, "")
    for item in location.list():
        with location.open(item.name) as opened:
            assert opened.read() == item.name.encode()


def test_a_prefix_narrows_the_list(backend, place):
    for name in ("2026-03/a", "2026-03/b", "2026-04/a", "2026"):
        backend.write(place, name, b"")
    location = backend.open(place, "")
    assert [item.name for item in location.list("2026-03/")] == ["2026-03/a", "2026-03/b"]
    assert [item.name for item in location.list("2026")] == ["2026", "2026-03/a", "2026-03/b", "2026-04/a"]
    assert location.list("none") == []


def test_a_location_that_is_one_file_lists_that_one(backend, place):
    backend.write(place, "bill.csv", b"lineItem")
    backend.write(place, "other.csv", b"")
    location = backend.open(place, "bill.csv")
    assert [(item.name, item.size_bytes) for item in location.list()] == [("bill.csv", 8)]
    with location.open("bill.csv") as opened:
        assert opened.read() == b"lineItem"
    with pytest.raises(NotFound, match=r"other\.csv"):
        location.open("other.csv")


def test_a_version_changes_with_the_bytes_and_only_then(backend, place):
    backend.write(place, "bill.csv", b"1")
    location = backend.open(place, "")
    (first,) = location.list()
    assert location.list() == [first]
    time.sleep(0.02)  # file systems tell times apart by a few milliseconds
    backend.write(place, "bill.csv", b"2")
    (second,) = location.list()
    assert second.version != first.version


def test_a_file_is_opened_in_the_version_that_was_listed(backend, place):
    backend.write(place, "bill.csv", b"first")
    location = backend.open(place, "")
    (listed,) = location.list()
    with location.open("bill.csv", listed.version) as opened:
        assert opened.read() == b"first"
    time.sleep(0.02)
    backend.write(place, "bill.csv", b"other")
    with pytest.raises(Changed, match=r"bill\.csv changed since it was listed"):
        location.open("bill.csv", listed.version)


def test_a_missing_place_is_named(backend, place):
    with pytest.raises(BadConfiguration, match="none"):
        backend.open(place, "none").list()


@pytest.mark.parametrize("name", ["none.csv", "folder", "folder/x.csv/y", "../outside.csv", ""])
def test_a_missing_file_is_told(backend, place, name):
    backend.write(place, "folder/x.csv", b"")
    backend.write(place.parent, "outside.csv", b"secret")
    with pytest.raises(NotFound):
        backend.open(place, "").open(name)


def test_a_file_is_read_as_a_stream(backend, place):
    backend.write(place, "bill.csv", b"0123456789")
    with backend.open(place, "").open("bill.csv") as opened:
        assert [opened.read(4), opened.read(4), opened.read(4), opened.read(4)] == [b"0123", b"4567", b"89", b""]
