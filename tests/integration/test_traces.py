"""One trace from the tick to the alert, as an OTLP collector sees it; a collector that is away changes nothing but that."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from common.config import Settings
from common.domain.budgets import Budget, as_document
from common.runtime.handling import handling
from common.telemetry import exporting, span, tracing
from tests.support import Laptop, cur_line, cur_text, laptop

BOUND_SECONDS = exporting.FLUSH_SECONDS + 1.0


@dataclass
class Collector:
    """An OTLP/HTTP collector; `answer` makes it fail, `delay_seconds` makes it slow."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    requests: int = 0
    answer: int = 200
    delay_seconds: float = 0

    def take(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({one.key: one.value.string_value for one in group.resource.attributes})
            self.spans.extend(one for scope in group.scope_spans for one in scope.spans)

    def tree(self) -> list[str]:
        """Every span as the path of names that leads to it, sorted."""
        by_id = {one.span_id: one for one in self.spans}

        def path(one: Span) -> str:
            parent = by_id.get(one.parent_span_id)
            return f"{path(parent)} > {one.name}" if parent else one.name

        return sorted(path(one) for one in self.spans)

    def named(self, name: str) -> Span:
        (found,) = [one for one in self.spans if one.name == name]
        return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests += 1
            time.sleep(made.delay_seconds)
            if made.answer == 200 and self.path == "/v1/traces":
                made.take(body)
            self.send_response(made.answer if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    yield made
    tracing.stop()
    server.shutdown()
    server.server_close()


def attributes(one: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in one.attributes}


def bill(folder: Path) -> Path:
    folder.mkdir()
    target = folder / "march.csv"
    target.write_text(cur_text([cur_line(number, "10.5") for number in range(40)]), encoding="utf-8")
    return target


def run(home: Path, **settings: Any) -> tuple[Laptop, float]:
    """A month of charges above its budget, from tick to alert; the laptop, and the seconds that it took."""
    with laptop(home, **settings) as rt:
        budget = Budget(
            "cloud", "Cloud", Decimal(100), "USD", "monthly", thresholds=(Decimal(100),), forecast_thresholds=()
        )
        rt.documents.set("orgs/default/budgets/cloud", as_document(budget))
        began = time.monotonic()
        outcomes = rt.bring(bill(home / "bills"))
        assert [one.error for one in outcomes] == [None] * 6
        assert rt.billed() == {"USD": Decimal("420.0")}
        assert len(list((home / "outbox").iterdir())) == 1
    return rt, time.monotonic() - began


TICK = "process sync-requested"
INGEST = f"{TICK} > create ingest-aws > process ingest-aws"
NORMALIZE = f"{INGEST} > create bill-landed > process bill-landed"
FINISH = f"{NORMALIZE} > create delivery-mapped > process delivery-mapped"
EVALUATE = f"{FINISH} > create charges-normalized > process charges-normalized"
SEND = f"{EVALUATE} > evaluate > create alert-raised > process alert-raised"
TREE = sorted(
    [
        TICK,
        f"{TICK} > create ingest-aws",
        INGEST,
        f"{INGEST} > fetch part",
        f"{INGEST} > control totals",
        f"{INGEST} > create bill-landed",
        NORMALIZE,
        f"{NORMALIZE} > map chunk",
        f"{NORMALIZE} > validate",
        f"{NORMALIZE} > create delivery-mapped",
        FINISH,
        f"{FINISH} > prove",
        f"{FINISH} > swap",
        f"{FINISH} > create charges-normalized",
        EVALUATE,
        f"{EVALUATE} > evaluate",
        f"{EVALUATE} > evaluate > create alert-raised",
        SEND,
        f"{SEND} > send",
    ]
)


def test_one_trace_spans_from_tick_to_alert(collector: Collector, tmp_path: Path) -> None:
    run(tmp_path, traces="otlp", env="test")
    assert collector.tree() == TREE
    assert len({one.trace_id for one in collector.spans}) == 1
    assert collector.requests == 6  # before each function answers
    assert collector.resources[0]["service.name"] == "costwire"
    assert collector.resources[0]["deployment.environment.name"] == "test"


def test_spans_say_what_they_are_about(collector: Collector, tmp_path: Path) -> None:
    run(tmp_path, traces="otlp")
    handled, published = collector.named("process bill-landed"), collector.named("create bill-landed")
    assert (handled.kind, published.kind) == (Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_PRODUCER)
    about = attributes(handled)
    assert about["messaging.destination.name"] == "bill-landed" and about["messaging.operation.type"] == "process"
    assert about["messaging.message.id"] == attributes(published)["messaging.message.id"] == about["costwire.event_id"]
    assert about["costwire.org_slug"] == "default" and about["costwire.integration_id"] == "bill"
    assert about["costwire.billing_period"] == "2026-03" and about["costwire.delivery_id"]
    assert (about["costwire.rows"], about["costwire.outcome"], about["costwire.attempt"]) == (40, "done", 1)
    assert attributes(collector.named("swap"))["costwire.rows"] == 40


def test_what_fails_is_marked_without_its_words(collector: Collector) -> None:
    settings = Settings(traces="otlp")
    with pytest.raises(ValueError, match="4711"), handling("normalize_focus", settings, {}), span("map chunk"):
        raise ValueError("line 4711 of a bill")
    for one in collector.spans:
        assert one.status.code == Status.STATUS_CODE_ERROR and attributes(one)["error.type"] == "ValueError"
        assert "4711" not in str(one) and not one.events
    assert [one.name for one in collector.spans] == ["map chunk", "process unknown"]


def test_a_tick_that_is_not_sampled_leaves_no_span(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    run(tmp_path, traces="otlp")
    assert collector.requests == 0


def test_off_means_nothing_is_sent_nor_carried(collector: Collector, tmp_path: Path) -> None:
    run(tmp_path)
    assert collector.requests == 0
    assert tracing.extension("alert-raised", "event-1", "key") == {}


def test_an_exporter_that_is_away_delays_one_message_by_its_bound_and_fails_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, calm = run(tmp_path / "calm")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    _, seconds = run(tmp_path / "away", traces="otlp")
    tracing.stop()
    assert seconds < calm + BOUND_SECONDS


@pytest.mark.parametrize("trouble", [{"answer": 503}, {"delay_seconds": 20.0}, {"answer": 400}])
def test_a_collector_that_refuses_or_hangs_delays_no_more_than_that(
    collector: Collector, tmp_path: Path, trouble: dict[str, Any]
) -> None:
    _, calm = run(tmp_path / "calm")
    collector.__dict__.update(trouble)
    _, seconds = run(tmp_path / "trouble", traces="otlp")
    assert seconds < calm + BOUND_SECONDS
    assert collector.requests >= 1


def test_after_a_rest_the_next_spans_are_taken(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "REST_SECONDS", 0.05)
    settings = Settings(traces="otlp")
    collector.answer = 400
    with handling("first", settings, {}):
        pass
    collector.answer = 200
    with handling("second", settings, {}):
        pass
    assert collector.spans == [] and collector.requests == 1
    time.sleep(0.1)
    with handling("third", settings, {}):
        pass
    assert [attributes(one)["costwire.function"] for one in collector.spans] == ["second", "third"]
