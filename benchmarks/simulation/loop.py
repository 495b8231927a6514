"""Simulated time: what is due next happens next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Loop:
    """Events in the order of their times; those of one moment in the order in which they were planned.  now: seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Plan an event; one of the past happens next."""
        heapq.heappush(self._due, (max(moment, self.now), next(self._numbers), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Plan an event some seconds from now."""
        self.at(self.now + seconds, act)

    def run(self, until: float = float("inf")) -> None:
        """Let everything happen that is due before `until`."""
        while self._due and self._due[0][0] < until:
            self.now, _, act = heapq.heappop(self._due)
            act()
