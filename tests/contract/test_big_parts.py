"""A big part in a bucket never lies whole in memory or in temporary files; runs where CONTRACT_OBJECTS asks for gcs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
import storage_backends
from backends import chosen

from benchmarks import cur

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("gcs" not in chosen("OBJECTS", "folder"), reason="CONTRACT_OBJECTS does not name gcs"),
]
PROJECT = Path(__file__).parents[2]
LINES = (300_000, 600_000)
MOST_SCRATCH = 0.15
"""Of the part: what is mapped of it lies in the temporary folder until it is in the bucket."""
MOST_RSS_BYTES = 1_200 << 20
MOST_GROWTH = 0.5
"""Of the bytes by which one part is larger than another."""


def delivered(folder: Path, lines: int, **environment: str) -> dict:
    """What the delivery of a bill of so many lines took."""
    bill = cur.generate(folder, lines)
    source = storage_backends.made_bucket(f"bills-{uuid.uuid4().hex[:12]}")
    objects = storage_backends.made_bucket(f"objects-{uuid.uuid4().hex[:12]}")
    part = storage_backends.bucket_client().bucket(source).blob("march/part.csv", chunk_size=16 << 20)
    part.upload_from_filename(str(bill.path))
    bill.path.unlink()
    home = folder / str(lines)
    home.mkdir()
    command = [sys.executable, "-m", "tests.contract.big_part", str(home), f"gs://{source}/march", objects]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {**json.loads(done.stdout), "size_bytes": bill.size_bytes, "total": bill.total}


def test_a_part_is_landed_and_mapped_in_bounded_memory_and_little_scratch(tmp_path):
    small, big = (delivered(tmp_path, lines) for lines in LINES)
    for one in (small, big):
        assert one["state"] == "current"
        assert [proof["difference"] for proof in one["proof"]] == ["0"]
        assert one["scratch_peak_bytes"] < one["size_bytes"] * MOST_SCRATCH
        assert one["peak_rss_bytes"] < MOST_RSS_BYTES
    grown = big["peak_rss_bytes"] - small["peak_rss_bytes"]
    assert grown < (big["size_bytes"] - small["size_bytes"]) * MOST_GROWTH


def test_a_part_is_mapped_in_ranges_of_its_object(tmp_path):
    one = delivered(tmp_path, 30_000, COSTWIRE_CHUNK_BYTES=str(5 << 20))
    assert (one["state"], one["chunks"]) == ("current", 5)
    assert [(proof["difference"], Decimal(proof["written"])) for proof in one["proof"]] == [
        ("0", Decimal(one["total"]))
    ]
