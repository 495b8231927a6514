"""`costwire serve` in a process of its own, asked over a socket."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import commands
from tests.support import cur_line, cur_text

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and host:port."""
    env = {**os.environ, "COSTWIRE_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "costwire", "serve", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        found = re.search(r"http://(127\.0\.0\.1:\d+)", process.stdout.readline())
        assert found
        yield process, found[1]
        process.kill()


def test_it_answers_on_this_machine_until_it_is_stopped(served: tuple[subprocess.Popen[str], str]) -> None:
    process, address = served
    asking = http.client.HTTPConnection(address, timeout=30)
    asking.request("GET", "/api/costs/summary?from=yesterday&to=yesterday")
    answer = asking.getresponse()
    assert answer.status == 200 and answer.getheader("Server") is None
    assert json.loads(answer.read())["receipt"]["rows_read"] == 0
    asking.request("GET", "/health", headers={"Host": "evil.example"})
    answer = asking.getresponse()
    assert answer.status == 421
    answer.read()
    asking.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert process.stderr is not None
    assert process.stderr.read() == "costwire: stopped\n"


def test_a_sync_that_is_requested_is_done(served: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    _, address = served
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills" / "march.csv").write_text(cur_text([cur_line(1, "7.25"), cur_line(2, "0.05")]))
    env = {**os.environ, "COSTWIRE_HOME": str(tmp_path / "home")}
    done = commands.run("connect", "aws", "--location", str(tmp_path / "bills"), env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    asking = http.client.HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "once"}
    started = []
    for _ in range(2):
        asking.request("POST", "/api/sync/trigger", body="{}", headers=headers)
        answer = asking.getresponse()
        assert answer.status == 202
        started.append(json.loads(answer.read())["run_ids"])
    assert started[0] == started[1]
    ends_at = time.monotonic() + 60
    found: list[dict[str, str]] = []
    while not found and time.monotonic() < ends_at:
        asking.request("GET", "/api/costs/summary")
        found = json.loads(asking.getresponse().read())["currencies"]
        time.sleep(0.2)
    assert [(one["currency"], one["total"]) for one in found] == [("USD", "7.3")]
    asking.close()


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--host", "0.0.0.0"], {"DISABLE_AUTH": "true"}, ["DISABLE_AUTH is true"]),
        ([], {"ENVIRONMENT": "production"}, ["CA_ROOT_API_KEY is not set", "COSTWIRE_KMS_KEY is not set"]),
        ([], {"DISABLE_AUTH": "perhaps"}, ["DISABLE_AUTH is 'perhaps'"]),
    ],
)
def test_a_service_that_is_not_safe_does_not_start(
    tmp_path: Path, words: list[str], variables: dict[str, str], said: list[str]
) -> None:
    env = {**os.environ, **variables, "COSTWIRE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "costwire", "serve", "--port", "0", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    for one in said:
        assert one in done.stderr


def test_a_command_that_does_not_serve_loads_no_server() -> None:
    code = "import sys, costwire.cli; print(sorted({'flask', 'waitress', 'web', 'werkzeug'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]", done.stderr
