"""From an event to a handler: decode, name the work in every log line, and let errors do what `common/errors.py` says.

A handler stays a plain function of its message.  Around it: a CloudEvent is decoded; a Permanent error is recorded and raised as it is,
so that the runtime dead-letters the message; everything else leaves the handler and the bus delivers again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from common.bills.runs import fail_run
from common.bootstrap import runtime
from common.errors import CostError, MalformedMessage, Permanent, resource_error
from common.messages import Message
from common.messages.cloudevent import decode
from common.telemetry.handling import handling

Kind = TypeVar("Kind", bound=Message)


def handles(kind: type[Kind]) -> Callable[[Callable[[Kind], None]], Callable[[Any], None]]:
    """Make a function of one message class into a handler of CloudEvents."""

    def decorate(function: Callable[[Kind], None]) -> Callable[[Any], None]:
        @functools.wraps(function)
        def handler(event: Any) -> None:
            attributes = {} if isinstance(event, Message) else _as_mapping(event)
            with handling(function.__name__, runtime().settings, attributes) as work:
                message = event if isinstance(event, Message) else decode(attributes)
                work.names(message)
                if not isinstance(message, kind):
                    raise MalformedMessage(f"{function.__name__} takes {kind.__name__}, got {type(message).__name__}")
                try:
                    function(message)
                except Exception as raised:
                    error = raised if isinstance(raised, CostError) else resource_error(raised)
                    if error is None:
                        raise
                    if isinstance(error, Permanent):
                        record_failure(message, str(error))
                    raise error from raised.__cause__

        handler.handles = kind  # type: ignore[attr-defined]
        return handler

    return decorate


def record_failure(message: Message, reason: str) -> None:
    """Write on the run, if the message belongs to one, why it ended: what a person sees where the message is dead-lettered."""
    org_slug, run_id = getattr(message, "org_slug", None), getattr(message, "run_id", None)
    if org_slug and run_id:
        rt = runtime()
        fail_run(rt.documents, rt.clock, org_slug, run_id, reason)


def _as_mapping(event: Any) -> dict[str, Any]:
    """The event as structured JSON, whether it is a mapping already or a CloudEvent object."""
    if isinstance(event, dict):
        return event
    return {**event.get_attributes(), "data": event.get_data()}
