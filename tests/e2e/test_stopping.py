"""Ctrl-C and SIGTERM at any moment: the end within two seconds, the status of the signal, nothing half-shown, no try counted.

No test waits for a time: each waits for a state that can be seen from outside, then signals.  A command that was done before the
signal reached it proves nothing, and is given more to do.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.adapters.embedded.processes import this_process
from common.config import Settings
from common.messages import BudgetCheckRequested
from common.runtime.bootstrap import EmbeddedRuntime
from common.stopping import PATIENCE_SECONDS
from tests.support import CUR_HEADER, cur_line, cur_text

ROOT = Path(__file__).parents[2]
COSTWIRE = [sys.executable, "-m", "costwire"]
LINES = 40_000
MORE = (1, 4, 12)
"""How many times LINES a command gets to work on, until it is still at work when the signal comes."""
STOP_SECONDS = 2.0
STOPPED = "costwire: stopped"

Process = subprocess.Popen[str]
Ready = Callable[[Process], bool]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT), "COSTWIRE_THREADS": "1"}


def start(home: Path, *words: str, **more: Any) -> Process:
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.Popen([*COSTWIRE, *words], env=environment(home), text=True, **piped)


def costwire(home: Path, *words: str) -> str:
    done = subprocess.run(
        [*COSTWIRE, *words], env=environment(home), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stop_when(ready: Ready, process: Process, sign: signal.Signals) -> float:
    """Signal as soon as the state is seen, and check the end; how long it took, 0 where the command was done before."""
    ends_at = time.monotonic() + 60
    while process.poll() is None and not ready(process):
        if time.monotonic() > ends_at:
            process.kill()
            pytest.fail(f"the state to stop in was never seen: {process.args!r}, {process.communicate()}")
        time.sleep(0.005)
    began = time.monotonic()
    process.send_signal(sign)
    try:
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    seconds = time.monotonic() - began
    if process.returncode == 0:
        return 0.0
    assert (process.returncode, seconds < STOP_SECONDS) == (128 + sign, True), (process.args, seconds, errors)
    if errors is not None:
        assert errors.startswith(STOPPED) and len(errors.splitlines()) == 1, errors
    return seconds


def asked(database: Path, sql: str, *values: object) -> int:
    """A number from a SQLite file of another process; 0 while there is none."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.OperationalError):
        return int(connection.execute(sql, values).fetchone()[0])
    return 0


def works_on(home: Path, subscription: str) -> Ready:
    """Somebody has taken a message of this function."""
    sql = "select count(*) from messages where subscription = ? and ack_id is not null"
    return lambda process: asked(home / "bus.sqlite", sql, subscription) > 0


def there_is(folder: Path, pattern: str) -> Ready:
    return lambda process: any(folder.glob(pattern))


def has_open(path: Path) -> Ready:
    """The command has this file open, as Linux tells it."""

    def ready(process: Process) -> bool:
        for name in Path(f"/proc/{process.pid}/fd").glob("*"):
            with suppress(OSError):
                if name.readlink() == path.resolve():
                    return True
        return False

    return ready


def check_given_back(home: Path) -> None:
    """Nobody holds a message, no try was counted, and no scratch is left."""
    with closing(sqlite3.connect(home / "bus.sqlite")) as connection:
        found = connection.execute("select attempt, holder from messages").fetchall()
    assert all(holder is None for _, holder in found), "a message is still held"
    assert all(attempt == 0 for attempt, _ in found), "an interruption counts as a failed try"
    assert list((home / "tmp").glob("*")) == []


def shown(home: Path) -> str | None:
    """The total that readers see, None for nothing."""
    found = json.loads(costwire(home, "costs", "--json"))["currencies"]
    return found[0]["total"] if found else None


Bills = Callable[[int], Path]


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Bills:
    """Makes bills of so many lines; every quantity is a number that only the exact, slow functions read."""
    folder = tmp_path_factory.mktemp("bills")

    def bill(lines: int) -> Path:
        path = folder / f"{lines}.csv"
        if not path.exists():
            head, *some = cur_text([cur_line(number, "1.25") for number in range(1000)]).splitlines()
            assert head.split(",") == CUR_HEADER
            with path.open("w") as out:
                out.write(head + "\n")
                out.writelines(f"{number}{line}\n" for number, line in zip(range(lines), cycle(some), strict=False))
        return path

    return bill


def words(bill: Path) -> list[str]:
    return ["import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]


def total_of(lines: int) -> str:
    return str(lines * 5 // 4)


@pytest.mark.slow
def test_an_import_stops_in_time_wherever_it_is_and_the_next_one_completes(tmp_path: Path, bills: Bills) -> None:
    for more in MORE:
        home, lines = tmp_path / f"home{more}", LINES * more
        states = [
            (works_on(home, "dispatch_sync"), signal.SIGTERM),
            (works_on(home, "ingest_aws"), signal.SIGINT),
            (there_is(home, "tmp/chunk-*/focus.parquet"), signal.SIGTERM),  # mapping
            (there_is(home, "objects/focus/**/*.parquet"), signal.SIGINT),  # validating, proving
        ]
        if all(stopped_import(home, bills(lines), lines, *state) for state in states):
            costwire(home, *words(bills(lines)))
            assert shown(home) == total_of(lines)
            assert {one["status"] for one in json.loads(costwire(home, "runs", "--json"))} == {"succeeded"}
            return
    pytest.fail("every import was done before the signal came")


def stopped_import(home: Path, bill: Path, lines: int, ready: Ready, sign: signal.Signals) -> bool:
    stopped = stop_when(ready, start(home, *words(bill)), sign) > 0
    check_given_back(home)
    assert shown(home) in (None, total_of(lines)), "half of the bill is shown"
    return stopped


def half_imported(tmp_path: Path, bill: Path) -> Path:
    """A home with a landed bill whose mapping was stopped."""
    home = tmp_path / f"half-{bill.stem}"
    assert stop_when(works_on(home, "normalize_focus"), start(home, *words(bill)), signal.SIGTERM)
    return home


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "sign"), [("sync", signal.SIGINT), ("watch", signal.SIGTERM), ("replay", signal.SIGINT)]
)
def test_whoever_works_on_what_is_left_stops_in_time(
    tmp_path: Path, bills: Bills, command: str, sign: signal.Signals
) -> None:
    for more in MORE:
        home = half_imported(tmp_path, bills(LINES * more))
        stopped = stop_when(there_is(home, "tmp/chunk-*/focus.parquet"), start(home, command), sign)
        check_given_back(home)
        assert shown(home) in (None, total_of(LINES * more)), "half of the bill is shown"
        if stopped:
            return
    pytest.fail("it was done before the signal came, however much there was to do")


@pytest.mark.slow
def test_reading_commands_stop_in_time_and_leave_nothing(tmp_path: Path, bills: Bills) -> None:
    out = tmp_path / "out"
    out.mkdir()
    left = {"export rows.csv": signal.SIGINT, "export rows.parquet": signal.SIGTERM, "validate": signal.SIGINT}
    for more in MORE:
        home, focus = tmp_path / f"home{more}", tmp_path / f"focus{more}.csv"
        costwire(home, *words(bills(LINES * more)))
        costwire(home, "export", str(focus))
        for name in list(left):
            verb, _, target = name.partition(" ")
            process = start(home, verb, str(out / target if target else focus))
            ready = there_is(out, f".costwire-*/{target}") if target else has_open(focus)
            if stop_when(ready, process, left[name]):
                del left[name]
                assert list(out.iterdir()) == [], "something half-written is left"
            for made in out.iterdir():
                made.unlink()
        if not left:
            return
    pytest.fail(f"done before the signal came: {left}")


@pytest.mark.slow
def test_the_demo_stops_in_time(tmp_path: Path) -> None:
    home = tmp_path / ".costwire-demo"
    process = start(tmp_path / "other", "demo", cwd=tmp_path)
    assert stop_when(works_on(home, "normalize_focus"), process, signal.SIGINT)
    check_given_back(home)


def handles_signals(process: Process) -> bool:
    """The command has its handlers in place, as Linux tells it: Python itself has none for SIGTERM."""
    found = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_still_loading_stops_in_time(tmp_path: Path, sign: signal.Signals) -> None:
    assert stop_when(handles_signals, start(tmp_path / "home", "runs"), sign)


def test_an_idle_watcher_stops_in_time(tmp_path: Path) -> None:
    process = start(tmp_path / "home", "watch")
    assert process.stdout is not None and "watching" in process.stdout.readline()
    assert stop_when(lambda _: True, process, signal.SIGTERM)


def test_whoever_waits_for_another_process_stops_in_time(tmp_path: Path, bills: Bills) -> None:
    home = tmp_path / "home"
    costwire(home, *words(bills(1000)))
    rt = EmbeddedRuntime(Settings(home=home))
    rt.bus.publish(BudgetCheckRequested("held", "default"))
    assert rt.bus.pull() is not None  # by this process, which lives
    process = start(home, "sync")

    def ready(_: Process) -> bool:
        """Its own run has ended, and what is held alone is left."""
        runs = [one["status"] for _, one in rt.documents.list("orgs/default/runs")]
        return runs == ["succeeded"] * 2 and rt.bus.pending() == 1

    assert stop_when(ready, process, signal.SIGINT)
    with closing(sqlite3.connect(home / "bus.sqlite")) as connection:
        (holder,) = connection.execute("select holder from messages").fetchone()
    assert holder == this_process(), "a stopping process gave back what it does not hold"


@pytest.mark.slow
def test_a_question_stops_in_time(tmp_path: Path, bills: Bills) -> None:
    home = tmp_path / "home"
    costwire(home, *words(bills(1000)))
    (stored,) = home.glob("objects/focus/**/*.parquet")
    one = f"(select BillingCurrency, ServiceName, BilledCost, ChargePeriodStart from '{stored}' limit 1)"
    for more in MORE:
        large = tmp_path / "large.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"copy (select one.* from {one} as one, range({3_000_000 * more})) to '{large}'")
        large.replace(stored)
        if stop_when(has_open(stored), start(home, "costs"), signal.SIGINT):
            return
    pytest.fail("the question was answered before the signal came")


STUCK = """
import sqlite3, threading
from common import stopping
stopping.install()
from common.runtime.bootstrap import embedded
from common.messages import BudgetCheckRequested
from costwire.worker import subscribe_all
rt = embedded()
subscribe_all(rt)
rt.bus.publish(BudgetCheckRequested("c", "default"))
stopping.at_end(rt.bus.abandon)
assert rt.bus.pull() is not None
connection = sqlite3.connect(":memory:")
connection.create_function("begin", 0, lambda: threading.Timer(0.2, print, ["stuck"], {"flush": True}).start())
connection.execute("with recursive n(x) as (select begin() union all select 1 from n) select count(*) from n").fetchone()
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_thread_that_never_comes_out_gives_its_messages_back(tmp_path: Path, sign: signal.Signals) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK],
        env=environment(home), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "stuck\n"
    assert stop_when(lambda _: True, process, sign) > PATIENCE_SECONDS, "it came out by itself: nothing is proved"
    check_given_back(home)


def read_all(terminal: int, pieces: list[bytes]) -> None:
    """What is written on a terminal until nobody has it open any more."""
    with suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            pieces.append(piece)


@pytest.mark.slow
def test_a_stopped_command_leaves_the_terminal_clean(tmp_path: Path, bills: Bills) -> None:
    home = tmp_path / "home"
    ours, theirs = pty.openpty()
    process = start(home, *words(bills(LINES)), stderr=theirs)
    os.close(theirs)
    pieces: list[bytes] = []
    reading = threading.Thread(target=read_all, args=(ours, pieces))
    reading.start()
    assert stop_when(there_is(home, "tmp/chunk-*/focus.parquet"), process, signal.SIGINT)
    reading.join(10)
    os.close(ours)
    shown = b"".join(pieces).decode()
    assert "\x1b[?25l" in shown, "there was no spinner: the test proves nothing"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor stays hidden"
    assert shown.rstrip().splitlines()[-1].strip().endswith("stopped; run costwire sync to continue")
