"""Pub/Sub's side of a push subscription: window, push backoff, retry policy, ack deadline, delivery attempts, ordering keys.

Sources, and what they leave open: https://cloud.google.com/pubsub/docs/push (the push window begins with a small single digit, grows
exponentially with successes, shrinks with any failure: by how much is not said; push backoff is 0.1 to 60 seconds for the whole
subscription: about 0.5 s where one of five answers is negative, 30 to 60 s where all are; together with the retry policy the longer
counts), https://cloud.google.com/pubsub/docs/handling-failures (attempts are negative answers and expired deadlines, plus one).
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from common.messages.subscriptions import Subscription

from .loop import Loop

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 60.0
RECENT = 20
"""Answers that push backoff looks back at: our assumption."""
_STEEPNESS = 0.86
"""Makes the pause 0.5 s for one negative answer of five, as in Google's example."""


@dataclass(frozen=True)
class Rules:
    """What the documents leave open.  shrink: the window after a failure, as a function of the one before."""

    first_window: float = 5.0
    most_window: float = 3_000.0
    shrink: Callable[[float], float] = lambda window: window / 2
    jitter: float = 0.1


@dataclass
class Envelope:
    """A message of one subscription.  attempts: as Pub/Sub counts; tries: those that reached the code, as `once.py` counts."""

    body: Any
    key: str
    published_at: float
    attempts: int = 0
    tries: int = 0
    refused: int = 0
    done: bool = False
    began_at: float | None = None


@dataclass
class Told:
    """What happened to the messages of one subscription."""

    published: int = 0
    acked: int = 0
    dead: int = 0
    tries: int = 0
    refused: int = 0
    most_attempts: int = 0
    failures: Counter[int] = field(default_factory=Counter)
    waited: list[tuple[float, Any]] = field(default_factory=list)


def backoff(own: Subscription, attempts: int) -> float:
    """The retry policy's rest after that many attempts, without jitter."""
    return float(min(own.minimum_backoff_seconds * 2 ** min(attempts - 1, 20), own.maximum_backoff_seconds))


def pause(negative_share: float) -> float:
    """Push backoff: how long the subscription delivers nothing, by the share of negative answers."""
    if negative_share <= 0:
        return 0.0
    return float(SHORTEST_PAUSE * (LONGEST_PAUSE / SHORTEST_PAUSE) ** (negative_share**_STEEPNESS))


class PushSubscription:
    """One subscription.  endpoint: takes an envelope and a function that it calls with whether the answer was positive."""

    def __init__(
        self,
        loop: Loop,
        own: Subscription,
        most_attempts: int,
        endpoint: Callable[[Envelope, Callable[[bool], None]], None],
        chance: random.Random,
        rules: Rules | None = None,
    ) -> None:
        self.own, self.told = own, Told()
        self._loop, self._endpoint, self._chance = loop, endpoint, chance
        self._rules = rules or Rules()
        self._most_attempts = most_attempts
        self._ready: deque[Envelope] = deque()
        self._behind: dict[str, deque[Envelope]] = {}  # ordering key -> those behind the one that is at work
        self._window = self._rules.first_window
        self._outstanding = 0
        self._paused_until = 0.0
        self._recent: deque[bool] = deque(maxlen=RECENT)

    @property
    def waiting(self) -> int:
        """Messages that are not done."""
        return self.told.published - self.told.acked - self.told.dead

    def publish(self, body: Any, key: str = "") -> Envelope:
        """A message arrives."""
        one = Envelope(body, key, self._loop.now)
        self.told.published += 1
        if self.own.ordered and key:
            if key in self._behind:
                self._behind[key].append(one)
                return one
            self._behind[key] = deque()
        self._ready.append(one)
        self._pump()
        return one

    def _pump(self) -> None:
        while self._ready and self._outstanding < max(int(self._window), 1) and self._loop.now >= self._paused_until:
            self._push(self._ready.popleft())

    def _push(self, one: Envelope) -> None:
        self._outstanding += 1
        one.attempts += 1
        self.told.most_attempts = max(self.told.most_attempts, one.attempts)
        answered = False

        def answer(positive: bool) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._answered(one, positive)

        self._loop.after(self.own.ack_deadline_seconds, lambda: answer(False))
        self._endpoint(one, answer)

    def _answered(self, one: Envelope, positive: bool) -> None:
        self._outstanding -= 1
        self._recent.append(not positive)
        if positive:
            self.told.acked += 1
            self._window = min(self._window + 1, self._rules.most_window)
            self._next_of(one.key)
        else:
            self._window = max(self._rules.shrink(self._window), 1.0)
            self._pause()
            if one.attempts >= self._most_attempts:
                self.told.dead += 1
                self._next_of(one.key)
            else:
                rest = backoff(self.own, one.attempts) * (1 + self._rules.jitter * self._chance.random())
                self._loop.after(rest, lambda: self._again(one))
        self._pump()

    def _again(self, one: Envelope) -> None:
        self._ready.append(one)
        self._pump()

    def _pause(self) -> None:
        until = self._loop.now + pause(sum(self._recent) / len(self._recent))
        if until > self._paused_until:
            self._paused_until = until
            self._loop.at(until, self._pump)

    def _next_of(self, key: str) -> None:
        if not (self.own.ordered and key):
            return
        behind = self._behind[key]
        if behind:
            self._ready.append(behind.popleft())
        else:
            del self._behind[key]
