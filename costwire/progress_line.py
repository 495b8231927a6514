"""Progress as one line of text: percent, amounts, rate and time left, as far as they are known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from common.progress import BYTES, UNITS
from common.records.sizes import in_words

_SETTLED_SECONDS = 1.0
"""A rate is not shown before this: the first moments say little."""


@dataclass
class _Step:
    """total: None where it is not known.  done: so far.  most: what it can be while a part of it is under way."""

    label: str
    total: int | None
    began: float
    done: int = 0
    most: int | None = None

    def amount(self) -> int:
        """What is done; lines that a mapping reads twice do not count twice."""
        return min(one for one in (self.done, self.most, self.total) if one is not None)


@dataclass
class ProgressLine:
    """Listens to reports (common/progress.py) and makes the line.  One thread reports, another one may ask for the line."""

    words: str
    clock: Callable[[], float] = time.monotonic
    _label: str = ""
    _key: str = ""
    _totals: Mapping[str, int] = field(default_factory=dict)
    _steps: dict[tuple[str, str], _Step] = field(default_factory=dict)
    _current: str | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def say(self, words: str) -> None:
        """Show these words until the next report."""
        with self._lock:
            self.words, self._current = words, None

    def expect(self, key: str, label: str, totals: Mapping[str, int]) -> None:
        """As Listener has it."""
        with self._lock:
            self._key, self._label, self._totals = key, label, totals

    def advance(self, step: str, amount: int) -> None:
        """As Listener has it."""
        with self._lock:
            self._step(step).done += amount

    @contextmanager
    def part(self, step: str, amount: int) -> Iterator[None]:
        """As Listener has it."""
        with self._lock:
            found = self._step(step)
            before = found.done
            found.most = before + amount
        done = before
        try:
            yield
            done += amount
        finally:
            with self._lock:
                found.most, found.done = None, done

    def text(self) -> str:
        """The line as it is now."""
        with self._lock:
            if self._current is None:
                return self.words
            return _line(self._current, self._step(self._current), self.clock())

    def _step(self, name: str) -> _Step:
        self._current = name
        made = _Step(self._label, self._totals.get(name), self.clock())
        return self._steps.setdefault((self._key, name), made)


def _line(name: str, step: _Step, now: float) -> str:
    amount, seconds = step.amount(), now - step.began
    is_bytes = UNITS[name] == BYTES
    facts = []
    if step.total:
        facts.append(f"{100 * amount // step.total} %")
        facts.append(
            f"{in_words(amount)} of {in_words(step.total)}" if is_bytes else f"{amount:,} of {step.total:,} lines"
        )
    elif amount:
        facts.append(in_words(amount) if is_bytes else f"{amount:,} lines")
    if seconds >= _SETTLED_SECONDS and amount:
        rate = int(amount / seconds)
        facts.append(f"{in_words(rate)}/s" if is_bytes else f"{rate:,} lines/s")
        if step.total and amount < step.total:
            facts.append(f"{_time((step.total - amount) * seconds / amount)} left")
    return ", ".join([f"{name} {step.label}".strip(), *facts])


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
