"""Every run ends, and says why: the same bill several times at once, workers that die, a disk that is full from the first message on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.ports.bus import MAX_ATTEMPTS
from costwire.dead_letters import GRACE
from tests import commands
from tests.support import cur_line, cur_text

ROOT = Path(__file__).parents[2]
COSTWIRE = [sys.executable, "-m", "costwire"]

KILLED_AT = """
import os, signal, sys
from common.runtime.bootstrap import embedded
from costwire.worker import deliver, subscribe_all
rt = embedded()
subscribe_all(rt)
while delivery := rt.bus.pull():
    if delivery.subscription == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    deliver(rt, delivery)
"""
"""A worker that dies when it has got a message of one function."""


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT)}


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COSTWIRE, *words], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def costwire(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, env=environment(home))


def runs(home: Path) -> list[tuple[str, str | None]]:
    """(status, error) of all runs, newest first."""
    return [(one["status"], one["error"]) for one in json.loads(costwire(home, "runs", "--json").stdout)]


def total(home: Path) -> str:
    (found,) = json.loads(costwire(home, "costs", "--json").stdout)["currencies"]
    return str(found["total"])


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    path = tmp_path / "bill.csv"
    path.write_text(cur_text([cur_line(number, "1.25") for number in range(400)]))
    return path


def test_the_same_bill_imported_four_times_at_once_leaves_no_run_open(tmp_path: Path, bill: Path) -> None:
    home = tmp_path / "home"
    words = ["import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]
    processes = [start(home, *words) for _ in range(4)]
    ends = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, ends
    assert runs(home) == [("succeeded", None)] * 4
    assert total(home) == "500"


@pytest.mark.parametrize("function", ["dispatch_sync", "ingest_aws", "normalize_focus"])
def test_a_message_whose_workers_all_die_ends_its_run_with_the_reason(
    tmp_path: Path, bill: Path, function: str
) -> None:
    home = tmp_path / "home"
    words = ["import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]
    request = (
        "from pathlib import Path; from costwire import imports; imports.report = lambda *_, **__: None; "
        f"imports.import_bill([Path({str(bill)!r})], provider='auto', integration='aws', org='default')"
    )
    subprocess.run([sys.executable, "-c", request], env=environment(home), check=True, timeout=60)
    for _ in range(MAX_ATTEMPTS):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, function], env=environment(home), check=False, timeout=60
        )
        assert killed.returncode == -9
    assert runs(home) == [("failed", "the process that worked on it died")]
    assert costwire(home, "replay").returncode == 0
    assert runs(home) == [("succeeded", None)]
    assert costwire(home, *words).returncode == 0
    assert total(home) == "500"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_first_message_leaves_no_run_open(small_disk: Path, bill: Path) -> None:
    home = small_disk / "home"
    words = ["import", str(bill), "--integration", "aws"]
    assert costwire(home, *words).returncode == 0
    ballast, refused = small_disk / "ballast", 0
    for free_kb in (0, 8, 16, 24, 32, 48, 64):
        status = os.statvfs(small_disk)
        ballast.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - free_kb * 1024)))
        done = costwire(home, *words)
        refused += done.returncode == 1 and "disk" in done.stderr
        ballast.unlink()
    assert refused, "the disk was never full: the test proves nothing"
    time.sleep(GRACE.total_seconds())
    costwire(home, "replay")
    found = runs(home)
    assert {status for status, _ in found} <= {"succeeded", "failed"}, found
    assert all(error for status, error in found if status == "failed")
    assert costwire(home, *words).returncode == 0
    assert total(home) == "500"


def test_a_run_whose_request_was_never_published_ends_with_the_next_look_at_it(tmp_path: Path, bill: Path) -> None:
    home = tmp_path / "home"
    assert costwire(home, "import", str(bill), "--integration", "aws").returncode == 0
    queue: dict[str, Any] = {"COSTWIRE_HOME": str(home)}
    script = (
        "from datetime import UTC, datetime; from common.runtime.bootstrap import embedded; from common.records.runs import queue_run\n"
        "class Earlier:\n    def now(self): return datetime(2026, 1, 1, tzinfo=UTC)\n"
        "queue_run(embedded().documents, Earlier(), 'default', 'r.aws', 'aws', 'import')"
    )
    subprocess.run([sys.executable, "-c", script], env={**environment(home), **queue}, check=True, timeout=60)
    (_, first), (status, error) = runs(home)
    assert first is None and status == "failed" and error is not None and "never reached the queue" in error
