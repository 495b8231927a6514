"""Whatever a file holds, looking at it takes little memory: a bill that would take more is refused in one line."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.support import CUR_HEADER, cur_line, cur_text, laptop

GOOD = cur_text([cur_line(number, "1.25") for number in range(3)]).encode()
BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
with (BILLS / "gcp" / "detailed_nise_2026-03_usd.ndjson").open("rb") as _lines:
    JSON_LINE = next(_lines)
MOST_KB = 600_000
FILLER = b"x" * (4 << 20)
"""A line of this many times 4 MiB would be 1.5 GB, and packs into a few MB."""
TIMES = 375
READ = """
import sys
from pathlib import Path
from tests.support import laptop
with laptop(Path(sys.argv[1])) as rt:
    errors = [outcome.error for outcome in rt.bring(Path(sys.argv[2]), provider=sys.argv[3]) if outcome.error]
    (delivery,) = rt.deliveries()
print(errors, delivery["state"], delivery["reason"])
# not ru_maxrss, which has what the process that started this one took
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def one_line(head: bytes, out: io.BufferedIOBase | zstandard.ZstdCompressionWriter | gzip.GzipFile) -> None:
    out.write(head)
    for _ in range(TIMES):
        out.write(FILLER)
    out.write(b"\n")


def in_gzip(path: Path, head: bytes) -> None:
    with gzip.open(path, "wb", compresslevel=1) as out:
        one_line(head, out)


def in_zstd(path: Path, head: bytes) -> None:
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as out:
        one_line(head, out)


def in_zip(path: Path, head: bytes) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a", "w", force_zip64=True) as out,
    ):
        one_line(head, out)  # type: ignore[arg-type]


def plain(path: Path, head: bytes) -> None:
    with path.open("wb") as out:
        out.write(head)
        out.write(b"x" * (70 << 20))
        out.write(b"\n")


def read_aside(home: Path, bill: Path, provider: str = "aws") -> tuple[str, int]:
    """What became of a bill that another process brought in, and the most memory that took, in KB."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(home), str(bill), provider], capture_output=True, text=True, timeout=120, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said, peak = done.stdout.splitlines()
    return said, int(peak)


@pytest.mark.parametrize(("provider", "head"), [("aws", GOOD), ("gcp", JSON_LINE + b'{"cost": "')], ids=["csv", "json"])
@pytest.mark.parametrize("write", [in_gzip, in_zstd, in_zip, plain])
def test_one_endless_line_is_refused_with_little_memory(
    tmp_path: Path, write: Callable[[Path, bytes], None], provider: str, head: bytes
) -> None:
    write(tmp_path / "bill", head)
    said, peak = read_aside(tmp_path / "home", tmp_path / "bill", provider)
    assert said.startswith("[] rejected") and "a line longer than 16 MB" in said, said
    assert peak < MOST_KB


def test_what_unpacks_to_far_more_than_a_bill_is_refused_with_little_memory(tmp_path: Path) -> None:
    lines = (GOOD.split(b"\n")[1] + b"\n") * 4000
    with (tmp_path / "bill").open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as out:
        out.write(GOOD)
        for _ in range((1 << 30) // len(lines) + 1):
            out.write(lines)
    said, peak = read_aside(tmp_path / "home", tmp_path / "bill")
    assert said.startswith("[] rejected") and "unpacks to more than 1,024 MB" in said, said
    assert peak < MOST_KB


@pytest.mark.parametrize("named", ["note", "lineItem/UnblendedCost"])
def test_parquet_pages_that_unpack_to_far_more_than_a_bill_are_refused_with_little_memory(
    tmp_path: Path, named: str
) -> None:
    """Pages of 400 MB in a file of less than 1 MB, of a column that one reader or that both read."""
    lines = [cur_line(number, "1.25") for number in range(100)]
    columns = {name: [line[name.split("/", 1)[1]] for line in lines] for name in CUR_HEADER}
    table = pa.table({**columns, named: [FILLER.decode()] * len(lines)})
    how: dict[str, Any] = {"use_dictionary": False, "compression": "zstd", "write_statistics": False}
    with pq.ParquetWriter(tmp_path / "bill", table.schema, **how) as writer:
        for _ in range(3):
            writer.write_table(table)
    del table
    assert (tmp_path / "bill").stat().st_size < 1 << 20
    said, peak = read_aside(tmp_path / "home", tmp_path / "bill")
    assert said.startswith("[] rejected") and "unpacks to more than 1,024 MB" in said, said
    assert peak < MOST_KB


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_hundred_thousand_columns_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    names = [f"c{number}" for number in range(100_000)]
    bill = tmp_path / "bill"
    if kind == "csv":
        bill.write_text(",".join(names) + "\n" + "1," * 99_999 + "1\n")
    elif kind == "json":
        bill.write_text(
            "".join(json.dumps(dict.fromkeys(names[at : at + 200], 1)) + "\n" for at in range(0, 100_000, 200))
        )
    else:
        pq.write_table(pa.table({name: [1] for name in names}), bill)
    with laptop(tmp_path / "home") as rt:
        started = time.monotonic()
        assert [outcome.error for outcome in rt.bring(bill) if outcome.error] == []
        taken = time.monotonic() - started
        (delivery,) = rt.deliveries()
    assert delivery["state"] == "rejected"
    assert "columns, expected at most 10,000" in delivery["reason"]
    assert taken < 5, "the whole of it, on a busy machine; the refusal itself takes well below a second"


def test_a_zip_in_a_zip_is_refused(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bill.csv", GOOD)
    with zipfile.ZipFile(tmp_path / "bill.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    with laptop(tmp_path / "home") as rt:
        rt.bring(tmp_path / "bill.zip")
        (delivery,) = rt.deliveries()
    assert "holds another compressed or Parquet file inside" in delivery["reason"]


def test_a_bill_that_packs_well_is_no_bomb(tmp_path: Path) -> None:
    """Two hundred MB in two: nothing that a monthly bill of like lines would not do."""
    line = GOOD.split(b"\n")[1] + b"\n"
    packer = zlib.compressobj(9, wbits=31)
    (tmp_path / "bill").write_bytes(packer.compress(GOOD + line * 20_000) + packer.flush())
    with laptop(tmp_path / "home") as rt:
        rt.bring(tmp_path / "bill")
        (delivery,) = rt.deliveries()
    assert delivery["state"] == "current", delivery.get("reason")
