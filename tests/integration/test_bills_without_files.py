"""A bill that is no file on this machine, as an object in a bucket is none, becomes the very rows that it becomes from a file."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import zstandard

from common.adapters.embedded.folder_objects import FolderObjectStore
from common.config import Settings
from common.ports import Readable
from common.reporting.quarantine import read_lines
from common.runtime import bootstrap
from tests.support import Laptop, cur_line, cur_text

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
LINES = cur_text([cur_line(number, "1.25") for number in range(20)]).encode().splitlines()


class NoFiles(FolderObjectStore):
    """Tells nobody where its objects lie."""

    def readable(self, uri: str) -> Readable:
        return replace(super().readable(uri), path=None)


class Elsewhere(Laptop):
    @cached_property
    def objects(self) -> NoFiles:
        return NoFiles(self.home / "objects")


def broken_lines() -> bytes:
    """One line too short, one too long for DuckDB to keep and ragged, one that is no UTF-8, and line ends of two kinds."""
    short, no_text = LINES[3].rsplit(b",", 1)[0], LINES[5].replace(b"t3.medium", b"caf\xe9")
    long = LINES[7].replace(b"line6", b"x" * 50_000) + b",x"
    head, tail = b"\n".join([*LINES[:10], short, no_text, long]), b"\r\n".join(LINES[10:])
    return head + b"\r\n" + tail + b"\r\n"


def broken_json() -> bytes:
    lines = (BILLS / "gcp" / "detailed_nise_2026-03_usd.ndjson").read_bytes().splitlines()
    return b"\xef\xbb\xbf" + b"\n".join([*lines[:50], b'{"cost": 5, "curr', *lines[50:60]]) + b"\n"


def zipped(content: bytes, folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bill.csv", content)
    return (folder / "made.zip").read_bytes()


CASES: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "broken lines": ("aws", lambda _: broken_lines()),
    "broken lines, gzip": ("aws", lambda _: gzip.compress(broken_lines())),
    "broken lines, zstd": ("aws", lambda _: zstandard.compress(broken_lines())),
    "broken lines, zip": ("aws", lambda folder: zipped(broken_lines(), folder)),
    "broken JSON lines": ("gcp", lambda _: broken_json()),
    "broken JSON lines, gzip": ("gcp", lambda _: gzip.compress(broken_json())),
    "Parquet": ("aws", lambda _: (BILLS / "aws" / "cur_athena_nise_2026-01_usd.snappy.parquet").read_bytes()),
    "gzip": ("aws", lambda _: (BILLS / "aws" / "cur2_nise_2026-01_usd.csv.gz").read_bytes()),
    "Azure": ("azure", lambda _: (BILLS / "azure" / "ea_nise_2026-03_usd.csv").read_bytes()),
}


def outcome(runtime: type[Laptop], home: Path, bill: Path, provider: str) -> dict[str, Any]:
    """All that a delivery leaves."""
    rt = runtime(Settings(home=home))
    bootstrap.use(rt)
    try:
        rt.bring(bill, provider=provider)
        names = ("delivery_id", "state", "reason", "proof", "rows", "quarantined_rows", "totals")
        deliveries = [{name: one.get(name) for name in names} for one in rt.deliveries()]
        quarantined = [asdict(line) for line in read_lines(rt.objects, "default", with_rows=True)]
        return {"deliveries": deliveries, "quarantined": quarantined, "exported": rt.exported()}
    finally:
        bootstrap.use(None)


@pytest.mark.parametrize("case", CASES)
def test_the_same_rows_and_the_same_quarantine(tmp_path: Path, case: str) -> None:
    provider, content = CASES[case]
    bill = tmp_path / "bill"
    bill.write_bytes(content(tmp_path))
    from_file = outcome(Laptop, tmp_path / "here", bill, provider)
    from_elsewhere = outcome(Elsewhere, tmp_path / "there", bill, provider)
    assert from_elsewhere == from_file
    assert {one["state"] for one in from_file["deliveries"]} == {"current"}
    assert bool(from_file["quarantined"]) == case.startswith("broken")
