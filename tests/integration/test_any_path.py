"""Any folder will do: the whole flow in homes, and for bills, whose paths hold quotes, patterns, escapes and other scripts."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.runtime import bootstrap
from costwire import cli
from tests.support import CUR_HEADER, cur_line, cur_text

ROOT = Path(__file__).parents[2]
ODD = ["o'brien's \"home\" 50%25 #1; -- {x} käse 日本 $HOME", "a*b?", "[ab]", "BilledCost=5", "back\\slash"]
OTHER = cur_text([cur_line(number, "77") for number in range(5)])


@pytest.fixture
def costwire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A command in this process, which loads what it needs once."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run(home: Path, *words: str, status: int = 0) -> str:
        monkeypatch.setenv("COSTWIRE_HOME", str(home))
        done = CliRunner().invoke(cli.app, words)
        assert done.exit_code == status, (words, done.output[-500:], done.exception)
        return f"{done.output}{done.exception or ''}"

    bootstrap.use(None)
    yield run
    bootstrap.use(None)


def in_a_process(home: Path, *words: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "costwire", *words], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT,
        env={**os.environ, "COSTWIRE_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == status, (words, done.stdout[-500:], done.stderr[-1500:])
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ODD)
def test_the_whole_flow_works_in_a_folder_of_any_name(tmp_path: Path, costwire: Callable[..., str], name: str) -> None:
    home, bills = tmp_path / name / "home", tmp_path / name / "bills"
    bills.mkdir(parents=True)
    for decoy in ("axbx", "aabb", "a", "b"):  # what the name would match as a pattern
        folder = tmp_path / decoy / "bills"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.csv").write_text(OTHER)
        for ending in ("csv", "parquet"):
            (folder.parent / f"out.{ending}").write_text("a,b\n1,2\n")
    lines = [cur_line(number, "1.25") for number in range(4)] + [cur_line(9, "much")]
    bill = bills / f"{name}.csv"
    bill.write_text(cur_text(lines))
    costwire(home, "import", str(bill), "--integration", "bill")
    assert "5.00" in costwire(home, "costs", "--by", "service")
    said = costwire(home, "quarantine")
    assert "much" not in said and "unblended_cost" in said.replace("-", "_")
    for ending in ("csv", "parquet"):
        costwire(home, "export", str(tmp_path / name / f"out.{ending}"))
        costwire(home, "validate", str(tmp_path / name / f"out.{ending}"))
    with (tmp_path / name / "out.csv").open(newline="") as file:
        assert sum(Decimal(row["BilledCost"]) for row in csv.DictReader(file)) == Decimal(5)
    costwire(home, "connect", "aws", "--location", str(bills), "--id", "folder")
    costwire(home, "sync", "--integration", "folder")
    bill.write_text(cur_text(lines[:2]))
    costwire(home, "import", str(bill), "--integration", "bill")
    assert "-2.50" in costwire(home, "restatements")
    costwire(home, "replay")


def test_an_empty_location_is_refused(tmp_path: Path, costwire: Callable[..., str]) -> None:
    assert "--location is empty" in costwire(tmp_path, "connect", "aws", "--location", "  ", status=1)


@pytest.mark.parametrize("uri", ["file:///tmp/a%00b"])
def test_a_nul_in_a_location_is_refused_in_one_line(tmp_path: Path, uri: str) -> None:
    said = in_a_process(tmp_path, "connect", "aws", "--location", uri, status=1)
    assert "NUL character" in said and said.count("\n") == 1


def test_validate_says_what_a_file_without_focus_columns_is(tmp_path: Path, costwire: Callable[..., str]) -> None:
    (tmp_path / "cur.csv").write_text(cur_text([cur_line(1, "1")]))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "other.json").write_text('{"a": 1}\n')
    said = costwire(tmp_path / "home", "validate", str(tmp_path / "cur.csv"), status=1)
    assert "cur.csv is a bill in another format" in said and "costwire import turns it into FOCUS" in said
    for name in ("other.csv", "other.json"):
        assert "is a FOCUS column" in costwire(tmp_path / "home", "validate", str(tmp_path / name), status=1)
    assert CUR_HEADER
