"""The progress of a landing, so that a continued one neither copies nor reads a part twice.

`orgs/<org>/landings/<key>` holds, each with the run that it belongs to:

    of a part, in one version   where its copy lies, and what has been told of it so far
    of a delivery, so complete  which deliveries it became, or why it was refused
    of the run                  how often it was handed over, and how often its files changed meanwhile

A run's keys go when its landing is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from common.errors import Retryable
from common.ports import Clock, DocumentStore, ObjectStore, StoredObject, Transaction
from common.providers.discovery import FoundDelivery, FoundPart
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
    """The keys of one run of one integration, looked up once; two workers of a run may both write them, and write the same."""

    def __init__(
        self, documents: DocumentStore, objects: ObjectStore, org_slug: str, integration_id: str, run_id: str
    ) -> None:
        self._documents = documents
        self._objects = objects
        self._collection = below(org_slug, "landings")
        self._incoming = f"raw/{org_slug}/{integration_id}/incoming/"
        self._run_id = run_id

    @cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        found = dict(self._documents.list(self._collection, {"run_id": self._run_id}))
        if not any("uri" in one for one in found.values()):
            return found
        there = {(item.uri, item.size_bytes) for item in self._objects.list(self._incoming)}
        return {
            name: one for name, one in found.items() if "uri" not in one or (one["uri"], one["size_bytes"]) in there
        }

    def key_of_part(self, location: str, part: FoundPart, version: str) -> str:
        """The key of one version of a part: of other bytes it is another one."""
        return _digest(self._run_id, location, part.name, version)

    def key_of_delivery(self, location: str, found: FoundDelivery, versions: Mapping[str, str]) -> str:
        """The key of a found delivery with all its parts as they are now."""
        parts = [f"{part.name}\t{part.role}\t{versions.get(part.name, '')}" for part in found.parts]
        told = (found.version or "", found.billing_period or "", found.delivered_at.isoformat())
        return _digest(self._run_id, location, *told, *parts)

    def incoming(self, key: str) -> str:
        """The name under which a part's copy lies until its delivery is landed."""
        return self._incoming + key

    def none(self) -> bool:
        """Whether nothing of the run is kept: its landing has not begun, or is over."""
        return not self._known

    def get(self, key: str) -> Mapping[str, Any]:
        """What is kept under a key; nothing where the copy that it tells of is gone."""
        return self._known.get(key, {})

    def stored(self, key: str) -> StoredObject | None:
        """The copy of a part."""
        one = self.get(key)
        return StoredObject(one["uri"], one["size_bytes"], one["digest"]) if "uri" in one else None

    def keep(self, key: str, **facts: Any) -> None:
        """Add to what is kept under a key; what another worker of the run has added stays, of the same copy."""
        path = f"{self._collection}/{key}"
        mine = {**self.get(key), **facts, "run_id": self._run_id}

        def work(transaction: Transaction) -> dict[str, Any]:
            there = transaction.get(path) or {}
            merged = {**there, **mine} if there.get("uri") == mine.get("uri") else mine
            transaction.set(path, merged)
            return merged

        self._known[key] = self._documents.transact(work)

    def drop(self, keys: Iterable[str]) -> None:
        """Remove keys, and the copies that they tell of."""
        for key in keys:
            stored = self.stored(key)
            if stored:
                self._objects.delete(stored.uri)
            self._known.pop(key, None)
            self._documents.delete(f"{self._collection}/{key}")

    def clear(self) -> None:
        """The run's landing is over: no key of it stays, those of parts that changed under it neither."""
        self.__dict__.pop("_known", None)
        self.drop(list(self._known))
        for key, _ in self._documents.list(self._collection, {"run_id": self._run_id}):
            self._documents.delete(f"{self._collection}/{key}")

    def hand_over(self, plan: str, parts: int) -> None:
        """Note that the rest goes to another message.  plan: tells the files as they are now; parts: how many they are.

        Raises Retryable where the files keep changing, or the landing takes more messages than its parts can need: so it comes to an
        end, whatever happens.
        """
        path = f"{self._collection}/{_digest(self._run_id, 'run')}"

        def work(transaction: Transaction) -> dict[str, Any]:
            before = transaction.get(path) or {"plan": plan, "changes": 0, "messages": 0}
            after = {
                "run_id": self._run_id,
                "plan": plan,
                "changes": before["changes"] + (before["plan"] != plan),
                "messages": before["messages"] + 1,
            }
            transaction.set(path, after)
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
    return _digest(*parts)


def _digest(*steps: str) -> str:
    return hashlib.sha256("\n".join(steps).encode()).hexdigest()[:20]
