"""Traces: from a tick to the alert that it leads to, one trace, whatever messages and functions lie between.

The trace travels on each event as `traceparent` and `tracestate`.  Source:
https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md

Off, a step costs one comparison.  In the cloud the ids travel even then, so that the log lines of one tick are found together.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.config import Settings
from common.telemetry.withheld import described, kind

if TYPE_CHECKING:
    from common.telemetry.exporting import Exporting

Plain = str | int | float | bool
EXTENSION = ("traceparent", "tracestate")
_log = logging.getLogger("costwire")
_nothing: AbstractContextManager[None] = nullcontext()
_propagator = TraceContextTextMapPropagator()
_chance = random.SystemRandom()
_settings: Settings | None = None
_exporting: Exporting | None = None


def start(settings: Settings) -> None:
    """Record and export traces as the settings say, from now on.  Repeating this with the same settings changes nothing.

    Where an exporter cannot be set up, that is logged once, and the work goes on without.
    """
    global _settings, _exporting
    if settings is _settings:
        return
    stop()
    _settings = settings
    if settings.traces == "off":
        return
    try:
        from common.telemetry.exporting import connect

        _exporting = connect(settings)
    except Exception as error:
        _log.error(
            "traces are off: COSTWIRE_TRACES is %s, but no exporter can be set up: %s",
            settings.traces,
            described(error),
        )


def stop() -> None:
    """Export what is left, and record no more."""
    global _settings, _exporting
    ended, _settings, _exporting = _exporting, None, None
    if ended is not None:
        ended.close()


def flush() -> None:
    """Export what has been recorded; waits a bounded time (`exporting.FLUSH_SECONDS`) and never fails."""
    if _exporting is not None:
        _exporting.flush()


def span(name: str, **attributes: Plain) -> AbstractContextManager[None]:
    """A step of the work at hand, as `with span("map chunk", chunk=3):`.  Ids and numbers only, never what a bill says."""
    if _exporting is None:
        return _nothing
    return _step(_exporting, name, {f"costwire.{key}": value for key, value in attributes.items()})


def extension(topic: str, event_id: str, key: str) -> dict[str, str]:
    """The attributes by which an event carries the trace it was made in; none without a trace."""
    carrier: dict[str, str] = {}
    if _exporting is None:
        _propagator.inject(carrier)
        return carrier
    attributes = _messaging(topic, event_id, "create") | {"costwire.message_key": key}
    with _exporting.tracer.start_as_current_span(f"create {topic}", kind=SpanKind.PRODUCER, attributes=attributes):
        _propagator.inject(carrier)
    return carrier


@contextmanager
def consuming(function: str, event: Mapping[str, Any]) -> Iterator[Span]:
    """The handling of one event, as a child of what published it.  An event without a trace starts one."""
    came = _propagator.extract({name: str(event[name]) for name in EXTENSION if event.get(name)}, context=Context())
    if _exporting is None:
        with _carried(came) as silent:
            yield silent
        return
    topic = str(event.get("type", "")).removeprefix("costwire.").rpartition(".")[0] or "unknown"
    attributes = _messaging(topic, str(event.get("id", "")), "process") | {
        "messaging.destination.subscription.name": function
    }
    with _exporting.tracer.start_as_current_span(
        f"process {topic}", came, SpanKind.CONSUMER, attributes, record_exception=False, set_status_on_exception=False
    ) as recorded:
        yield recorded


def failed(recorded: Span, error: BaseException) -> None:
    """Mark a step as failed: the class of the error, not its words."""
    recorded.set_attribute("error.type", kind(error))
    recorded.set_status(Status(StatusCode.ERROR))


@contextmanager
def _step(exporting: Exporting, name: str, attributes: dict[str, Plain]) -> Iterator[None]:
    with exporting.tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as recorded:
        try:
            yield
        except Exception as error:
            failed(recorded, error)
            raise


@contextmanager
def _carried(came: Context) -> Iterator[Span]:
    """The trace that the event came with, recorded by nobody here; in the cloud a new one where it came with none."""
    here = trace.get_current_span(came)
    if not here.get_span_context().is_valid and _settings is not None and _settings.runtime == "cloud":
        ids = SpanContext(_chance.getrandbits(128) | 1, _chance.getrandbits(64) | 1, is_remote=False)
        here = NonRecordingSpan(ids)
    token = contexts.attach(trace.set_span_in_context(here, Context()))
    try:
        yield here
    finally:
        contexts.detach(token)


def _messaging(topic: str, event_id: str, operation: str) -> dict[str, Plain]:
    """Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/"""
    cloud = _settings is not None and _settings.runtime == "cloud"
    return {
        "messaging.system": "gcp_pubsub" if cloud else "costwire_sqlite",
        "messaging.destination.name": topic,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.message.id": event_id,
    }
