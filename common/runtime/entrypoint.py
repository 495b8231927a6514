"""From an event to a handler: decode, name the work in every log line, and treat errors as `common/errors.py` defines.

A handler stays a plain function of its message.  Around it: a CloudEvent is decoded; the tenant that it names must exist, and be one that
may run where the message asks for that; a Permanent error is recorded and raised as it is, so that the runtime dead-letters the
message; everything else leaves the handler and the bus delivers again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar, overload

from common.domain.audit import Actor, ActorKind
from common.errors import CostError, MalformedMessage, NoSpace, Permanent, resource_error
from common.messages import SCHEDULE, Message, SubscriptionChanged, SyncRequested, topic_of
from common.messages.cloudevent import decode
from common.records.audit import Operation, acting
from common.records.organizations import check_running
from common.records.organizations import load as load_tenant
from common.records.runs import WEBHOOK
from common.runtime.bootstrap import runtime
from common.runtime.failures import record_failure
from common.runtime.handling import Around, handling

Kind = TypeVar("Kind", bound=Message)
Other = TypeVar("Other", bound=Message)
Handler = Callable[[Any], None]


@overload
def handles(kind: type[Kind], /) -> Callable[[Callable[[Kind], None]], Handler]: ...
@overload
def handles(kind: type[Kind], other: type[Other], /) -> Callable[[Callable[[Kind | Other], None]], Handler]: ...
def handles(*kinds: type[Message]) -> Callable[[Callable[[Any], None]], Handler]:
    """Make a function of messages into a handler of CloudEvents, whether the worker hands them over or Pub/Sub pushes them."""

    def decorate(function: Callable[[Any], None]) -> Handler:
        def known(message: Message) -> None:
            org_slug = getattr(message, "org_slug", None)
            if org_slug:
                organization = load_tenant(runtime().documents, org_slug)
                if message.of_running:
                    check_running(organization, runtime().settings.plans)
            function(message)

        def attempt(event: Message | Mapping[str, Any], around: Around = _plainly) -> None:
            attributes = {} if isinstance(event, Message) else event
            with handling(function.__name__, runtime().settings, attributes) as work:
                message = event if isinstance(event, Message) else decode(attributes)
                work.names(topic_of(message), message.key, message)
                if not isinstance(message, kinds):
                    wanted = " or ".join(kind.__name__ for kind in kinds)
                    raise MalformedMessage(f"{function.__name__} takes {wanted}, got {type(message).__name__}")
                try:
                    with acting(_operation(function.__name__, message, work.event_id)):
                        around(known, message)
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
            from common.runtime import push  # what only a deployed function needs

            if push.over_http():
                push.receive(function.__name__, event, attempt)
            else:
                attempt({**event.get_attributes(), "data": event.get_data()})

        handler.handles = kinds  # type: ignore[attr-defined]
        return handler

    return decorate


def _operation(function: str, message: Message, event_id: str) -> Operation:
    """Who changes what a message leads to: Stripe, or the function by itself."""
    if isinstance(message, SubscriptionChanged) and (message.kind != SCHEDULE or message.customer_id):
        return Operation(Actor(ActorKind.STRIPE, message.kind), request_id=message.event_id)
    if isinstance(message, SyncRequested) and message.trigger == WEBHOOK:
        return Operation(Actor(ActorKind.WEBHOOK, message.integration_id or ""), request_id=event_id)
    return Operation(Actor(ActorKind.JOB, function), request_id=event_id)


def _plainly(function: Callable[[Any], None], message: Message) -> None:
    function(message)
