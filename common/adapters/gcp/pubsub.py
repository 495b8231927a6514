"""The bus on Pub/Sub.  Functions publish; operators and tests also pull, list dead letters and replay them.

Publishing is one unary call that waits for the server's answer.  There is no batching thread: nothing is left behind when a function has
answered and its processor is taken away, and no ordering key stays paused after a failure.
Limits: https://cloud.google.com/pubsub/quotas#resource_limits
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage
from google.pubsub_v1.types import Subscription as PubSubSubscription

from common.adapters.gcp import pubsub_letters as letters
from common.adapters.gcp.failures import explaining
from common.errors import AlreadyExists, Permanent
from common.messages import Message, topic_of
from common.messages.cloudevent import encode
from common.messages.subscriptions import DEAD, Subscription, named
from common.ports.bus import MAX_ATTEMPTS, MAX_PUSHES, DeadLetter, Delivery, Undeliverable
from common.ports.clock import Clock

MAX_BATCH = 1_000
"""Messages that one request takes (https://cloud.google.com/pubsub/quotas)."""
MAX_MESSAGE_BYTES = 10_000_000
MAX_ORDERING_KEY_BYTES = 1024
_TRY_SECONDS = 10.0
_PUBLISH_SECONDS = 60.0
_BATCH = 100
_POLL_SECONDS = 0.05
_PASSING = if_exception_type(
    api.ServiceUnavailable, api.TooManyRequests, api.InternalServerError, api.DeadlineExceeded, api.Aborted, api.Unknown
)
_ELSEWHERE = Subscription("", "", "", 60, 10, 600)
"""How a subscription is set up that is not in the table."""


class PubSubBus:
    """Delivers at least once.

    patience_seconds: how long a pull waits before it says that there is nothing.  rests: whether failed messages of subscriptions
    made here rest as the table says; tests do without.
    """

    def __init__(
        self,
        project: str,
        clock: Clock,
        publisher: PublisherClient,
        subscriber: SubscriberClient,
        patience_seconds: float = 5.0,
        rests: bool = True,
    ) -> None:
        self._project = project
        self._clock = clock
        self._publisher = publisher
        self._subscriber = subscriber
        self._patience_seconds = patience_seconds
        self._rests = rests

    @classmethod
    def connect(cls, project: str, clock: Clock, patience_seconds: float = 5.0, rests: bool = True) -> PubSubBus:
        """Pub/Sub of a project, or the emulator that PUBSUB_EMULATOR_HOST names."""
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        with explaining(f"Pub/Sub of project {project}"):
            if emulator is None:
                return cls(project, clock, PublisherClient(), SubscriberClient(), patience_seconds, rests)
            channel = grpc.insecure_channel(emulator, options=[("grpc.max_receive_message_length", -1)])
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
            return cls(project, clock, publisher, subscriber, patience_seconds, rests)

    def publish(self, message: Message) -> str:
        """Hand over a message and wait until the server has it; returns the event id.

        Raises Permanent where it is larger than Pub/Sub takes, NotFound for a topic that is not there, Retryable.
        """
        event_id, body, attributes = self._encoded(message)
        self._send(topic_of(message), [self._checked(topic_of(message), body, attributes, message.ordering_key)])
        return event_id

    def publish_all(self, messages: Sequence[Message]) -> None:
        """Hand over many messages, up to MAX_BATCH in a request, and wait until the server has them.  Raises as `publish`.

        Where it raises, some of them may have been handed over.
        """
        by_topic: dict[str, list[PubsubMessage]] = {}
        for message in messages:
            topic = topic_of(message)
            _, body, attributes = self._encoded(message)
            by_topic.setdefault(topic, []).append(self._checked(topic, body, attributes, message.ordering_key))
        for topic, made in by_topic.items():
            for batch in _batches(made):
                self._send(topic, batch)

    def _encoded(self, message: Message) -> tuple[str, bytes, Mapping[str, str]]:
        event_id = str(uuid.uuid4())
        event = encode(message, event_id, self._clock.now())
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        return event_id, body, letters.attributes_of(event, message.key)

    def dead_letter(self, message: Undeliverable) -> None:
        """Put a message with its reason on `<topic>-dead`, its body as it came, and wait until the server has it."""
        topic, attributes = message.topic + DEAD, letters.attributes_for(message, self._clock.now())
        self._send(topic, [self._checked(topic, message.body, attributes, message.ordering_key)])

    def subscribe(self, topic: str, subscription: str) -> None:
        """Make the topic, its dead letters and a pulled subscription where they are missing: for tests; a deployment has Terraform's.

        Raises AlreadyExists where the name belongs to another topic.
        """
        for name in (topic, topic + DEAD):
            with explaining(f"topic {name}"), suppress(api.AlreadyExists):
                self._publisher.create_topic(name=self._topic(name), timeout=_TRY_SECONDS)
        keep = {
            "name": self._subscription(topic + DEAD),
            "topic": self._topic(topic + DEAD),
            "ack_deadline_seconds": 600,
        }
        with explaining(f"subscription {topic}{DEAD}"), suppress(api.AlreadyExists):
            self._subscriber.create_subscription(request=keep, timeout=_TRY_SECONDS)
        with explaining(f"subscription {subscription}"):
            try:
                self._subscriber.create_subscription(request=self._wanted(topic, subscription), timeout=_TRY_SECONDS)
            except api.AlreadyExists:
                found = self._subscriber.get_subscription(subscription=self._subscription(subscription))
                taken = _short(found.topic)
                if taken != topic:
                    raise AlreadyExists(
                        f"subscription {subscription} belongs to topic {taken}, not to {topic}: choose another name"
                    ) from None

    def pull(self, subscriptions: Sequence[str] | None = None) -> Delivery | None:
        """The next message, leased to the caller, or None where none came in time.  Raises NotFound for an unknown subscription."""
        names = self._names() if subscriptions is None else subscriptions
        for name in names:
            while received := self._receive(name, 1):
                (one,) = received
                if one.message.attributes.get(letters.REPLAY_FOR, name) == name:
                    event, attempt = letters.event_of(one.message), max(one.delivery_attempt, 1)
                    return Delivery(one.ack_id, self._topic_of(name), name, event, attempt)
                self._acknowledge(name, one.ack_id)  # replayed for another subscription of the topic
        return None

    def ack(self, delivery: Delivery) -> None:
        """The message is done.  Changes nothing when its lease has ended."""
        self._acknowledge(delivery.subscription, delivery.ack_id)

    def nack(self, delivery: Delivery, reason: str) -> None:
        """The message failed: Pub/Sub delivers it again by the subscription's backoff; dead-lettered after MAX_ATTEMPTS."""
        if delivery.attempt >= MAX_ATTEMPTS:
            self.reject(delivery, reason)
        else:
            self._release(delivery.subscription, [delivery.ack_id])

    def reject(self, delivery: Delivery, reason: str) -> None:
        """The message can never succeed: dead-letter it now."""
        event = delivery.event
        self.dead_letter(
            Undeliverable(
                delivery.topic, delivery.subscription, letters.body_of(event), reason, letters.ordering_key_of(event)
            )
        )
        self.ack(delivery)

    def dead_letters(self, topic: str | None = None) -> Sequence[DeadLetter]:
        """The dead letters, oldest first; `topic` without its `-dead`.  They are leased while they are read, then given back."""
        with self._dead(topic) as dead:
            found = [
                letters.letter(name.removesuffix(DEAD), one) for name, held in dead.items() for one in held.values()
            ]
        return sorted(found, key=lambda one: one.died_at)

    def forget_dead_letters(self, before: datetime) -> None:
        """Nothing: Pub/Sub removes them by itself (`dead_letter_days`)."""

    def replay(self, topic: str | None = None) -> int:
        """Publish dead letters again, each to the subscription that failed it; returns how many.

        One leaves the dead letters only when its publication is confirmed, so a replay that is cut short loses nothing.
        """
        count = 0
        with self._dead(topic) as dead:
            for name, held in dead.items():
                for ack_id, message in list(held.items()):
                    again, attributes = name.removesuffix(DEAD), letters.replay_attributes(message)
                    self._send(again, [self._checked(again, message.data, attributes, message.ordering_key)])
                    self._acknowledge(name, ack_id)
                    del held[ack_id]
                    count += 1
        return count

    def _checked(self, topic: str, body: bytes, attributes: Mapping[str, str], ordering_key: str) -> PubsubMessage:
        if len(ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
            raise Permanent(
                f"a message on {topic} has an ordering key of more than {MAX_ORDERING_KEY_BYTES} bytes: shorten its names"
            )
        message = PubsubMessage(data=body, attributes=letters.checked(attributes), ordering_key=ordering_key)
        size_bytes = PubsubMessage.pb(message).ByteSize()
        if size_bytes > MAX_MESSAGE_BYTES:
            raise Permanent(
                f"a message on {topic} has {size_bytes:,} bytes, the limit is {MAX_MESSAGE_BYTES:,}: "
                "put its data in object storage and send the URI"
            )
        return message

    def _send(self, topic: str, messages: list[PubsubMessage]) -> None:
        retry = Retry(predicate=_PASSING, initial=0.2, maximum=5.0, timeout=_PUBLISH_SECONDS)
        with explaining(f"topic {topic}"):
            self._publisher.publish(topic=self._topic(topic), messages=messages, retry=retry, timeout=_TRY_SECONDS)

    def _receive(self, name: str, most: int) -> Sequence[ReceivedMessage]:
        """Up to `most` messages.  An answer without any may come early, so it is asked again while patience lasts."""
        ends_at = time.monotonic() + self._patience_seconds
        while (left := ends_at - time.monotonic()) > 0:
            with explaining(f"subscription {name}"):
                try:
                    answer = self._subscriber.pull(
                        subscription=self._subscription(name), max_messages=most, retry=None, timeout=left
                    )
                except api.DeadlineExceeded:
                    break
            if answer.received_messages:
                return answer.received_messages
            time.sleep(min(_POLL_SECONDS, left))
        return ()

    @contextmanager
    def _dead(self, topic: str | None) -> Iterator[dict[str, dict[str, PubsubMessage]]]:
        """Subscription of dead letters -> ack id -> message, leased; what is still there at the end is given back."""
        names = [name for name in self._listed() if name.endswith(DEAD) and topic in (None, name.removesuffix(DEAD))]
        with ThreadPoolExecutor(max_workers=max(len(names), 1)) as side_by_side:  # each waits out its own patience
            dead = dict(zip(names, side_by_side.map(self._all_of, names), strict=True))
        try:
            yield dead
        finally:
            for name, held in dead.items():
                self._release(name, list(held))

    def _all_of(self, name: str) -> dict[str, PubsubMessage]:
        """All messages of a subscription by ack id, oldest first; one whose lease ended meanwhile counts once."""
        found: dict[str, ReceivedMessage] = {}
        while received := self._receive(name, _BATCH):
            found.update((one.message.message_id, one) for one in received)
        oldest_first = sorted(found.values(), key=lambda one: one.message.publish_time)
        return {one.ack_id: one.message for one in oldest_first}

    def _acknowledge(self, name: str, ack_id: str) -> None:
        with explaining(f"subscription {name}"):
            self._subscriber.acknowledge(subscription=self._subscription(name), ack_ids=[ack_id], timeout=_TRY_SECONDS)

    def _release(self, name: str, ack_ids: Sequence[str]) -> None:
        """Give leased messages back; a request holds half a megabyte of ack ids, so they go in batches."""
        for first in range(0, len(ack_ids), _BATCH):
            with explaining(f"subscription {name}"):
                self._subscriber.modify_ack_deadline(
                    subscription=self._subscription(name),
                    ack_ids=list(ack_ids[first : first + _BATCH]),
                    ack_deadline_seconds=0,
                    timeout=_TRY_SECONDS,
                )

    def _names(self) -> list[str]:
        return [name for name in self._listed() if not name.endswith(DEAD)]

    def _listed(self) -> list[str]:
        with explaining(f"subscriptions of project {self._project}"):
            found = self._subscriber.list_subscriptions(project=f"projects/{self._project}", timeout=_TRY_SECONDS)
            return sorted(_short(one.name) for one in found)

    def _topic_of(self, name: str) -> str:
        known = named(name)
        if known is not None:
            return known.topic
        with explaining(f"subscription {name}"):
            return _short(self._subscriber.get_subscription(subscription=self._subscription(name)).topic)

    def _wanted(self, topic: str, name: str) -> PubSubSubscription:
        """A pulled subscription as the table says."""
        known = named(name) or _ELSEWHERE
        rest = {
            "minimum_backoff": {"seconds": known.minimum_backoff_seconds},
            "maximum_backoff": {"seconds": known.maximum_backoff_seconds},
        }
        return PubSubSubscription(
            name=self._subscription(name),
            topic=self._topic(topic),
            ack_deadline_seconds=known.ack_deadline_seconds,
            enable_message_ordering=known.ordered,
            retry_policy=rest if self._rests else None,
            dead_letter_policy={"dead_letter_topic": self._topic(topic + DEAD), "max_delivery_attempts": MAX_PUSHES},
        )

    def _topic(self, name: str) -> str:
        return f"projects/{self._project}/topics/{name}"

    def _subscription(self, name: str) -> str:
        return f"projects/{self._project}/subscriptions/{name}"


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _batches(messages: Sequence[PubsubMessage]) -> Iterator[list[PubsubMessage]]:
    """As many messages at a time as one request takes."""
    batch: list[PubsubMessage] = []
    size_bytes = 0
    for message in messages:
        own = PubsubMessage.pb(message).ByteSize()
        if batch and (len(batch) == MAX_BATCH or size_bytes + own > MAX_MESSAGE_BYTES // 2):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += own
    if batch:
        yield batch
