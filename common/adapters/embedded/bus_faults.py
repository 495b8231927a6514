"""Deliberate delays and faults of messages: backoff after a failure, and the cloud's behaviour for tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """How long a failed message rests: doubling from the shortest to the longest, less a random part of up to half."""

    shortest_seconds: float = 1.0
    longest_seconds: float = 60.0

    def seconds(self, attempt: int, fraction: float) -> float:
        """The rest after the given attempt, which counts from 1; fraction: 0 to 1, by chance."""
        full = min(self.longest_seconds, self.shortest_seconds * 2.0**attempt)
        return max(self.shortest_seconds, full * (1 - fraction / 2))


@dataclass(frozen=True)
class Copy:
    """One copy to be delivered.  rank: its place among those that are due, None for the order of publication."""

    delay_seconds: float = 0.0
    rank: int | None = None


@dataclass(frozen=True)
class FaultPlan:
    """What the cloud may do to messages, done on purpose, the same for the same seed.

    repeat: fraction of messages that are delivered twice.  shuffle: in any order, ordering keys ignored.
    delay: each message becomes due after at most so many seconds.
    """

    seed: int = 0
    repeat: float = 0.0
    shuffle: bool = False
    delay: float = 0.0

    def copies(self, number: int) -> Iterator[Copy]:
        """The copies of the message that is published as the given number."""
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311
        for _ in range(2 if chance.random() < self.repeat else 1):
            yield Copy(chance.random() * self.delay, chance.getrandbits(62) if self.shuffle else None)
