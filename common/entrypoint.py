"""From an event to a handler: decode, name the work in every log line, and let errors do what `common/errors.py` says.

A handler stays a plain function of its message.  Around it: a CloudEvent is decoded; a Permanent error is recorded and raised as it is,
so that the runtime dead-letters the message; everything else leaves the handler and the bus delivers again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar, overload

from common.bills.integrations import check_org_slug
from common.bills.runs import fail_queued, fail_run
from common.bootstrap import runtime
from common.errors import CostError, MalformedMessage, NoSpace, Permanent, resource_error
from common.messages import AlertRaised, ChargesNormalized, Message, SyncRequested
from common.messages.cloudevent import decode
from common.telemetry.handling import handling

Kind = TypeVar("Kind", bound=Message)
Other = TypeVar("Other", bound=Message)
Handler = Callable[[Any], None]
Around = Callable[[Callable[[Any], None], Message], None]
"""What is done with a function and its message, where more than calling it is needed."""


@overload
def handles(kind: type[Kind], /) -> Callable[[Callable[[Kind], None]], Handler]: ...
@overload
def handles(kind: type[Kind], other: type[Other], /) -> Callable[[Callable[[Kind | Other], None]], Handler]: ...
def handles(*kinds: type[Message]) -> Callable[[Callable[[Any], None]], Handler]:
    """Make a function of messages into a handler of CloudEvents, whether the worker hands them over or Pub/Sub pushes them."""

    def decorate(function: Callable[[Any], None]) -> Handler:
        def attempt(event: Message | Mapping[str, Any], around: Around = _plainly) -> None:
            attributes = {} if isinstance(event, Message) else event
            with handling(function.__name__, runtime().settings, attributes) as work:
                message = event if isinstance(event, Message) else decode(attributes)
                work.names(message)
                if not isinstance(message, kinds):
                    wanted = " or ".join(kind.__name__ for kind in kinds)
                    raise MalformedMessage(f"{function.__name__} takes {wanted}, got {type(message).__name__}")
                try:
                    around(function, message)
                except Exception as raised:
                    error = raised if isinstance(raised, CostError) else resource_error(raised)
                    if error is None:
                        raise
                    if isinstance(error, Permanent):
                        with suppress(NoSpace):  # the runtime records it once there is room
                            record_failure(message, str(error))
                    raise error from raised.__cause__

        @functools.wraps(function)
        def handler(event: Any) -> None:
            if isinstance(event, Message | dict):
                attempt(event)
                return
            from common import push  # what only a deployed function needs

            if push.over_http():
                push.receive(function.__name__, event, attempt)
            else:
                attempt({**event.get_attributes(), "data": event.get_data()})

        handler.handles = kinds  # type: ignore[attr-defined]
        return handler

    return decorate


def _plainly(function: Callable[[Any], None], message: Message) -> None:
    function(message)


def record_failure(message: Message, reason: str) -> None:
    """Write on the run, if the message belongs to one, why it ended: what a person sees where the message is dead-lettered.

    Raises NoSpace where it cannot be written now; Retryable.
    """
    if isinstance(message, ChargesNormalized | AlertRaised):
        return  # what follows a delivery that is shown; its run has done its work
    org_slug, run_id = getattr(message, "org_slug", None), getattr(message, "run_id", None)
    if not run_id:
        return
    rt = runtime()
    try:
        if isinstance(message, SyncRequested):
            named = [check_org_slug(org_slug)] if org_slug else [name for name, _ in rt.documents.list("orgs")]
            for one in named:
                fail_queued(rt.documents, rt.clock, one, run_id, reason)
        elif org_slug:
            delivery_id = getattr(message, "delivery_id", None)
            fail_run(rt.documents, rt.clock, check_org_slug(org_slug), run_id, reason, delivery_id=delivery_id)
    except NoSpace:
        raise
    except Permanent:  # no names of a tenant and a run: nobody waits, and the reason must stay the message's own
        return
