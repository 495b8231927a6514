"""The bus in one SQLite file: durable, pulled by any number of worker processes of one machine."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from common.adapters.embedded import sqlite_queue as queue
from common.adapters.embedded.bus_faults import Backoff, Copy, FaultPlan
from common.adapters.embedded.processes import this_process
from common.adapters.embedded.sqlite_database import SqliteDatabase
from common.errors import AlreadyExists, MalformedMessage, NotFound, Permanent
from common.messages import Message, topic_of
from common.messages.cloudevent import encode, parse
from common.messages.subscriptions import named
from common.ports.bus import DeadLetter, Delivery, Undeliverable
from common.ports.clock import Clock

MAX_MESSAGE_BYTES = 10_000_000
LEASE = timedelta(minutes=10)
_LEASE = LEASE // timedelta(microseconds=1)

__all__ = ["Backoff", "FaultPlan", "SqliteBus"]


class SqliteBus:
    """Delivers at least once.  A lease ends with the process that holds it, or after ten minutes.

    What is published is synced to the disk.  A lease, an ack or a failure is not: when a loss of power undoes it, the
    message is delivered once more.
    """

    def __init__(
        self, path: Path, clock: Clock, faults: FaultPlan | None = None, backoff: Backoff | None = None
    ) -> None:
        self._database = SqliteDatabase(path, queue.SCHEMA)
        self._clock = clock
        self._faults = faults
        self._backoff = backoff or Backoff()
        longest = max(self._backoff.longest_seconds, self._backoff.shortest_seconds, faults.delay if faults else 0.0)
        self._longest_rest = timedelta(seconds=longest)
        self._chance = random.SystemRandom()

    def publish(self, message: Message) -> str:
        """Hand over a message durably, a copy for each subscription of its topic; returns the event id.

        Raises Permanent where it is larger than Pub/Sub would take.
        """
        event_id, event = self._event(message)
        self._database.write(lambda connection: self._fan_out(connection, message, event))
        return event_id

    def publish_all(self, messages: Sequence[Message]) -> None:
        """Hand over many messages: all of them, or none."""
        events = [(message, self._event(message)[1]) for message in messages]

        def write(connection: sqlite3.Connection) -> None:
            for message, event in events:
                self._fan_out(connection, message, event)

        if events:
            self._database.write(write)

    def _event(self, message: Message) -> tuple[str, str]:
        event_id = str(uuid.uuid4())
        event = json.dumps(encode(message, event_id, self._clock.now()), ensure_ascii=False, separators=(",", ":"))
        size_bytes = len(event.encode())
        if size_bytes > MAX_MESSAGE_BYTES:
            raise Permanent(
                f"a message on {topic_of(message)} has {size_bytes:,} bytes, the limit is {MAX_MESSAGE_BYTES:,}: "
                "put its data in object storage and send the URI"
            )
        return event_id, event

    def subscribe(self, topic: str, subscription: str) -> None:
        """From now on `subscription` gets a copy of every message on `topic`; repeating this changes nothing.

        Raises AlreadyExists where the name belongs to another topic.
        """
        self.subscribe_each({subscription: topic})

    def subscribe_each(self, wanted: Mapping[str, str]) -> None:
        """`subscribe` for many at once.  wanted: subscription -> topic."""
        known = self._database.read(queue.subscriptions)
        if wanted.keys() - known.keys():  # else nobody is kept from writing
            known = self._database.write(lambda connection: queue.add_subscriptions(connection, wanted))
        for subscription, topic in wanted.items():
            if known[subscription] != topic:
                raise AlreadyExists(
                    f"subscription {subscription} belongs to topic {known[subscription]}, not to {topic}: choose another name"
                )

    def pull(self, subscriptions: Sequence[str] | None = None) -> Delivery | None:
        """The next message that is due, leased to the caller, or None.  Raises NotFound for an unknown subscription."""
        for name in subscriptions or ():
            if self._topic(name) is None:
                raise NotFound(f"there is no subscription {name}: subscribe it to a topic first")
        now, horizon = self._now_and_horizon()
        # a look without the write lock first, so that idle workers disturb nobody
        if not self._database.read(
            lambda connection: (
                queue.lost_leases(connection, now)
                or queue.has_longer_lease(connection, now + _LEASE)
                or queue.first_due(connection, subscriptions, now, horizon)
            )
        ):
            return None
        return self._database.write(
            lambda connection: _lease_next(connection, subscriptions, now, horizon), synced=False
        )

    def ack(self, delivery: Delivery) -> None:
        """The message is done.  Changes nothing when it has been leased to somebody else since."""
        self._database.write(lambda connection: queue.acknowledge(connection, delivery.ack_id), synced=False)

    def nack(self, delivery: Delivery, reason: str) -> None:
        """The message failed: deliver again after a backoff, or dead-letter after MAX_ATTEMPTS."""
        now = self._clock.now()
        rest = timedelta(seconds=self._backoff.seconds(delivery.attempt, self._chance.random()))
        self._database.write(
            lambda connection: queue.release(
                connection, delivery.ack_id, reason, queue.stamp(now), queue.stamp(now + rest)
            ),
            synced=False,
        )

    def reject(self, delivery: Delivery, reason: str) -> None:
        """The message can never succeed: dead-letter it now."""
        now = queue.stamp(self._clock.now())
        self._database.write(
            lambda connection: queue.dead_letter(connection, delivery.ack_id, reason, now), synced=False
        )

    def hold_off(self, delivery: Delivery, seconds: float) -> None:
        """The message met another worker at the same work: deliver it again after so many seconds; this counts as no attempt."""
        due_at = queue.stamp(self._clock.now() + timedelta(seconds=seconds))
        self._database.write(lambda connection: queue.untried(connection, delivery.ack_id, due_at), synced=False)

    def abandon(self) -> None:
        """This process ends: what it has pulled and not finished is free at once, and that counts as no attempt."""
        self._database.write(lambda connection: queue.abandon(connection, this_process()), synced=False)

    def dead_letter(self, message: Undeliverable) -> None:
        """Put a message with its reason among the dead letters of its topic; a body that is no event is kept as base64."""
        try:
            event = parse(message.body)
        except MalformedMessage:
            event = {"data_base64": base64.b64encode(message.body).decode()}
        text, now = json.dumps(event, ensure_ascii=False, separators=(",", ":")), queue.stamp(self._clock.now())
        self._database.write(lambda connection: queue.add_dead_letter(connection, message, text, now))

    def dead_letters(self, topic: str | None = None) -> Sequence[DeadLetter]:
        """The dead letters, oldest first; `topic` without its `-dead`."""
        return self._database.read(lambda connection: queue.dead_letters(connection, topic))

    def unrecorded(self) -> Sequence[DeadLetter]:
        """Dead letters whose reason is still to be noted on their run; what died with its last worker is given up first."""
        now = queue.stamp(self._clock.now())
        if self._database.read(lambda connection: queue.lost_leases(connection, now)):
            self._database.write(lambda connection: _release_lost(connection, now), synced=False)
        return self._database.read(lambda connection: queue.dead_letters(connection, unrecorded=True))

    def recorded(self, letter: DeadLetter) -> None:
        """The reason of a dead letter has been noted.  Safe to repeat."""
        self._database.write(lambda connection: queue.recorded(connection, int(letter.letter_id)), synced=False)

    def replay(self, topic: str | None = None) -> int:
        """Publish dead letters again, each to the subscription that failed it; returns how many."""
        now = queue.stamp(self._clock.now())
        return self._database.write(lambda connection: queue.revive(connection, topic, now))

    def forget_dead_letters(self, before: datetime) -> None:
        """Remove dead letters of before a moment; none whose reason is still to be recorded."""
        self._database.write(lambda connection: queue.forget_dead_letters(connection, queue.stamp(before)))

    def pending(self) -> int:
        """How many messages are not done yet, leased and delayed ones included."""
        return self._database.read(queue.count_messages)

    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events of all messages that are not done yet."""
        return self._database.read(queue.events)

    def next_due(self) -> datetime | None:
        """When the next message that nobody holds becomes due, or None.

        One that waits for an earlier one of its ordering key does not count before that one is done.
        """
        now, horizon = self._now_and_horizon()
        due_at = self._database.read(lambda connection: queue.earliest_due(connection, now, horizon))
        return None if due_at is None else queue.time_of(due_at)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _now_and_horizon(self) -> tuple[int, int]:
        """Now, and when the longest rest that begins now is over."""
        now = self._clock.now()
        return queue.stamp(now), queue.stamp(now + self._longest_rest)

    def _topic(self, subscription: str) -> str | None:
        return self._database.read(lambda connection: queue.topic_of_subscription(connection, subscription))

    def _fan_out(self, connection: sqlite3.Connection, message: Message, event: str) -> None:
        topic = topic_of(message)
        now = queue.stamp(self._clock.now())
        for subscription in queue.subscriptions_of(connection, topic):
            known = named(subscription)
            ordering_key = message.ordering_key if known is not None and known.ordered else ""
            if self._faults is None:
                queue.enqueue(connection, topic, subscription, ordering_key, event, now, Copy())
                continue
            for copy in self._faults.copies(queue.next_number(connection)):
                key = "" if self._faults.shuffle else ordering_key
                queue.enqueue(connection, topic, subscription, key, event, now, copy)


def _release_lost(connection: sqlite3.Connection, now: int) -> None:
    for lost, what_happened in queue.lost_leases(connection, now):
        queue.release(connection, lost, what_happened, now, now)


def _lease_next(
    connection: sqlite3.Connection, subscriptions: Sequence[str] | None, now: int, horizon: int
) -> Delivery | None:
    _release_lost(connection, now)
    queue.shorten_leases(connection, now + _LEASE)
    found = queue.first_due(connection, subscriptions, now, horizon)
    if found is None:
        return None
    number, topic, subscription, event, attempt = found
    ack_id = str(uuid.uuid4())
    queue.lease(connection, number, ack_id, this_process(), now + _LEASE)
    return Delivery(ack_id, topic, subscription, json.loads(event), attempt + 1)
