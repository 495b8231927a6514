"""The current work: one message, its ids, and the numbers that its outcome line will report.

Stored in a context variable, so that lines that libraries log while a message is handled can name it too.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

DONE = "done"
RETRIED = "retried"
DEAD_LETTERED = "dead-lettered"
SKIPPED = "skipped as done"
OUTCOMES = (DONE, RETRIED, DEAD_LETTERED, SKIPPED)
IDS = ("org_slug", "integration_id", "run_id", "delivery_id", "billing_period", "provider", "chunk", "alert_id")
"""What a message may be about; a field of that name is on every line."""


@dataclass
class Work:
    """One try to handle a message.

    attempt: which delivery of the message, from 1.  tries: how many reached the code, this one included; None: all of them.
    """

    function: str
    event_id: str = ""
    attempt: int = 1
    about: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, int | float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    outcome: str = DONE
    tries: int | None = None

    def names(self, topic: str, message_key: str, message: object) -> None:
        """The message is decoded: every line from now on says what it is about.  message: whose fields in IDS are shown."""
        self.about = {"topic": topic, "message_key": message_key}
        for name in IDS:
            value = getattr(message, name, None)
            if value not in (None, ""):
                self.about[name] = value

    def fields(self) -> dict[str, Any]:
        """What every line says."""
        return {"function": self.function, "event_id": self.event_id, "attempt": self.attempt, **self.about}


_current: ContextVar[Work | None] = ContextVar("costwire_work", default=None)


def current() -> Work | None:
    """What this thread works on."""
    return _current.get()


def counted(**numbers: int | float) -> None:
    """Add to the numbers of the outcome line, as `counted(rows=12)`; metrics read them (metrics.py).  Never amounts of money."""
    work = _current.get()
    if work is not None:
        for name, number in numbers.items():
            work.numbers[name] = work.numbers.get(name, 0) + number


def told(**facts: Any) -> None:
    """Put facts on the outcome line, as `told(totals={"USD": "12.50"})`: plain JSON types, nothing secret, no line of a bill."""
    work = _current.get()
    if work is not None:
        work.facts.update(facts)


def skipped() -> None:
    """Say that the work had been done before, so that this message changed nothing."""
    work = _current.get()
    if work is not None:
        work.outcome = SKIPPED
