"""What a file is, is told by its bytes; what it cannot be gets one clear line."""

import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from common.errors import BadBill
from common.formats.bounds import check_bounds
from common.formats.container import opened

CSV = b'a,b\n1,"x\ny"\n'


def made(folder: Path, content: bytes, name: str = "bill") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(content: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "compression"),
    [
        (CSV, "none"),
        (b"\xef\xbb\xbf" + CSV, "none"),
        (gzip.compress(CSV, mtime=0), "gzip"),
        (zstandard.compress(CSV), "zstd"),
        (zipped(CSV, "inner.csv"), "none"),
    ],
    ids=["plain", "with BOM", "gzip", "zstd", "zip"],
)
def test_csv_is_known_under_any_compression_and_any_name(tmp_path: Path, content: bytes, compression: str) -> None:
    with opened(made(tmp_path, content, "bill.parquet"), "bill") as found:
        assert (found.kind, found.compression, found.names) == ("csv", compression, ("a", "b"))


def test_parquet_names_reach_into_records(tmp_path: Path) -> None:
    table = pa.table(
        {"cost": [1.5], "service": [{"id": "x", "sku": {"id": "y"}}], "labels": [[{"key": "k", "value": "v"}]]}
    )
    pq.write_table(table, tmp_path / "bill")
    with opened(tmp_path / "bill", "bill") as found:
        assert found.names == ("cost", "service.id", "service.sku.id", "labels")
        assert found.nested == {"labels"}


def test_json_lines_are_read_beyond_the_first_line(tmp_path: Path) -> None:
    path = made(tmp_path, b'{"cost": 1, "service": {"id": "x"}}\n{"cost": 2, "labels": []}\n')
    with opened(path, "bill") as found:
        assert found.kind == "json"
        assert set(found.names) == {"cost", "service.id", "labels"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"  \n", "no text"),
        (b"a;b;c\n1;2;3\n", "semicolons, expected commas"),
        (b"a\tb\n1\t2\n", "tabs, expected commas"),
        (b"just words\n", "neither CSV, Parquet nor JSON"),
        (b"\x00\x01\x02\x03binary", "neither CSV, Parquet nor JSON"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"1.5,2\n3,4\n", "expected a header"),
        (b"{not json}\n", "is a JSON object"),
        (b"PAR1 and then nothing", "broken Parquet"),
        (zipped(CSV, "one.csv", "two.csv"), "zip of 2 files"),
        (b"PK\x03\x04 broken", "broken zip"),
        (gzip.compress(CSV * 1000, mtime=0)[:12], "truncated"),
    ],
)
def test_bad_input_gets_one_line_that_says_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadBill, match=said) as caught, opened(made(tmp_path, content), "march.csv"):
        pass
    assert "\n" not in str(caught.value)
    assert "march.csv" in str(caught.value)


@pytest.mark.parametrize("squash", [gzip.compress, zstandard.compress])
def test_a_stream_that_breaks_off_is_found_before_it_passes_for_a_bill(tmp_path: Path, squash) -> None:  # type: ignore[no-untyped-def]
    import random

    noise = random.Random(1).randbytes(3 << 20).hex().encode()
    whole = squash(CSV + noise)
    path = made(tmp_path, whole[: len(whole) // 2])
    with opened(path, "bill") as found, pytest.raises(BadBill, match="is incomplete"):
        check_bounds(found.content, found.compression, found.kind, "bill")
