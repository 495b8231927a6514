"""A pushed delivery: authenticated, unwrapped, handled once, and answered so that Pub/Sub does what `common/errors.py` defines.

2xx: done, or dead-lettered with its reason.  5xx: Pub/Sub delivers again with the subscription's backoff.  Pub/Sub's own dead-letter
policy remains for what never answers (a killed process, a deadline) and for bodies that functions-framework refuses with 400.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn, Protocol

import flask

from common.errors import AGAIN, CostError, Held, MalformedMessage, Permanent
from common.messages import Message, SyncRequested
from common.messages.cloudevent import completed, decode, parse
from common.messages.subscriptions import Subscription, received_by
from common.ports import Runtime
from common.ports.bus import MAX_ATTEMPTS, Undeliverable
from common.records.stalled import given_up_at, note_try
from common.runtime.bootstrap import runtime
from common.runtime.failures import record_failure
from common.runtime.handling import Around
from common.runtime.processed import ProcessedEvents
from common.runtime.push_auth import Refusal, authenticate
from common.telemetry import logs, work

log = logging.getLogger(logs.LOGGER)
_GIVEN_UP = f"given up after {MAX_ATTEMPTS} tries; run costwire replay once the cause is fixed"
WRAPPED = "google.cloud.pubsub.topic.v1.messagePublished"


class Attempt(Protocol):
    """One try at an event, told in the log; raises what `common/errors.py` names, with Permanent errors recorded already."""

    def __call__(self, event: Mapping[str, Any], around: Around) -> None: ...


@dataclass(frozen=True)
class Pushed:
    """What was posted.  body: the message as it was published.  attempt counts from 1."""

    body: bytes
    message_id: str = ""
    publish_time: str = ""
    ordering_key: str = ""
    subscription: str = ""
    attempt: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def event(self) -> Mapping[str, Any]:
        """The event in the body, read once.  Raises MalformedMessage."""
        return completed(parse(self.body), self.message_id, self.publish_time)


def over_http() -> bool:
    """Whether an HTTP request is being answered."""
    return flask.has_request_context()


def receive(function: str, event: Any, attempt: Attempt) -> None:
    """Work on what the present HTTP request brought; returns where it is done with, answers 4xx or 5xx where it is not."""
    rt = runtime()
    if rt.settings.runtime == "cloud":
        logs.structured(rt.settings.project)
    _let_in(function, rt)
    pushed = unwrap(event, flask.request.get_json(silent=True))
    own = _subscription(function, pushed)
    if pushed.attributes.get("replay_for", own.name) != own.name:
        return  # another subscription of the topic failed it; this one has done it
    try:
        _outwaiting(lambda: attempt(_event(function, pushed), _once(function, rt, own)), own, rt)
    except Permanent as error:
        _dead_letter(own, pushed, str(error), rt)
    except Exception as error:
        if pushed.attempt < MAX_ATTEMPTS:
            _answer(500, "not done, deliver it again")
        reason = str(error).replace(AGAIN, _GIVEN_UP) if isinstance(error, CostError) else _unknown(error, function)
        record_failure(decode(pushed.event), reason)
        _dead_letter(own, pushed, reason, rt)


def held_seconds(own: Subscription) -> float:
    """How long a push waits for another worker's claim: half its deadline, so that the other half is left for the work."""
    return own.ack_deadline_seconds / 2


def _outwaiting(attempt: Callable[[], None], own: Subscription, rt: Runtime) -> None:
    """Try; where another worker has claimed the work, try again when its claim ends, all within this push.

    Pub/Sub counts every push that is not acked, so that of a claim which outlived some rests would use up the attempts of a message
    that nothing is wrong with.  A claim is shorter than `held_seconds`: the one that a dead worker left is outwaited by one push.
    """
    ends_at = time.monotonic() + held_seconds(own)
    while True:
        try:
            attempt()
            return
        except Held as held:
            rest = max((held.until - rt.clock.now()).total_seconds(), _SHORTEST_REST)
            if time.monotonic() + rest > ends_at:
                raise
            time.sleep(rest)


_SHORTEST_REST = 0.1


def unwrap(event: Any, posted: Any) -> Pushed:
    """The message in a push, whether Pub/Sub posted it raw, as a CloudEvent around it, or somebody posted the CloudEvent itself.

    event: what functions-framework made of it.  posted: the JSON of the request, which alone tells the subscription and the attempt.
    """
    attributes = event.get_attributes()
    if attributes.get("type") != WRAPPED:
        return Pushed(json.dumps({**attributes, "data": event.get_data()}, ensure_ascii=False, default=str).encode())
    envelope = posted if isinstance(posted, dict) and isinstance(posted.get("message"), dict) else event.get_data()
    message = envelope.get("message") if isinstance(envelope, dict) else None
    if not isinstance(envelope, dict) or not isinstance(message, dict):
        return Pushed(b"")
    attempt = envelope.get("deliveryAttempt")
    own = message.get("attributes")
    return Pushed(
        body=_bytes(message.get("data")),
        message_id=str(message.get("messageId") or attributes.get("id", "")),
        publish_time=str(message.get("publishTime") or attributes.get("time", "")),
        ordering_key=str(message.get("orderingKey") or ""),
        subscription=str(envelope.get("subscription") or "").rsplit("/", 1)[-1],
        attempt=attempt if isinstance(attempt, int) else 1,
        attributes={str(name): str(value) for name, value in own.items()} if isinstance(own, dict) else {},
    )


def _let_in(function: str, rt: Runtime) -> None:
    try:
        authenticate(flask.request.headers.get("Authorization"), rt.settings)
    except Refusal as refusal:
        log.warning("%s refused a push: %s", function, refusal.why, extra={"fields": {"function": function}})
        _answer(refusal.status, "unavailable" if refusal.status >= 500 else "a push needs a valid token")


def _event(function: str, pushed: Pushed) -> dict[str, Any]:
    """The event, with the number of this try.  A body that is none is told here, as it has no more to be named by."""
    try:
        event = pushed.event
    except MalformedMessage as error:
        fields = {"function": function, "outcome": work.DEAD_LETTERED, "event_id": pushed.message_id}
        log.error("%s dead-lettered a message: %s", function, error, extra={"fields": fields})
        raise
    return {**event, "deliveryattempt": pushed.attempt}


def _once(function: str, rt: Runtime, own: Subscription) -> Around:
    """Do the work unless it is done; note that it is done only then.

    There is no lease for work in progress: that of a killed process would keep its message from everybody until the lease ends, and by
    then its attempts may be used up.  Two tries at once are borne by every handler, as it bears repeats.
    """
    processed = ProcessedEvents(rt.processed, rt.clock)

    def around(handler: Callable[[Any], None], message: Message) -> None:
        doing = work.current()
        event_id = doing.event_id if doing else ""
        if processed.seen(function, event_id):
            work.skipped()
            return
        with _noted(message, event_id, doing.attempt if doing else 1, own, rt):
            handler(message)
        processed.note(function, event_id)

    return around


@contextmanager
def _noted(message: Message, event_id: str, attempt: int, own: Subscription, rt: Runtime) -> Iterator[None]:
    """A further try stands on its run while it lasts: where no try is ever answered, that is all that tells of it."""
    org_slug, run_id = getattr(message, "org_slug", None), getattr(message, "run_id", None)
    if isinstance(message, SyncRequested):
        run_id = f"{message.run_id}.{message.integration_id}"
    if attempt == 1 or not org_slug or not run_id:
        yield
        return
    note_try(rt.documents, org_slug, run_id, event_id, given_up_at(own, attempt, rt.clock.now()))
    try:
        yield
    except Exception as error:
        if attempt >= MAX_ATTEMPTS or isinstance(error, Permanent):  # its reason is recorded by now, or will be
            note_try(rt.documents, org_slug, run_id, event_id, None)
        raise
    note_try(rt.documents, org_slug, run_id, event_id, None)


def _dead_letter(own: Subscription, pushed: Pushed, reason: str, rt: Runtime) -> None:
    """Dead-letter with the reason; what this raises keeps the message from being acked."""
    rt.bus.dead_letter(Undeliverable(own.topic, own.name, pushed.body, reason, pushed.ordering_key, pushed.attributes))


def _subscription(function: str, pushed: Pushed) -> Subscription:
    """The function's subscription that this came through: by its name, else by the event's topic, else its first."""
    own = received_by(function)
    try:
        kind = str(pushed.event.get("type"))
    except MalformedMessage:
        kind = ""
    by_name = (one for one in own if one.name == pushed.subscription)
    by_topic = (one for one in own if kind.startswith(f"costwire.{one.topic}."))
    return next(by_name, None) or next(by_topic, own[0])


def _unknown(error: Exception, function: str) -> str:
    """Of an error that nobody foresaw, its kind alone: its words may hold content."""
    return f"{type(error).__name__} in {function}"


def _answer(status: int, line: str) -> NoReturn:
    flask.abort(flask.Response(line + "\n", status, mimetype="text/plain"))


def _bytes(data: Any) -> bytes:
    """The published bytes; what is no base64 stays as it is, to be dead-lettered."""
    if not isinstance(data, str):
        return b""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return data.encode()
