"""How far the landing of a run has come over its messages (`orgs/<org>/landings/<key>`, until the landing is over)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from common.errors import Retryable
from common.ports import Clock, DocumentStore, Transaction
from common.providers.discovery import FoundDelivery
from common.records.names import key_of
from common.records.organizations import below

MOST_CHANGES = 5
"""How often the files may change under a landing before it is no longer handed on, but fails and is tried again as any work."""

_STEPS_A_PART, _SLACK = 8, 50
"""Two workers at once take no more messages than this for each part, and this beside."""


class TimeUsed(Exception):
    """The rest of the landing is for another message."""


class TimeLimit:
    """How much of a landing one message does: at least one step, and no other one begins after `seconds`.  None: all of it."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._end = None if seconds is None else clock.now() + timedelta(seconds=seconds)
        self._steps = 0

    def check(self) -> None:
        """Another step begins.  Raises TimeUsed where it is for another message."""
        if self._end is not None and self._steps and self._clock.now() >= self._end:
            raise TimeUsed
        self._steps += 1


class LandingProgress:
    """How often the landing of one run was handed over, and which files are read by messages of their own just now."""

    def __init__(self, documents: DocumentStore, org_slug: str, run_id: str) -> None:
        self._documents = documents
        self._path = below(org_slug, "landings", key_of(run_id))
        self._run_id = run_id

    def open(self, keys: Sequence[str]) -> None:
        """Files are read by messages of their own from now on."""

        def work(transaction: Transaction) -> None:
            before = transaction.get(self._path) or {}
            transaction.set(self._path, {**before, "run_id": self._run_id, "open": sorted(keys)})

        self._documents.transact(work)

    def close(self, key: str) -> bool:
        """One of them has been read, or cannot be; whether none is left, also where it was the last one before: a message may be lost."""

        def work(transaction: Transaction) -> bool:
            before = transaction.get(self._path)
            if before is None or "open" not in before:
                return False
            left = [one for one in before["open"] if one != key]
            if left != before["open"]:
                transaction.set(self._path, {**before, "open": left})
            return not left

        return self._documents.transact(work)

    def clear(self) -> None:
        """The run's landing is over."""
        self._documents.delete(self._path)

    def hand_over(self, plan: str, parts: int) -> None:
        """Note that the rest goes to another message.  plan: tells the files as they are now; parts: how many they are.

        Raises Retryable where the files keep changing, or the landing takes more messages than its parts can need: so it comes to an
        end, whatever happens.
        """

        def work(transaction: Transaction) -> dict[str, Any]:
            before: dict[str, Any] = {"plan": plan, "changes": 0, "messages": 0}
            before |= transaction.get(self._path) or {}
            after = {
                **before,
                "run_id": self._run_id,
                "plan": plan,
                "changes": before["changes"] + (before["plan"] != plan),
                "messages": before["messages"] + 1,
            }
            transaction.set(self._path, after)
            return after

        told = self._documents.transact(work)
        if told["changes"] > MOST_CHANGES:
            raise Retryable(f"the files changed {told['changes']} times during landing; they are read again")
        if told["messages"] > (_STEPS_A_PART * parts + _SLACK) * (told["changes"] + 1):
            raise Retryable(
                f"landing {parts} files has taken {told['messages']} messages and is not finished; it will be retried"
            )


def plan_of(found: Iterable[FoundDelivery], versions: Mapping[str, str]) -> str:
    """A digest of all files that are to be landed, in their versions."""
    parts = sorted({f"{part.name}\t{versions.get(part.name, '')}" for one in found for part in one.parts})
    return key_of(*parts)
