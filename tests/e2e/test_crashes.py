"""kill -9 at any moment, then the same command again: the end is that of an undisturbed run."""

import csv
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from common.config import Settings
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from tests import commands
from tests.support import cur_line, cur_text

KILLS = 4


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}


def run(home: Path, *words: str) -> str:
    done = commands.run(*words, env=environment(home))
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_and_kill(home: Path, after: float, *words: str) -> bool:
    """Start a command and kill it; whether it was still running."""
    command = commands.Command(*words, env=environment(home))
    time.sleep(after)
    alive = command.running
    command.kill()
    command.end()
    return alive


def state_of(home: Path) -> dict[str, Any]:
    """Everything a user can see, without the times and ids that differ from run to run."""
    out = home / "rows.csv"
    run(home, "export", str(out))
    with out.open(encoding="utf-8", newline="") as stream:
        rows = [{name: cell for name, cell in row.items() if name != "x_IngestedAt"} for row in csv.DictReader(stream)]
    deliveries = json.loads(run(home, "deliveries", "--json"))
    alerts = json.loads(run(home, "alerts", "list", "--json"))
    bootstrap.use(EmbeddedRuntime(Settings(home=home)))
    rt = bootstrap.runtime()
    notifications = [
        (document["facts"]["threshold_percent"], document["state"], document["status"])
        for _, document in rt.documents.list("orgs/default/notifications")
    ]
    assert rt.bus.pending() == 0
    bootstrap.use(None)
    return {
        "rows": sorted(list(row.values()) for row in rows),
        "deliveries": sorted((one["delivery_id"], one["state"], json.dumps(one.get("proof"))) for one in deliveries),
        "alerts": sorted((one["threshold_percent"], one["state"], one["current_spend"]) for one in alerts),
        "notifications": sorted(notifications),
        "outbox": len(list((home / "outbox").glob("*"))),
    }


def scenario(home: Path, bills: list[Path]) -> list[list[str]]:
    return [
        ["import", str(bill), "--integration", "aws", "--delivered-at", f"2026-04-0{n}"]
        for n, bill in enumerate(bills, 1)
    ]


@pytest.fixture
def bills(tmp_path: Path) -> list[Path]:
    """A bill over the budget, then its restatement under the highest threshold."""
    made = []
    for number, cost in enumerate(("1.97", "1.21")):
        path = tmp_path / f"bill-{number}.csv"
        path.write_text(cur_text([cur_line(n, cost) for n in range(500)]))
        made.append(path)
    return made


@pytest.mark.slow
def test_a_killed_run_ends_where_an_undisturbed_one_does(tmp_path: Path, bills: list[Path]) -> None:
    budget = ["budgets", "add", "cloud", "--amount", "1000", "--currency", "USD"]
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    chance = random.Random(20260320)
    durations: list[float] = []
    for home in (calm, rough):
        run(home, *budget)
        for words in scenario(home, bills):
            began = time.monotonic()
            if home is rough:
                killed, latest = 0, min(durations)
                for _ in range(KILLS):
                    alive = run_and_kill(home, chance.uniform(0.05, latest), *words)
                    # what took long before may be over sooner by now
                    killed, latest = killed + alive, latest if alive else max(latest / 2, 0.1)
                assert killed, "no run was killed while it worked: the test proves nothing"
            run(home, *words)
            if home is calm:
                durations.append(time.monotonic() - began)
    assert state_of(rough) == state_of(calm)


FIXTURES = Path(__file__).parents[1] / "fixtures" / "bills"


def every_kind(folder: Path) -> list[list[str]]:
    """Imports of a restatement that is taken back, of parts that add up, and of a pair, each with its provider's time."""
    folder.mkdir(exist_ok=True)
    for name, cost in (("first", "1.97"), ("second", "1.21")):
        (folder / f"{name}.csv").write_text(cur_text([cur_line(n, cost) for n in range(50)]))
    header, *lines = (FIXTURES / "oci" / "cost_report_nise_2026-03.csv").read_text().splitlines()
    for number in range(3):
        (folder / f"report{number}.csv").write_text("\n".join([header, *lines[number::3], ""]))
    twins = FIXTURES / "azure" / "twins"
    deliveries = [
        (folder / "first.csv", "aws", "2026-04-01"),
        (folder / "second.csv", "aws", "2026-04-02"),
        (folder / "first.csv", "aws", "2026-04-03"),
        *((folder / f"report{number}.csv", "oci", "2026-04-05") for number in range(3)),
        *((twins / f"part_0_{role}.csv", "azure", "2026-04-05") for role in ("actual", "amortized")),
    ]
    return [["import", str(path), "--integration", name, "--delivered-at", time] for path, name, time in deliveries]


def keeps_order(steps: list[list[str]]) -> list[list[str]]:
    """A user's word for one file's time is final, so the two for the same file stay in their order."""
    firsts = [step for step in steps if step[1].endswith("first.csv")]
    in_order = iter(sorted(firsts, key=lambda step: step[-1]))
    return [next(in_order) if step in firsts else step for step in steps]


@pytest.mark.slow
def test_all_kinds_of_deliveries_end_alike_in_any_order_and_however_often_killed(tmp_path: Path) -> None:
    steps = every_kind(tmp_path / "bills")
    chance = random.Random(20261121)
    shuffled = chance.sample(steps, len(steps))
    ends = []
    durations: list[float] = []
    for number, order in enumerate((steps[::-1], shuffled)):
        homes = {"calm": tmp_path / f"calm{number}", "rough": tmp_path / f"rough{number}"}
        for name, home in homes.items():
            for words in keeps_order(order):
                began = time.monotonic()
                if name == "rough":
                    run_and_kill(home, chance.uniform(0.05, min(durations)), *words)
                run(home, *words)
                if name == "calm":
                    durations.append(time.monotonic() - began)
        calm, rough = (state_of(home) for home in homes.values())
        assert rough["rows"] == calm["rows"]
        assert [one[:2] for one in rough["deliveries"]] == [one[:2] for one in calm["deliveries"]]
        ends.append(calm["rows"])
    assert ends[0] == ends[1]
    assert len(ends[0]) > 100
