"""Ctrl-C and SIGTERM at any moment: the end within two seconds, the status of the signal, nothing half-shown, no try counted."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import CUR_HEADER, cur_line, cur_text

ROOT = Path(__file__).parents[2]
COSTWIRE = [sys.executable, "-m", "costwire"]
LINES = 120_000
STOP_SECONDS = 2.0
STOPPED = "costwire: stopped"


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT), "COSTWIRE_THREADS": "1"}


def start(home: Path, *words: str, **streams: int) -> subprocess.Popen[str]:
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen([*COSTWIRE, *words], env=environment(home), text=True, **piped)  # type: ignore[call-overload,no-any-return]


def costwire(home: Path, *words: str) -> str:
    done = subprocess.run(
        [*COSTWIRE, *words], env=environment(home), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stop(process: subprocess.Popen[str], sign: signal.Signals) -> tuple[int, float, str]:
    """Send the signal; the status, how long the end took, and stderr."""
    assert process.poll() is None, f"it ended before it could be stopped: {process.communicate()}"
    began = time.monotonic()
    process.send_signal(sign)
    try:
        _, errors = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, time.monotonic() - began, errors


def attempts(home: Path) -> list[tuple[int, str | None]]:
    """(attempts, holder) of what is on the bus."""
    connection = sqlite3.connect(home / "bus.sqlite")
    try:
        return connection.execute("select attempt, holder from messages").fetchall()
    finally:
        connection.close()


def until(home: Path, subscription: str, process: subprocess.Popen[str]) -> None:
    """Wait until somebody works on a message of this function."""
    path = home / "bus.sqlite"
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at and process.poll() is None:
        if path.exists():
            connection = sqlite3.connect(path)
            try:
                sql = "select count(*) from messages where subscription = ? and ack_id is not null"
                if connection.execute(sql, (subscription,)).fetchone()[0]:
                    return
            except sqlite3.OperationalError:
                pass
            finally:
                connection.close()
        time.sleep(0.02)
    pytest.fail(f"nobody worked on {subscription}")


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bill whose mapping takes seconds on one thread: every quantity is a number that only the exact functions read."""
    path = tmp_path_factory.mktemp("bill") / "bill.csv"
    head, *lines = cur_text([cur_line(number, "1.25") for number in range(1000)]).splitlines()
    assert head.split(",") == CUR_HEADER
    with path.open("w") as out:
        out.write(head + "\n")
        for number, line in zip(range(LINES), itertools.cycle(lines), strict=False):
            out.write(f"{number}{line}\n")
    return path


def words(bill: Path) -> list[str]:
    return ["import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_import_stops_in_time_wherever_it_is_and_the_next_one_completes(
    tmp_path: Path, bill: Path, sign: signal.Signals
) -> None:
    home = tmp_path / "home"
    for subscription, rest in [
        ("ingest_aws", 0.1),
        ("ingest_aws", 0.4),
        ("normalize_focus", 0.2),
        ("normalize_focus", 1.5),
    ]:
        process = start(home, *words(bill))
        until(home, subscription, process)
        time.sleep(rest)
        status, seconds, errors = stop(process, sign)
        assert (status, seconds < STOP_SECONDS) == (128 + sign, True), (subscription, rest, seconds, errors)
        assert errors.startswith(STOPPED) and len(errors.splitlines()) == 1, errors
        assert all(holder is None for _, holder in attempts(home)), "a message is still held"
        assert max(attempt for attempt, _ in attempts(home)) == 0, "an interruption counts as a failed try"
        shown = json.loads(costwire(home, "costs", "--json"))["currencies"]
        assert shown == []
        assert {one["state"] for one in json.loads(costwire(home, "deliveries", "--json"))} <= {"landed"}
        assert list((home / "tmp").glob("*")) == [] if (home / "tmp").exists() else True
    costwire(home, *words(bill))
    (found,) = json.loads(costwire(home, "costs", "--json"))["currencies"]
    assert found["total"] == f"{LINES * 5 // 4}"
    assert {one["status"] for one in json.loads(costwire(home, "runs", "--json"))} == {"succeeded"}


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_every_long_command_stops_in_time(tmp_path: Path, bill: Path, sign: signal.Signals) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    out.mkdir()
    costwire(home, *words(bill))
    focus = tmp_path / "focus.csv"
    costwire(home, "export", str(focus))
    for command, rest in [
        (["export", str(out / "rows.csv")], 1.5),
        (["export", str(out / "rows.parquet")], 2.0),
        (["validate", str(focus)], 2.0),
        (["watch"], 2.0),
    ]:
        process = start(home, *command)
        time.sleep(rest)
        status, seconds, errors = stop(process, sign)
        assert (status, seconds < STOP_SECONDS) == (128 + sign, True), (command, seconds, errors)
        assert errors.startswith(STOPPED) and len(errors.splitlines()) == 1, errors
        assert list(out.iterdir()) == [], "something half-written is left"


def read_all(terminal: int, pieces: list[bytes]) -> None:
    """What is written on a terminal until nobody has it open any more."""
    with suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            pieces.append(piece)


@pytest.mark.slow
def test_a_stopped_command_leaves_the_terminal_clean(tmp_path: Path, bill: Path) -> None:
    home = tmp_path / "home"
    ours, theirs = pty.openpty()
    process = start(home, *words(bill), stderr=theirs)
    os.close(theirs)
    pieces: list[bytes] = []
    reading = threading.Thread(target=read_all, args=(ours, pieces))
    reading.start()
    until(home, "normalize_focus", process)
    time.sleep(1.0)
    status, seconds, _ = stop(process, signal.SIGINT)
    reading.join(10)
    os.close(ours)
    shown = b"".join(pieces).decode()
    assert status == 130 and seconds < STOP_SECONDS
    assert "\x1b[?25l" in shown, "there was no spinner: the test proves nothing"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor stays hidden"
    assert shown.rstrip().splitlines()[-1].strip().endswith("stopped; run costwire sync to go on where it was")
