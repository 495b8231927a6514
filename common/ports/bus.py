"""The bus: messages delivered at least once, with backoff, dead letters and replay (Pub/Sub; embedded: SQLite)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from common.messages import Message

MAX_ATTEMPTS = 5
"""Failed tries after which a message goes to `<topic>-dead`."""

MAX_PUSHES = 100
"""Pushes after which Pub/Sub gives a message up by itself, the most that it takes: those that found no free instance count there too."""


@dataclass(frozen=True)
class Delivery:
    """One try to deliver an event to a subscription.  attempt counts from 1."""

    ack_id: str
    topic: str
    subscription: str
    event: dict[str, Any]
    attempt: int


@dataclass(frozen=True)
class DeadLetter:
    """A message that no handler could finish, with the last reason."""

    letter_id: str
    topic: str
    subscription: str
    event: dict[str, Any]
    reason: str
    died_at: datetime


@dataclass(frozen=True)
class Undeliverable:
    """A message that a function gives up.  body: its bytes as they came, whether or not they are an event of ours."""

    topic: str
    subscription: str
    body: bytes
    reason: str
    ordering_key: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


class MessageBus(Protocol):
    """Where functions publish.  Delivery to handlers is the runtime's part."""

    def publish(self, message: Message) -> str:
        """Hand over a message durably; returns the event id."""
        ...

    def publish_all(self, messages: Sequence[Message]) -> None:
        """Hand over many messages, durably all of them, in as few steps as the bus takes; those of one topic in their order."""
        ...


class OperatedBus(MessageBus, Protocol):
    """A bus with dead letters, as every runtime has one."""

    def dead_letter(self, message: Undeliverable) -> None:
        """Put a message with its reason on `<topic>-dead`, durably."""
        ...

    def dead_letters(self, topic: str | None = None) -> Sequence[DeadLetter]:
        """The dead letters, oldest first; `topic` without its `-dead`.  None of them is lost by looking."""
        ...

    def replay(self, topic: str | None = None) -> int:
        """Publish dead letters again, each to the subscription that failed it; returns how many."""
        ...

    def forget_dead_letters(self, before: datetime) -> None:
        """Remove dead letters of before a moment, where the bus does not do so by itself; none whose reason is still to be recorded."""
        ...


class PullBus(OperatedBus, Protocol):
    """A bus whose messages are pulled by a worker."""

    def subscribe(self, topic: str, subscription: str) -> None:
        """From now on `subscription` gets a copy of every message on `topic`; repeating this changes nothing."""
        ...

    def pull(self, subscriptions: Sequence[str] | None = None) -> Delivery | None:
        """The next message that is due, leased to the caller, or None."""
        ...

    def ack(self, delivery: Delivery) -> None:
        """The message is done."""
        ...

    def nack(self, delivery: Delivery, reason: str) -> None:
        """The message failed: deliver again after a backoff, or dead-letter after MAX_ATTEMPTS."""
        ...

    def reject(self, delivery: Delivery, reason: str) -> None:
        """The message can never succeed: dead-letter it now."""
        ...

    def pending(self) -> int:
        """How many messages are not done yet, leased and delayed ones included."""
        ...

    def next_due(self) -> datetime | None:
        """When the next message that nobody holds becomes due, or None."""
        ...


class LocalBus(PullBus, Protocol):
    """A pulled bus that sees its workers: it notices when one dies, and tells what became of its message."""

    def subscribe_each(self, wanted: Mapping[str, str]) -> None:
        """`subscribe` for many at once.  wanted: subscription -> topic."""
        ...

    def hold_off(self, delivery: Delivery, seconds: float) -> None:
        """The message met another worker at the same work: deliver it again after so many seconds; this counts as no attempt."""
        ...

    def abandon(self) -> None:
        """This process ends: what it has pulled and not finished is free at once, and that counts as no attempt."""
        ...

    def unrecorded(self) -> Sequence[DeadLetter]:
        """Dead letters whose reason is still to be noted on their run; what died with its last worker is given up first."""
        ...

    def recorded(self, letter: DeadLetter) -> None:
        """The reason of a dead letter has been noted.  Safe to repeat."""
        ...

    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events of all messages that are not done yet."""
        ...
