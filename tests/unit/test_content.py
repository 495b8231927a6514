"""Bytes that are no file on this machine are read by DuckDB and by Python as if they were one."""

from __future__ import annotations

import gzip
import io
import random
import threading
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadBill, Retryable
from common.formats import container as containers
from common.formats.bounds import check_bounds
from common.formats.container import decompressed, opened
from common.formats.content import Content, between, file_at
from common.formats.content_files import SharedFile
from common.formats.engine import engine
from common.ports import Readable

CSV = b"a,b\n" + b"".join(b'%d,"x\n%d"\n' % (number, number * 7) for number in range(60_000))
JSON = b"".join(b'{"a": "%d", "b": "x"}\n' % number for number in range(60_000))
MARK = b"\xef\xbb\xbf"


def readable(content: bytes) -> Readable:
    return Readable(len(content), lambda: io.BytesIO(content))


def zipped(content: bytes, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        archive.writestr("inner.csv", content)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(
        pa.table({"a": [str(number) for number in range(60_000)], "b": ["x"] * 60_000}), out, row_group_size=5000
    )
    return out.getvalue()


def sums(found: containers.Container) -> tuple[int, int]:
    """Lines and the sum of `a`, as DuckDB reads them."""
    name, packed = found.content.name, found.compression
    relation = {
        "csv": f"read_csv('{name}', columns = {{'a': 'VARCHAR', 'b': 'VARCHAR'}}, header = true, auto_detect = false, "
        f"delim = ',', quote = '\"', escape = '\"', compression = '{packed}')",
        "json": f"(select json->>'a' as a from read_ndjson_objects('{name}', compression = '{packed}'))",
        "parquet": f"read_parquet('{name}')",
    }[found.kind]
    with engine() as connection:
        return connection.execute(f"select count(*), sum(cast(a as bigint)) from {relation}").fetchone()


@pytest.mark.parametrize(
    "content",
    [
        CSV, MARK + CSV, gzip.compress(CSV), zstandard.compress(CSV), zipped(CSV), zipped(CSV, zipfile.ZIP_STORED),
        JSON, MARK + JSON, gzip.compress(JSON), gzip.compress(MARK + JSON), zstandard.compress(MARK + JSON), zipped(JSON),
        parquet(), zipped(parquet()), zipped(parquet(), zipfile.ZIP_STORED),
    ],
    ids=[
        "csv", "csv BOM", "csv gz", "csv zst", "csv zip", "csv zip stored",
        "json", "json BOM", "json gz", "json gz BOM", "json zst BOM", "json zip",
        "parquet", "parquet zip", "parquet zip stored",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["on disk", "elsewhere"])
def test_duckdb_reads_every_container_wherever_it_lies(tmp_path, content, where):
    (tmp_path / "bill").write_bytes(content)
    source = tmp_path / "bill" if where == "on disk" else readable(content)
    with opened(source, "bill") as found:
        check_bounds(found.content, found.compression, found.kind, "bill")
        assert sums(found) == (60_000, 60_000 * 59_999 // 2)


def test_a_file_is_read_by_its_path_and_nothing_else_is(tmp_path):
    (tmp_path / "bill").write_bytes(CSV)
    with opened(tmp_path / "bill", "bill") as found:
        assert found.content.name == str(tmp_path / "bill")
    with opened(readable(CSV), "bill") as found:
        assert found.content.path is None


@given(st.binary(max_size=60), st.binary(max_size=20), st.binary(max_size=20), st.data())
def test_a_part_between_other_bytes_reads_as_one_file(content, head, tail, data):
    first = data.draw(st.integers(0, len(content)))
    size = data.draw(st.integers(0, len(content) - first))
    whole = io.BytesIO(head + content[first : first + size] + tail)
    part = between(Content(readable(content)), first, size, head, tail)
    assert part.size_bytes == len(whole.getvalue())
    with part.open() as opened_part:
        for _ in range(5):
            spot, length = data.draw(st.integers(0, 110)), data.draw(st.integers(-1, 60))
            assert opened_part.seek(spot) == whole.seek(spot)
            assert opened_part.read(length) == whole.read(length)


def test_a_zipped_file_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "_unpacked", lambda *_: pytest.fail("unpacked"))
    for content in (zipped(CSV), zipped(CSV, zipfile.ZIP_STORED), MARK + JSON):
        with opened(readable(content), "bill") as found, decompressed(found.content, found.compression) as stream:
            assert stream.read() in (CSV, JSON)


@pytest.mark.parametrize("content", [zipped(parquet()), gzip.compress(MARK + JSON)], ids=["parquet zip", "json gz BOM"])
def test_what_must_be_unpacked_may_not_be_big(content, monkeypatch):
    monkeypatch.setattr(containers, "MOST_UNPACKED_BYTES", 1 << 10)
    with (
        pytest.raises(BadBill, match=r"^bill, .* has more than 0 MB unpacked; unpack it and import that$"),
        opened(readable(content), "bill"),
    ):
        pass


def encrypted() -> bytes:
    packed = bytearray(zipped(CSV))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def damaged(content: bytes) -> bytes:
    return content[:2000] + bytes(100) + content[2100:]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (zipped(CSV, zipfile.ZIP_BZIP2), "is a zip packed neither by deflate nor stored"),
        (encrypted(), "is an encrypted zip"),
        (damaged(zipped(CSV, zipfile.ZIP_STORED)), "is a broken zip"),
        (zipped(gzip.compress(CSV)), "holds another compressed or Parquet file inside"),
    ],
)
def test_a_zip_that_cannot_be_read_is_told(content, told):
    with pytest.raises(BadBill, match=f"bill {told}"), opened(readable(content), "bill"):
        pass


def test_a_damaged_deflated_zip_is_found_before_it_passes_for_a_bill():
    content = zipped(CSV)
    middle = len(content) // 2
    content = content[:middle] + bytes(50) + content[middle + 50 :]
    with pytest.raises(BadBill, match="bill is incomplete"), opened(readable(content), "bill") as found:
        check_bounds(found.content, found.compression, found.kind, "bill")


def test_an_error_of_the_store_under_duckdb_leaves_as_it_was():
    gone = threading.Event()

    class GoesAway(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if gone.is_set():
                raise Retryable("object x: temporarily unavailable")
            return super().read(size)

    source = Readable(len(CSV), lambda: GoesAway(CSV))
    with (
        pytest.raises(Retryable, match=r"^object x: temporarily unavailable") as caught,
        opened(source, "bill") as found,
    ):
        gone.set()
        sums(found)
    assert isinstance(caught.value.__cause__, duckdb.Error)


def shared(content: bytes) -> SharedFile:
    return SharedFile(Content(readable(content)))


def test_threads_that_seek_and_read_get_what_they_sought():
    content = random.Random(7).randbytes(3000)
    wrong: list[int] = []
    file = shared(content)

    def work(seed: int) -> None:
        spots = random.Random(seed)
        for _ in range(200):
            spot = spots.randrange(len(content) - 100)
            file.seek(spot)
            threading.Event().wait(0)
            if file.read(100) != content[spot : spot + 100]:
                wrong.append(spot)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_that_only_read_go_on_where_the_other_stopped():
    content = bytes(range(250))
    file = shared(content)
    found = [file.read(100)]
    thread = threading.Thread(target=lambda: found.append(file.read(100)))
    thread.start()
    thread.join()
    assert b"".join([*found, file.read(100)]) == content


def test_a_connection_imports_nothing_for_files(tmp_path: Path):
    (tmp_path / "bill").write_bytes(CSV)
    content = Content(file_at(tmp_path / "bill"))
    with content.open() as stream:
        assert stream.read() == CSV
    assert content.name == str(tmp_path / "bill")
