"""What an operator reads where a deployment cannot be reached: one line on stderr, exit status 1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.config import Settings
from common.errors import CostError
from common.runtime.bootstrap import CloudRuntime
from costwire.waiting import advance

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
AWAY = {
    "COSTWIRE_PROJECT": "nowhere-at-all",
    "COSTWIRE_BUCKET": "nowhere",
    **{f"{service}_EMULATOR_HOST": NOBODY for service in ("FIRESTORE", "PUBSUB")},
    **{f"{service}_EMULATOR_HOST": f"http://{NOBODY}" for service in ("STORAGE", "BIGQUERY")},
}
HERE = {name: value for name, value in os.environ.items() if not re.match(r"COSTWIRE_|.*_EMULATOR_HOST", name)}


def refused(folder: Path, *words: str, **settings: str) -> str:
    """The one line that a command ends with."""
    environment = {**HERE, "COSTWIRE_RUNTIME": "cloud", "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [sys.executable, "-m", "costwire", *words],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("costwire: ")


@pytest.mark.parametrize("command", ["runs", "replay", "costs", "tenants list"])
def test_a_project_that_is_not_set_is_named(tmp_path: Path, command: str) -> None:
    told = refused(tmp_path, *command.split())
    assert told == "COSTWIRE_PROJECT is not set; the cloud runtime needs it"


def test_a_setting_that_cannot_be_is_named_with_what_was_expected(tmp_path: Path) -> None:
    assert refused(tmp_path, "runs", COSTWIRE_RUNTIME="clod") == (
        "COSTWIRE_RUNTIME is 'clod', expected 'embedded' or 'cloud'"
    )
    assert "COSTWIRE_SMTP_PORT is 'mail', expected a valid integer" in refused(
        tmp_path, "runs", COSTWIRE_SMTP_PORT="mail"
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["costs"])
def test_a_service_that_is_away_is_told_in_time(tmp_path: Path, command: str) -> None:
    began = time.monotonic()
    told = refused(tmp_path, *command.split(), **AWAY)
    assert "temporarily unavailable" in told
    assert "run the command again later" in told and "retried" not in told
    assert time.monotonic() - began < 120


def test_who_stops_waiting_reads_that_the_functions_go_on() -> None:
    class Nothing:
        def get(self, path: str) -> None:
            return None

    rt = CloudRuntime(Settings(runtime="cloud", project="nowhere-at-all"))
    rt.__dict__["documents"] = Nothing()

    def stopped(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(CostError, match="stopped waiting; the functions continue: costwire runs"):
        list(advance(rt, "default", ["run"], stopped))
