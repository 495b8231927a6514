"""The clock: the only source of "now"."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests set their own."""

    def now(self) -> datetime:
        """The present moment, in UTC with its zone."""
        ...
