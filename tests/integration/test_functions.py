"""Every function under functions-framework, in a process of its own, from the source archive that is deployed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from common.adapters.embedded.sqlite_bus import SqliteBus
from common.adapters.shared.system_clock import SystemClock
from deployment import archive, facts

ROOT = Path(__file__).parents[2]
FUNCTIONS = [name for name, one in facts.functions().items() if one["trigger"] == "message"]
PROGRAM = """
import json, sys
from functions_framework import create_app
name, event = sys.argv[1], json.loads(sys.argv[2])
client = create_app(target=name, source="main.py", signature_type="cloudevent").test_client()
answer = client.post("/", data=json.dumps(event), headers={"Content-Type": "application/cloudevents+json"})
import common
assert common.__path__[0].startswith(sys.argv[3]), common.__path__
sdks = {"google.cloud.bigquery", "google.cloud.storage", "boto3", "azure", "pandas"} & set(sys.modules)
print(json.dumps({"status": answer.status_code, "sdks": sorted(sdks)}))
"""
SYNC = {
    "specversion": "1.0",
    "type": "costwire.sync-requested.v1",
    "source": "//test",
    "id": "1",
    "time": "2026-03-01T00:00:00Z",
    "data": {"run_id": "r", "trigger": "manual"},
}
ALERT = SYNC | {
    "type": "costwire.alert-raised.v1",
    "data": {"org_slug": "default", "alert_id": "a", "state": "firing"},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked as the platform does."""
    folder = tmp_path_factory.mktemp("archive")
    archive.write(folder / "functions.zip")
    with zipfile.ZipFile(folder / "functions.zip") as packed:
        packed.extractall(folder / "source")
    return folder / "source"


def answer(name: str, event: dict[str, object], source: Path, home: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, json.dumps(event), str(source)],
        cwd=source,
        env={**os.environ, "COSTWIRE_HOME": str(home), "COSTWIRE_PUSH_AUTH": "platform", "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_loads_alone_and_dead_letters_a_message_that_is_not_its_own(
    name: str, source: Path, tmp_path: Path
) -> None:
    event = ALERT if name == "dispatch_sync" else SYNC
    found = answer(name, event, source, tmp_path / "home")
    assert found == {"status": 200, "sdks": []}
    (letter,) = SqliteBus(tmp_path / "home" / "bus.sqlite", SystemClock()).dead_letters()
    assert f"{name} takes" in letter.reason
    assert letter.event["data"] == event["data"]


def test_a_function_takes_its_own_message(source: Path, tmp_path: Path) -> None:
    assert answer("dispatch_sync", SYNC, source, tmp_path / "home")["status"] == 200


HTTP = """
import json, sys
from functions_framework import create_app
client = create_app(target=sys.argv[1], source="main.py").test_client()
told = {}
for method, path, headers in json.loads(sys.argv[2]):
    answer = client.open(path, method=method, headers=headers)
    told[f"{method} {path}"] = [answer.status_code, (answer.json or {}).get("code"), answer.headers.get("X-Request-ID")]
sdks = {"google.cloud.bigquery", "google.cloud.storage", "boto3", "azure", "pandas", "costwire"} & set(sys.modules)
print(json.dumps([told, sorted(sdks)]))
"""


def http_answers(name: str, source: Path, home: Path, **variables: str) -> list[Any]:
    asked = [
        ("GET", "/health", {}),
        ("GET", "/api/costs", {"X-Request-ID": "mine"}),
        ("POST", "/api/sync/trigger", {"X-API-Key": "nonsense"}),
    ]
    env = {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(source), **variables}
    done = subprocess.run(
        [sys.executable, "-c", HTTP, name, json.dumps(asked)],
        cwd=source, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, sdks = json.loads(done.stdout.splitlines()[-1])
    assert sdks == []
    return [(one[0], one[1]) for one in told.values()]


HTTP_ANSWERS = {
    "api": [(200, None), (401, "no_key"), (401, "invalid_key")],
    "manual_sync": [(200, None), (404, "not_found"), (401, "invalid_key")],
    "stripe_webhook": [(405, None), (405, None), (411, None)],
}


@pytest.mark.parametrize(("name", "answers"), HTTP_ANSWERS.items())
def test_a_function_that_is_called_over_http_answers_alone(
    name: str, answers: list[tuple[int, str | None]], source: Path, tmp_path: Path
) -> None:
    assert http_answers(name, source, tmp_path) == answers


def test_the_function_for_providers_answers_all_strangers_alike(source: Path, tmp_path: Path) -> None:
    assert http_answers("provider_webhook", source, tmp_path) == [(400, None)] * 3


def test_a_function_that_lacks_what_production_needs_answers_nothing(source: Path, tmp_path: Path) -> None:
    assert http_answers("api", source, tmp_path, ENVIRONMENT="production") == [(503, "not_ready")] * 3


def test_every_function_has_a_test_by_its_trigger() -> None:
    assert {name for name, one in facts.functions().items() if one["trigger"] == "http"} == {
        *HTTP_ANSWERS, "provider_webhook",
    }  # fmt: skip


def test_the_same_sources_make_the_same_archive(tmp_path: Path) -> None:
    digest = archive.write(tmp_path / "one.zip")
    assert archive.write(tmp_path / "two.zip") == digest
    with zipfile.ZipFile(tmp_path / "one.zip") as packed:
        names = set(packed.namelist())
    assert {"main.py", "requirements.txt", "common/providers/aws/aws_cur.sql"} <= names
    assert not [name for name in names if name.startswith(("costwire/", "tests/"))]


def test_a_target_that_is_no_function_is_refused(source: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "functions_framework", "--source", "main.py", "--target", "nobody", "--dry-run"],
        cwd=source, env={**os.environ, "PYTHONPATH": str(source)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
