"""Every function under functions-framework, in a process of its own, as it is deployed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
PROGRAM = """
import json, sys
from functions_framework import create_app
name, event = sys.argv[1], json.loads(sys.argv[2])
client = create_app(target=name, source=f"functions/{name}/main.py", signature_type="cloudevent").test_client()
answer = client.post("/", data=json.dumps(event), headers={"Content-Type": "application/cloudevents+json"})
sdks = {"google.cloud.bigquery", "google.cloud.storage", "boto3", "azure", "pandas"} & set(sys.modules)
print(json.dumps({"status": answer.status_code, "sdks": sorted(sdks)}))
"""
SYNC = {
    "specversion": "1.0",
    "type": "costwire.sync-requested.v1",
    "source": "//test",
    "id": "1",
    "time": "2026-03-01T00:00:00Z",
    "data": {"run_id": "r", "trigger": "manual", "org_slug": "default"},
}


def answer(name: str, event: dict[str, object], home: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, json.dumps(event)],
        cwd=ROOT,
        env={**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_loads_alone_and_refuses_a_message_that_is_not_its_own(name: str, tmp_path: Path) -> None:
    event = SYNC | ({"type": "costwire.alert-raised.v1"} if name == "dispatch_sync" else {})
    found = answer(name, event, tmp_path / "home")
    assert found == {"status": 500, "sdks": []}


def test_a_function_takes_its_own_message(tmp_path: Path) -> None:
    assert answer("dispatch_sync", SYNC, tmp_path / "home")["status"] == 200
