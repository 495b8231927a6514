"""Cloud Run's side: instances of one request at a time, started on demand; a request that finds none free waits, then is refused with 429.

Sources: https://cloud.google.com/run/docs/about-instance-autoscaling (queued for up to 10 seconds, then 429; idle for up to 15 minutes)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .loop import Loop

QUEUE_SECONDS = 10.0
IDLE_SECONDS = 900.0
OK, REFUSED, TIMED_OUT = 200, 429, 504


@dataclass(frozen=True)
class Size:
    """What Terraform deploys.  slots: instances times requests at a time in one."""

    slots: int
    cpu: float
    gib: float
    timeout_seconds: float = 600.0


@dataclass
class _Request:
    begin: Callable[[], float]
    answer: Callable[[int], None]
    waiting: bool = True


@dataclass
class Usage:
    """What one service has done.  billed_seconds: of instances at work, their starts included."""

    requests: int = 0
    refused: int = 0
    cold_starts: int = 0
    billed_seconds: float = 0.0
    peak: int = 0


@dataclass
class Service:
    """The instances of one function."""

    loop: Loop
    size: Size
    cold_start_seconds: float
    usage: Usage = field(default_factory=Usage)
    busy: int = 0

    def __post_init__(self) -> None:
        self._idle: list[float] = []  # since when, the longest idle first
        self._queue: deque[_Request] = deque()

    def request(self, begin: Callable[[], float], answer: Callable[[int], None]) -> None:
        """begin: called where an instance takes the request, returns the seconds of work.  answer: called with the status, once."""
        self.usage.requests += 1
        one = _Request(begin, answer)
        if self.busy < self.size.slots:
            self._start(one)
            return
        self._queue.append(one)
        self.loop.after(QUEUE_SECONDS, lambda: self._refuse(one))

    @property
    def instances(self) -> int:
        """Started and not yet stopped."""
        self._stop_idle()
        return self.busy + len(self._idle)

    def _refuse(self, one: _Request) -> None:
        if one.waiting:
            one.waiting = False
            self._queue.remove(one)
            self.usage.refused += 1
            one.answer(REFUSED)

    def _start(self, one: _Request) -> None:
        one.waiting = False
        self.busy += 1
        self.usage.peak = max(self.usage.peak, self.busy)
        self._stop_idle()
        start = 0.0
        if self._idle:
            self._idle.pop()
        else:
            self.usage.cold_starts += 1
            start = self.cold_start_seconds
        self.loop.after(start, lambda: self._work(one, start))

    def _work(self, one: _Request, start: float) -> None:
        seconds = one.begin()
        timed_out = seconds > self.size.timeout_seconds
        lasts = min(seconds, self.size.timeout_seconds)
        self.usage.billed_seconds += start + lasts
        self.loop.after(lasts, lambda: self._end(one, TIMED_OUT if timed_out else OK))

    def _end(self, one: _Request, status: int) -> None:
        self.busy -= 1
        if status == OK:
            self._idle.append(self.loop.now)
        one.answer(status)
        if self._queue and self.busy < self.size.slots:
            self._start(self._queue.popleft())

    def _stop_idle(self) -> None:
        while self._idle and self._idle[0] < self.loop.now - IDLE_SECONDS:
            self._idle.pop(0)
