"""Several processes bring in parts of one month at the same moment: the end is that of one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_crashes import environment, run

REPORT = Path(__file__).parents[1] / "fixtures" / "bills" / "oci" / "cost_report_nise_2026-03.csv"
TWINS = Path(__file__).parents[1] / "fixtures" / "bills" / "azure" / "twins"


def at_once(home: Path, paths: list[Path], *words: str) -> None:
    """Import all of them, each in a process of its own."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "costwire", "import", str(path), *words],
            env=environment(home),
            stderr=subprocess.PIPE,
            text=True,
            stdout=subprocess.DEVNULL,
        )
        for path in paths
    ]
    for process in started:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said


def lines(home: Path) -> int:
    out = home / "rows.csv"
    run(home, "export", str(out))
    return len(out.read_text(encoding="utf-8").splitlines()) - 1


@pytest.mark.parametrize("time", ["2026-04-01", None], ids=["equal times", "times of their files"])
def test_reports_that_add_up_and_land_at_once_are_all_shown(tmp_path: Path, time: str | None) -> None:
    header, *rows = REPORT.read_text().splitlines()
    paths = [tmp_path / f"report{number}.csv" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_text("\n".join([header, *rows[number::4], ""]))
    home = tmp_path / "home"
    at_once(home, paths, "--integration", "oci", *(["--delivered-at", time] if time else []))
    assert lines(home) == len(rows)


def test_the_halves_of_a_pair_that_land_at_once_are_shown_as_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    paths = [TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"]
    at_once(home, paths, "--integration", "azure", "--delivered-at", "2026-04-01")
    assert "37.16" in run(home, "costs", "--by", "provider", "--metric", "EffectiveCost")


def test_the_same_bill_under_two_integrations_at_once_counts_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "costwire", "import", str(REPORT), "--integration", name],
            env=environment(home),
            stderr=subprocess.PIPE,
            text=True,
            stdout=subprocess.DEVNULL,
        )
        for name in ("one", "two", "three")
    ]
    for process in started:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    assert lines(home) == len(REPORT.read_text().splitlines()) - 1


def test_a_bill_that_is_held_back_is_named_where_people_look(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(home, "import", str(REPORT), "--integration", "one")
    again = run(home, "import", str(REPORT), "--integration", "two")
    assert "held back, not counted" in again and "one" in again and "--allow-overlap" in again
    assert "held" in run(home, "deliveries", "--integration", "two")
    doctor = subprocess.run(
        [sys.executable, "-m", "costwire", "doctor"], env=environment(home), capture_output=True, text=True, timeout=120
    )
    assert (doctor.returncode, "held back" in doctor.stdout) == (1, True)
    assert lines(home) == len(REPORT.read_text().splitlines()) - 1
    run(home, "import", str(REPORT), "--integration", "two", "--allow-overlap")
    assert lines(home) == 2 * (len(REPORT.read_text().splitlines()) - 1)


def test_a_stated_time_in_the_future_is_a_usage_error(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "costwire", "import", str(REPORT), "--delivered-at", "2999-01-01"]
    done = subprocess.run(words, env=environment(tmp_path / "home"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "in the future" in done.stderr and "--force" in " ".join(done.stderr.split())
    forced = run(tmp_path / "home", *words[3:], "--force")
    assert "proved" in forced
