"""One file of 10 GB through the embedded runtime: its chunks, the peak of memory and of scratch, and the time of each function.

python -m benchmarks.big_part [--gigabytes 10] [--kind csv|parquet] [--folder bench-data]

The bill is one of 1.2 million lines whose lines are repeated; its exact total is known, and the delivery must prove it.  The disk
needs room for the file twice (the delivery stores it) and a tenth more; all is removed afterwards.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

import duckdb

from benchmarks.cur import Bill, generate
from benchmarks.measure import probe
from common.domain.money import EXACT
from common.formats.source import file_literal, literal

LINES = 1_200_000
PIECE_BYTES = 16 << 20
ROW_GROUP = 122_880


def main(words: list[str]) -> int:
    """Make the bill, deliver it, print what that took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_part")
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--kind", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--folder", type=Path, default=Path("bench-data"))
    asked = parser.parse_args(words)
    base = generate(asked.folder, LINES)
    with _work_folder(asked.folder) as folder:
        times = max(1, round(asked.gigabytes * 1e9 / base.size_bytes))
        path = _repeated(base, folder, times) if asked.kind == "csv" else _as_parquet(base, folder, times)
        total = EXACT.multiply(Decimal(base.total), Decimal(times))
        print(
            f"{asked.kind}: {base.rows * times:,} lines, {path.stat().st_size / 1e9:.2f} GB, {total:f} USD", flush=True
        )
        run = probe("big_part", path, f"{total:f}", environment={"COSTWIRE_HOME": str(folder / "home")})
    facts = run.facts
    print(f"{facts['chunks']} chunks, {facts['rows']:,} rows, proved to the last digit")
    print(f"peak memory {run.peak_bytes / 2**20:,.0f} MiB, scratch {facts['scratch_peak_bytes'] / 1e6:,.0f} MB")
    print(f"{run.seconds:,.0f} s, {run.processor_seconds:,.0f} s of processor time: {facts['by_function']}")
    return 0


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    made = Path(mkdtemp(prefix="big-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _repeated(base: Bill, folder: Path, times: int) -> Path:
    """The header once, and the lines so often."""
    path = folder / "bill.csv"
    with base.path.open("rb") as lines, path.open("wb") as out:
        out.write(lines.readline())
        begin = lines.tell()
        for _ in range(times):
            lines.seek(begin)
            shutil.copyfileobj(lines, out, PIECE_BYTES)
    return path


def _as_parquet(base: Bill, folder: Path, times: int) -> Path:
    path = folder / "bill.parquet"
    with duckdb.connect() as connection:
        file = f"read_csv({file_literal(str(base.path))}, all_varchar = true)"
        connection.execute("set memory_limit = '2GB'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(
            f"copy (select bill.* from range({times}) cross join {file} as bill) to {literal(str(path))} "
            f"(format parquet, row_group_size {ROW_GROUP})"
        )
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
