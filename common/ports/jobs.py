"""Jobs: work that takes longer than a request may (Cloud Run jobs; embedded: done at once, where no request limits it)."""

from collections.abc import Callable
from typing import Protocol


class Jobs(Protocol):
    """Starts executions of jobs.  What an execution does is noted before; one too many finds nothing to do and ends."""

    def start(self, job: str, work: Callable[[], None]) -> None:
        """Start one execution of a job, or do its work here and now.

        job: its name, as `unpack-files`.  work: what an execution does.  Raises NotFound for a job that is not deployed, BadConfiguration
        where it may not be started; Retryable.
        """
        ...
