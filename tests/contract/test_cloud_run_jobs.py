"""Cloud Run jobs are started by the Run Admin API: what is asked of it, and what its refusals become; a server of our own answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common.adapters.embedded.jobs_in_process import JobsInProcess
from common.adapters.gcp.cloud_run_jobs import EMULATOR_VARIABLE, CloudRunJobs
from common.errors import BadConfiguration, CostError, NotFound, Retryable

JOB = "/v2/projects/acme-prod/locations/europe-west1/jobs/costwire-unpack-files:run"


class RunApi:
    """Jobs by their names; answers as the REST reference of version 2 says: a long-running operation for a new execution."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.refusal = 0
        api = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.asked.append((self.path, body))
                unknown = set(body) - {"validateOnly", "etag", "overrides"}
                status = api.refusal or (400 if unknown else 200 if self.path == JOB else 404)
                name = f"projects/acme-prod/locations/europe-west1/operations/{len(api.asked)}"
                answer = {"name": name} if status == 200 else {"error": {"code": status, "message": "no"}}
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunApi]:
    made = RunApi()
    monkeypatch.setenv(EMULATOR_VARIABLE, made.address)
    yield made
    made.server.shutdown()
    made.server.server_close()


def never() -> None:
    raise AssertionError("the work is the execution's, not the caller's")


def test_an_execution_is_started_without_arguments(api: RunApi) -> None:
    CloudRunJobs.connect("acme-prod", "europe-west1").start("unpack-files", never)
    assert api.asked == [(JOB, {})]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (403, BadConfiguration, "grant this service account roles/run.jobsExecutor"),
        (404, NotFound, "Cloud Run job costwire-unpack-files does not exist"),
        (429, Retryable, "temporarily unavailable"),
        (500, Retryable, "temporarily unavailable"),
        (503, Retryable, "temporarily unavailable"),
    ],
)
def test_refusals_say_what_to_do(api: RunApi, status: int, error: type[CostError], words: str) -> None:
    api.refusal = status
    with pytest.raises(error, match=words):
        CloudRunJobs.connect("acme-prod", "europe-west1").start("unpack-files", never)


def test_a_server_that_is_away_is_met_by_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EMULATOR_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(Retryable):
        CloudRunJobs.connect("acme-prod", "europe-west1").start("unpack-files", never)


def test_embedded_the_work_is_done_at_once() -> None:
    done: list[str] = []
    JobsInProcess().start("unpack-files", lambda: done.append("done"))
    assert done == ["done"]
