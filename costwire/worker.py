"""The worker: delivers messages of the embedded bus to the functions, as Pub/Sub's push subscriptions do in the cloud."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from common import stopping
from common.errors import CostError, Held, Permanent
from common.messages.subscriptions import SUBSCRIPTIONS, named
from common.ports import Runtime
from common.ports.bus import MAX_ATTEMPTS, Delivery
from common.runtime.bootstrap import EmbeddedRuntime
from costwire.dead_letters import end_unrequested, record_dead_letters

log = logging.getLogger("costwire")

_HELD_SECONDS = 1.0
"""How often a message looks whether another worker's claim has ended: it may end early, with its process."""

ELSEWHERE = "another process works on what is left"
"""What is waited for while other workers hold all messages."""


@dataclass(frozen=True)
class Outcome:
    """What became of one try.  error: one line, where it failed; final: it will not be tried again."""

    delivery: Delivery
    error: str | None = None
    final: bool = False


def subscribe_all(rt: EmbeddedRuntime) -> None:
    """Make every subscription; repeating this changes nothing."""
    rt.bus.subscribe_each({one.name: topic for topic, table in SUBSCRIPTIONS.items() for one in table})


def subscribe_here(rt: Runtime) -> None:
    """Make the subscriptions where this process delivers their messages; a deployment has its own."""
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)


def work(
    rt: EmbeddedRuntime,
    sleep: Callable[[float], None] = time.sleep,
    waiting: Callable[[str], None] = lambda words: None,
) -> Iterator[Outcome]:
    """Deliver until nothing is left, waiting out backoffs; yields what became of each try.

    waiting: is told what is waited for, and until when, each time.
    """
    while True:
        delivery = rt.bus.pull()
        record_dead_letters(rt)
        if delivery is not None:
            yield deliver(rt, delivery)
            continue
        due = rt.bus.next_due()
        if due is None:
            if rt.bus.pending() == 0:
                end_unrequested(rt)
                return
            waiting(ELSEWHERE)
            sleep(0.05)
            continue
        waiting(f"waiting until {due:%H:%M:%S} UTC: a message failed and will be retried then; Ctrl-C stops")
        sleep(min(max((due - rt.clock.now()).total_seconds(), 0.005), 1.0))


def deliver_due(rt: EmbeddedRuntime, subscriptions: Sequence[str]) -> None:
    """Deliver to some subscriptions what is due now, and wait for nothing."""
    while (delivery := rt.bus.pull(subscriptions)) is not None:
        deliver(rt, delivery)


def deliver(rt: EmbeddedRuntime, delivery: Delivery) -> Outcome:
    """Run one handler and do with the message what its outcome says.  Where the process is asked to end, it was no try."""
    stopping.at_end(rt.bus.abandon)
    try:
        handler(delivery.subscription)({**delivery.event, "deliveryattempt": delivery.attempt})
    except Permanent as error:
        rt.bus.reject(delivery, str(error))
        record_dead_letters(rt)
        return Outcome(delivery, str(error), final=True)
    except Held as error:
        rt.bus.hold_off(delivery, min(max((error.until - rt.clock.now()).total_seconds(), 0.0), _HELD_SECONDS))
        return Outcome(delivery, str(error))
    except Exception as error:
        stopping.check()
        reason = str(error) if isinstance(error, CostError) else f"{type(error).__name__} in {delivery.subscription}"
        if not isinstance(error, CostError):
            log.exception("%s failed on a message of %s", delivery.subscription, delivery.topic)
        rt.bus.nack(delivery, reason)
        record_dead_letters(rt)
        return Outcome(delivery, reason, final=delivery.attempt >= MAX_ATTEMPTS)
    rt.bus.ack(delivery)
    return Outcome(delivery)


def handler(subscription: str) -> Callable[[Any], None]:
    """The function behind a subscription; its module is imported on first use."""
    known = named(subscription)
    name = known.function if known else subscription
    found: Callable[[Any], None] = getattr(importlib.import_module(f"functions.{name}.main"), name)
    return found
