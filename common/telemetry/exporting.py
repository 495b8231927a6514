"""Where spans are sent: OTLP over HTTP, to any collector or to Google Cloud.  Imported only where traces are on.

Source: https://cloud.google.com/trace/docs/migrate-to-otlp-endpoints (endpoint, gcp.project_id; the role is
roles/telemetry.tracesWriter) and https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from common.config import Settings

if TYPE_CHECKING:
    from requests import Session

FLUSH_SECONDS = 1.5
"""The most that a function waits for its spans to be taken, before it answers."""
REST_SECONDS = 30.0
"""After an export that failed, nothing is waited for until this has passed: an exporter that is down delays one message, not all."""
CLOUD_ENDPOINT = "https://telemetry.googleapis.com/v1/traces"
_MOST_SPANS = 4_096
_log = logging.getLogger("costwire")


class BoundedProcessor(SpanProcessor):
    """Keeps ended spans until the function is done, then exports them in a bounded time.

    The SDK's batch processor waits for its exporter however long that takes.  Spans of a failed export are lost, and so are
    the oldest above `_MOST_SPANS`.
    """

    def __init__(self, exporter: SpanExporter, flush_seconds: float, rest_seconds: float) -> None:
        self._exporter = exporter
        self._flush_seconds = flush_seconds
        self._rest_seconds = rest_seconds
        self._rests_until = 0.0
        self._ended: deque[ReadableSpan] = deque(maxlen=_MOST_SPANS)

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span that is sampled."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._ended.append(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what is kept; says whether it was taken in time."""
        if not self._ended or time.monotonic() < self._rests_until:
            return False
        batch = [self._ended.popleft() for _ in range(len(self._ended))]
        export = _Export(self._exporter, batch)
        export.start()
        export.join(min(self._flush_seconds, timeout_millis / 1000))
        if not export.taken:
            self._rests_until = time.monotonic() + self._rest_seconds
            _log.warning(
                "traces: %d spans are lost, the exporter did not take them; the next try is in %d s",
                len(batch),
                self._rest_seconds,
            )
        return export.taken

    def shutdown(self) -> None:
        """Export what is left and end."""
        self.force_flush()
        self._exporter.shutdown()


class _Export(threading.Thread):
    """One export, in a thread that nobody has to wait for."""

    def __init__(self, exporter: SpanExporter, batch: Sequence[ReadableSpan]) -> None:
        super().__init__(name="costwire-traces", daemon=True)
        self._exporter = exporter
        self._batch = batch
        self.taken = False

    def run(self) -> None:
        try:
            self.taken = self._exporter.export(self._batch) is SpanExportResult.SUCCESS
        except Exception as error:  # e.g. no credentials: said by whoever waits
            _log.warning("traces: the exporter failed: %s", error)


@dataclass(frozen=True)
class Exporting:
    """A tracer of our own, not the process's: libraries that trace themselves stay silent."""

    provider: TracerProvider
    processor: BoundedProcessor
    tracer: Tracer

    def flush(self) -> None:
        """Export what is kept, bounded."""
        self.processor.force_flush()

    def close(self) -> None:
        """Export what is left and end."""
        self.provider.shutdown()


def connect(settings: Settings) -> Exporting:
    """The exporter that the settings name: `otlp` as OTEL_EXPORTER_OTLP_* say, `cloud` to Google Cloud.

    Sampling is OTEL_TRACES_SAMPLER's, resource attributes OTEL_RESOURCE_ATTRIBUTES' and OTEL_SERVICE_NAME's.
    """
    exporter = _to_google() if settings.traces == "cloud" else OTLPSpanExporter(timeout=FLUSH_SECONDS)
    return recording(settings, exporter)


def recording(settings: Settings, exporter: SpanExporter) -> Exporting:
    """A tracer whose spans go to this exporter."""
    about = {"service.name": os.environ.get("K_SERVICE", "costwire"), "deployment.environment.name": settings.env}
    if settings.project:
        about["gcp.project_id"] = settings.project
    if "OTEL_SERVICE_NAME" in os.environ:
        del about["service.name"]
    processor = BoundedProcessor(exporter, FLUSH_SECONDS, REST_SECONDS)
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return Exporting(provider, processor, provider.get_tracer("costwire"))


def _to_google() -> OTLPSpanExporter:
    return OTLPSpanExporter(endpoint=CLOUD_ENDPOINT, timeout=FLUSH_SECONDS, session=_authorized())


def _authorized() -> Session:
    """Requests signed as the function's service account."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    session: Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session
