"""One attempt to handle a message, as seen from outside: its outcome line, its span, and the spans exported before it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import Span

from common.config import Settings
from common.errors import CostError, Held, NotReady, Permanent
from common.messages import Message
from common.ports.bus import MAX_ATTEMPTS
from common.telemetry import logs, tracing, work
from common.telemetry.withheld import described, kind
from common.telemetry.work import DEAD_LETTERED, DONE, RETRIED, SKIPPED, Work

_log = logging.getLogger(logs.LOGGER)

Around = Callable[[Callable[[Any], None], Message], None]
"""What is done with a function and its message, where more than calling it is needed."""


@contextmanager
def handling(function: str, settings: Settings, event: Mapping[str, Any]) -> Iterator[Work]:
    """Tell the outcome of what is done meanwhile, an error that leaves included; whatever happens there passes through.

    event: the attributes of the CloudEvent, as far as they are known; `deliveryattempt` counts from 1.
    """
    if settings.runtime == "cloud":
        logs.structured(settings.project)
    tracing.start(settings)
    doing = Work(function, str(event.get("id", "")), int(event.get("deliveryattempt") or 1))
    token = work._current.set(doing)
    began = time.monotonic()
    try:
        with tracing.consuming(function, event) as recorded:
            try:
                yield doing
            except BaseException as error:
                doing.outcome = _ended_by(error, doing.attempt if doing.tries is None else doing.tries)
                tracing.failed(recorded, error)
                _tell(doing, began, recorded, error)
                raise
            _tell(doing, began, recorded, None)
    finally:
        work._current.reset(token)
        tracing.flush()


def _ended_by(error: BaseException, tries: int) -> str:
    final = isinstance(error, Permanent) or (tries >= MAX_ATTEMPTS and not isinstance(error, Held | NotReady))
    return DEAD_LETTERED if final else RETRIED


def _tell(doing: Work, began: float, recorded: Span, error: BaseException | None) -> None:
    """The outcome line, and the same facts on the span."""
    fields: dict[str, Any] = {
        "outcome": doing.outcome,
        "milliseconds": round((time.monotonic() - began) * 1000),
        **doing.numbers,
        **doing.facts,
    }
    if doing.tries not in (None, doing.attempt):
        fields["tries"] = doing.tries
    if error is not None:
        fields["error"] = kind(error)
        fields["reason"] = described(error)
    attributes = {**doing.fields(), **doing.numbers, "outcome": doing.outcome}
    recorded.set_attributes({f"costwire.{name}": value for name, value in attributes.items()})
    words = f"{doing.function} {doing.outcome}" + (f": {fields['reason']}" if error else "")
    foreign = error if error is not None and not isinstance(error, CostError) else None
    extra = {"fields": fields}
    _log.log(_level(doing.outcome, foreign), "%s", words, extra=extra, exc_info=foreign)
    if error is not None:
        logs.told(error)


def _level(outcome: str, foreign: BaseException | None) -> int:
    if outcome in (DONE, SKIPPED):
        return logging.INFO
    return logging.ERROR if foreign is not None or outcome == DEAD_LETTERED else logging.WARNING
