"""How many requests a key may make in a minute, counted by this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common.ports import Clock
from web.api.problems import Problem

WINDOW_SECONDS = 60
_POLICY = "per-key"


@dataclass(frozen=True)
class Allowance:
    """What is left of a minute.  reset_seconds: until the next one begins."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 names and writes them."""
        return {
            "RateLimit-Policy": f'"{_POLICY}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{_POLICY}";r={self.remaining};t={self.reset_seconds}',
        }


class RateLimits:
    """Counts by whole minutes of the clock.  A window that is over is forgotten with all that it counted.  who: for the message."""

    def __init__(self, clock: Clock, per_minute: int, who: str = "the key") -> None:
        self._clock, self._limit, self._who = clock, per_minute, who
        self._window = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, counted_as: str) -> Allowance:
        """Count one request.  Raises Problem where it is one too many."""
        now: datetime = self._clock.now()
        window, passed = divmod(int(now.timestamp()), WINDOW_SECONDS)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            count = self._counts[counted_as] = self._counts.get(counted_as, 0) + 1
        left = Allowance(self._limit, max(self._limit - count, 0), WINDOW_SECONDS - passed)
        if count > self._limit:
            raise Problem(
                "too_many_requests",
                f"{self._who} made more than {self._limit} requests in a minute; the next minute begins in {left.reset_seconds} s",
                {**left.headers, "Retry-After": str(left.reset_seconds)},
            )
        return left
