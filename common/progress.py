"""How far long work is: adapters and use cases report bytes and lines, and whoever listens shows them.

Only the command line listens, in the process that does the work.  Where nobody does, a report costs one look at a variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

UPLOADING, COPYING, ADDING_UP, MAPPING, VALIDATING = "uploading", "copying", "adding up", "mapping", "validating"
BYTES, LINES = "bytes", "lines"
UNITS: Mapping[str, str] = {UPLOADING: BYTES, COPYING: BYTES, ADDING_UP: LINES, MAPPING: LINES, VALIDATING: LINES}
"""Step -> what its amounts count."""


class Listener(Protocol):
    """What shows progress."""

    def expect(self, key: str, label: str, totals: Mapping[str, int]) -> None:
        """Some work begins, or goes on if its key is known.  label: what is worked on.  totals: step -> amount in all."""
        ...

    def advance(self, step: str, amount: int) -> None:
        """More of a step is done."""
        ...

    def part(self, step: str, amount: int) -> AbstractContextManager[None]:
        """A part of a step is under way; when it is left, exactly this amount more is done, and nothing where it failed."""
        ...


_listener: Listener | None = None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let the listener know what is reported meanwhile."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def expect(work: Callable[[], tuple[str, str, Mapping[str, int]]]) -> None:
    """Say which work begins: its key, what it is about, and the total of each step.  work: called only where somebody listens."""
    if _listener is not None:
        _listener.expect(*work())


def advance(step: str, amount: int) -> None:
    """Report that more of a step is done."""
    if _listener is not None:
        _listener.advance(step, amount)


def part(step: str, amount: int) -> AbstractContextManager[None]:
    """One part of a step, which is this amount of it; what `advance` reports meanwhile is within it."""
    return nullcontext() if _listener is None else _listener.part(step, amount)


def is_listened_to() -> bool:
    """Whether a report reaches anybody."""
    return _listener is not None
