"""A process that reads one file after another through Python takes no more memory with each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READS = """
import sys
from pathlib import Path
from common.formats.content import Content
from common.formats.engine import engine
from common.ports import Readable

def resident_mib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024

path = Path(sys.argv[1])
for _ in range(12):
    content = Content(Readable(path.stat().st_size, lambda: path.open("rb")))
    with engine(path.parent, 2) as connection:
        connection.execute(f"copy (from read_csv('{content.name}', all_varchar = true)) to '{path.parent}/out.parquet'")
    print(resident_mib())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much is resident")
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    line = ",".join(f"some-text-of-a-cell-{number}" for number in range(20))
    with bill.open("w") as out:
        out.write(",".join(f"c{number}" for number in range(20)) + "\n")
        for number in range(100_000):
            out.write(f"{number},{line.partition(',')[2]}\n")
    done = subprocess.run(
        [sys.executable, "-c", READS, str(bill)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    first, *others = map(int, done.stdout.split())
    assert max(others) < first + 25, (first, others)
