"""What a push leaves on its run, so that a run ends whose message Pub/Sub gives up without any function hearing of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from functions_framework import create_app

from common.config import Settings
from common.messages import IngestBill
from common.messages.cloudevent import encode
from common.ports.bus import MAX_PUSHES
from common.records.integrations import save_integration
from common.records.runs import queue_run, run_path
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from tests.support import cur_line, cur_text

ROOT = Path(__file__).parents[2]
ORG, RUN = "acme_1", "run-1.aws"


@pytest.fixture
def rt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedRuntime]:
    monkeypatch.setenv("COSTWIRE_PUSH_AUTH", "platform")
    made = EmbeddedRuntime(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    made.documents.create(f"orgs/{ORG}", {"org_slug": ORG, "status": "ACTIVE"})
    path = tmp_path / "bill.csv"
    path.write_text(cur_text([cur_line(1, "1.25")]))
    save_integration(made.documents, made.clock.now(), ORG, "aws", "aws", path.as_uri())
    queue_run(made.documents, made.clock, ORG, RUN, "aws", "manual")
    yield made
    bootstrap.use(None)


def push(rt: EmbeddedRuntime, attempt: int) -> int:
    """Push the request to fetch the bill; its HTTP status."""
    body = json.dumps(encode(IngestBill("aws", ORG, "aws", RUN), "e1", rt.clock.now())).encode()
    message = {"data": base64.b64encode(body).decode(), "messageId": "1", "attributes": {}}
    posted = {"message": message, "subscription": "projects/p/subscriptions/ingest_aws", "deliveryAttempt": attempt}
    app = create_app("ingest_aws", str(ROOT / "functions" / "ingest_aws" / "main.py"))
    with app.test_client() as client:
        return int(client.post("/projects/p/topics/ingest-aws", json=posted).status_code)


def run_of(rt: EmbeddedRuntime) -> dict[str, Any]:
    return rt.documents.get(run_path(ORG, RUN)) or {}


def test_a_first_try_costs_no_note(rt: EmbeddedRuntime) -> None:
    assert push(rt, 1) == 200
    assert run_of(rt)["status"] == "running" and "tries" not in run_of(rt)


def test_a_further_try_that_is_answered_takes_its_note_back(rt: EmbeddedRuntime) -> None:
    assert push(rt, 2) == 200
    assert run_of(rt)["status"] == "running" and run_of(rt)["tries"] == {}


@pytest.mark.parametrize("attempt", [1, MAX_PUSHES])
def test_a_location_that_is_gone_ends_the_run_with_the_reason(
    rt: EmbeddedRuntime, tmp_path: Path, attempt: int
) -> None:
    (tmp_path / "bill.csv").unlink()
    assert push(rt, attempt) == 200
    assert run_of(rt)["status"] == "failed" and "bill.csv" in run_of(rt)["error"]
    assert not run_of(rt).get("tries")
