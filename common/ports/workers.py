"""Workers: which worker holds a claim, and whether that worker has ended."""

from typing import Protocol


class Workers(Protocol):
    """Names the worker that asks, for others to look at later."""

    def this(self) -> str:
        """The name of this worker; empty where none can be looked up."""
        ...

    def is_gone(self, worker: str) -> bool:
        """Whether that worker has certainly ended; False where that cannot be told: then only time ends its claims."""
        ...
