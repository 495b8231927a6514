"""One event of one push: skipped where it is finished, and given up after MAX_ATTEMPTS tries by a count of our own.

Pub/Sub's delivery attempt also counts pushes that never reached the code: no instance was free (429), or none could start.  A first
push is counted when it has failed, so that the ordinary message costs no write more; a further one when it begins, so that those whose
instance was killed count too.  A try that met another worker's claim, or work that cannot be done yet, is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from common.errors import Held, NotReady, Permanent, Retryable
from common.messages import Message, SyncRequested
from common.messages.subscriptions import Subscription
from common.ports import Runtime
from common.ports.bus import MAX_ATTEMPTS
from common.records.stalled import given_up_at, note_try
from common.runtime.processed import ProcessedEvents
from common.telemetry import work

_UNANSWERED = (
    f"given up after {MAX_ATTEMPTS} tries that did not end: the function was killed or timed out; see its log of that time; "
    "run costwire replay once the cause is fixed"
)


class Once:
    """Called with a function and its message, as common.runtime.handling.Around.  tries: real ones so far, this one included.

    There is no lease for work in progress: that of a killed process would withhold its message from all workers until the lease ends.
    Every handler accepts two tries at once, as it accepts repeats.
    """

    def __init__(self, function: str, own: Subscription, rt: Runtime) -> None:
        self._function, self._own, self._rt = function, own, rt
        self._events = ProcessedEvents(rt.processed, rt.clock)
        self._event_id: str | None = None
        self.tries = 0

    @property
    def may_try_again(self) -> bool:
        """Whether the message is to be delivered again after this try has failed."""
        return self.tries < MAX_ATTEMPTS

    def __call__(self, handler: Callable[[Any], None], message: Message) -> None:
        """Do the work unless it is done; note that it is done only then."""
        doing = work.current() or work.Work(self._function)
        doing.tries = 0  # until it is known
        self._event_id = doing.event_id
        begun = self._begun(doing.event_id, doing.attempt)
        if begun is None:
            work.skipped()
            return
        self.tries = doing.tries = begun
        if begun > MAX_ATTEMPTS:
            raise Permanent(_UNANSWERED)
        try:
            with self._noted(message, doing.event_id, doing.attempt):
                handler(message)
        except (Held, NotReady):
            self._take_back(doing.event_id, doing.attempt)
            raise
        except Exception as error:
            if doing.attempt == 1 and not isinstance(error, Permanent):
                with suppress(Retryable):  # not counted, so it has one more
                    self._events.begin_try(self._function, doing.event_id)
            raise
        self._events.note(self._function, doing.event_id)

    def forget(self) -> None:
        """The message is given up: a replay, which has the same event id, begins with no try."""
        if self._event_id is not None:
            self._events.forget_tries(self._function, self._event_id)

    def _begun(self, event_id: str, attempt: int) -> int | None:
        """Which try this is; None where the event is finished."""
        if attempt == 1:
            return None if self._events.seen(self._function, event_id) else 1
        return self._events.begin_try(self._function, event_id)

    def _take_back(self, event_id: str, attempt: int) -> None:
        self.tries -= 1
        if attempt > 1:
            self._events.take_back_try(self._function, event_id)

    @contextmanager
    def _noted(self, message: Message, event_id: str, attempt: int) -> Iterator[None]:
        """A further push stands on its run while it lasts: where none is ever answered, that is all that tells of it."""
        rt = self._rt
        org_slug, run_id = getattr(message, "org_slug", None), getattr(message, "run_id", None)
        if isinstance(message, SyncRequested):
            run_id = f"{message.run_id}.{message.integration_id}"
        if attempt == 1 or not org_slug or not run_id:
            yield
            return
        note_try(rt.documents, org_slug, run_id, event_id, given_up_at(self._own, attempt, rt.clock.now()))
        try:
            yield
        except Exception as error:
            if not self.may_try_again or isinstance(error, Permanent):  # its reason is recorded by now, or will be
                note_try(rt.documents, org_slug, run_id, event_id, None)
            raise
        note_try(rt.documents, org_slug, run_id, event_id, None)
