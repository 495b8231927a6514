"""Tracing costs next to nothing while it is off, and what it needs is loaded only where it is on."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import google.auth
import google.auth.exceptions
import pytest
from google.auth.credentials import AnonymousCredentials
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from common.config import Settings
from common.messages import SyncRequested
from common.messages.cloudevent import decode, encode
from common.runtime.handling import handling
from common.telemetry import exporting, span, tracing

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 4, 1, tzinfo=UTC)
TICK = SyncRequested("run7", "schedule")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LOADED = """
import sys
from common.runtime.handling import handling
from common.config import Settings
import functions.{name}.main
with handling("{name}", Settings(), {{}}):
    pass
print([one for one in sys.modules if one.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "google.auth"))])
"""


@pytest.mark.parametrize("name", ["dispatch_sync", "normalize_focus", "send_notifications"])
def test_no_sdk_is_loaded_while_traces_are_off(name: str) -> None:
    told = subprocess.run([sys.executable, "-c", LOADED.format(name=name)], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout == "[]\n", told.stderr


def test_off_a_step_is_one_and_the_same_nothing() -> None:
    assert span("map chunk", chunk=1) is span("swap")


def test_an_event_carries_the_trace_that_it_is_made_in_and_is_read_all_the_same() -> None:
    with handling("f", Settings(), {"traceparent": PARENT, "tracestate": "vendor=1"}):
        event = encode(TICK, "event-1", NOW)
    assert (event["traceparent"], event["tracestate"]) == (PARENT, "vendor=1")
    assert decode(event) == TICK
    assert "traceparent" not in encode(TICK, "event-1", NOW)


def test_a_template_carries_no_trace_since_each_tick_starts_one() -> None:
    with handling("f", Settings(), {"traceparent": PARENT}):
        assert "traceparent" not in encode(TICK, "", NOW)


@pytest.mark.parametrize(
    "broken", ["", "00-0-0-01", "nonsense", f"{PARENT}x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]
)
def test_a_broken_trace_on_an_event_is_as_none(broken: str) -> None:
    with handling("f", Settings(), {"traceparent": broken}):
        assert tracing.extension("t", "event-1", "key") == {}


def test_a_trace_ends_with_its_message() -> None:
    with handling("f", Settings(), {"traceparent": PARENT}):
        pass
    assert tracing.extension("t", "event-1", "key") == {}


def test_without_credentials_the_work_goes_on_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_: object) -> None:
        raise google.auth.exceptions.DefaultCredentialsError("no credentials at /somewhere/secret.json")

    monkeypatch.setattr(google.auth, "default", refuse)
    done = []
    with caplog.at_level(logging.ERROR), handling("f", Settings(traces="cloud"), {}), span("step"):
        done.append(1)
    tracing.stop()
    assert done == [1]
    (record,) = caplog.records
    assert "COSTWIRE_TRACES is cloud" in record.getMessage() and "secret.json" not in record.getMessage()


def test_cloud_means_google_s_endpoint_with_the_function_s_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def default(**words: object) -> tuple[AnonymousCredentials, str]:
        asked.update(words)
        return AnonymousCredentials(), "acme-costs"  # type: ignore[no-untyped-call]

    monkeypatch.setattr(google.auth, "default", default)
    monkeypatch.setenv("K_SERVICE", "normalize-focus")
    made = exporting.connect(Settings(traces="cloud", project="acme-costs"))
    about = made.provider.resource.attributes
    assert about["gcp.project_id"] == "acme-costs" and about["service.name"] == "normalize-focus"
    assert made.processor._exporter._endpoint == "https://telemetry.googleapis.com/v1/traces"  # type: ignore[attr-defined]
    assert asked["scopes"] == ["https://www.googleapis.com/auth/cloud-platform"]
    made.close()


class StuckExporter(SpanExporter):
    """Takes five seconds, whatever timeout it was given; or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.released = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.error:
            raise self.error
        self.released.wait(5)
        return SpanExportResult.SUCCESS


@pytest.mark.parametrize("error", [None, RuntimeError("token of 4711 refused")])
def test_an_exporter_that_does_not_keep_its_timeout_is_not_waited_for(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = StuckExporter(error)
    processor = exporting.BoundedProcessor(exporter, flush_seconds=0.2, rest_seconds=60)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    with provider.get_tracer("test").start_as_current_span("step"):
        pass
    began = time.monotonic()
    assert processor.force_flush() is False
    assert processor.force_flush() is False
    assert time.monotonic() - began < 1.0
    exporter.released.set()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING][-1].startswith(
        "traces: 1 spans are lost"
    )
