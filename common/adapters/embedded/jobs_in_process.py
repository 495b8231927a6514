"""Jobs in this process: no request limits how long work takes here."""

from __future__ import annotations

from collections.abc import Callable


class JobsInProcess:
    """Does the work of an execution before it returns."""

    def start(self, job: str, work: Callable[[], None]) -> None:
        """Do the work here and now."""
        work()
