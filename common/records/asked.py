"""How often users asked the warehouse, and what that was billed for: `orgs/<org>/usage/<YYYY-MM-DD>.asked`.

A process adds up what it answered and writes it at most twice a minute for each organization, so that questions wait for no counter: what
is not written when a process is killed is lost, half a minute of its questions at most.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from common.errors import CostError
from common.ports import DocumentStore, Runtime, Transaction
from common.records.organizations import below, organization_path

EVERY = timedelta(seconds=30)


@dataclass(frozen=True)
class Asked:
    """questions: requests that asked the warehouse at least once.  scanned_bytes: as billed, of all that they asked."""

    questions: int = 0
    scanned_bytes: int = 0

    def __add__(self, other: Asked) -> Asked:
        return Asked(self.questions + other.questions, self.scanned_bytes + other.scanned_bytes)


_asking: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("asking", default=None)


@contextmanager
def counting() -> Iterator[list[int]]:
    """The bytes of each query within, as the warehouse's adapter notes them."""
    scanned: list[int] = []
    token = _asking.set(scanned)
    try:
        yield scanned
    finally:
        _asking.reset(token)


def note_query(scanned_bytes: int) -> None:
    """A query was answered; outside of `counting` nobody wants to know."""
    scanned = _asking.get()
    if scanned is not None:
        scanned.append(scanned_bytes)


class AskedCounter:
    """Adds up in memory, and writes now and then.  Safe to use from several threads."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._lock = threading.Lock()
        self._left: dict[str, Asked] = {}
        self._written = rt.clock.now()

    def add(self, org_slug: str, scanned: list[int]) -> None:
        """Count one request with its queries, none for an answer that asked nothing."""
        if not scanned:
            return
        with self._lock:
            self._left[org_slug] = self._left.get(org_slug, Asked()) + Asked(1, sum(scanned))
            due = self._rt.clock.now() - self._written >= EVERY
        if due:
            self.flush()

    def flush(self) -> None:
        """Write all that is counted; what cannot be written stays for the next time."""
        with self._lock:
            left, self._left = self._left, {}
            self._written = now = self._rt.clock.now()
        for org_slug, asked in left.items():
            try:
                note_asked(self._rt.documents, org_slug, now, asked)
            except CostError:
                with self._lock:
                    self._left[org_slug] = self._left.get(org_slug, Asked()) + asked


def note_asked(documents: DocumentStore, org_slug: str, now: datetime, asked: Asked) -> None:
    """Add to the counters of the day on which they are written; nothing of an organization that is gone."""
    path = _path(org_slug, now.date())

    def work(transaction: Transaction) -> None:
        organization = transaction.get(organization_path(org_slug))
        if organization is None or organization.get("removal_began_at"):
            return
        whole = _read(transaction.get(path)) + asked
        transaction.set(path, dict(vars(whole)))

    documents.transact(work)


def asked_on(documents: DocumentStore, org_slug: str, day: date) -> Asked:
    """What was counted of a day."""
    return _read(documents.get(_path(org_slug, day)))


def _read(document: dict[str, int] | None) -> Asked:
    return Asked(document["questions"], document["scanned_bytes"]) if document else Asked()


def _path(org_slug: str, day: date) -> str:
    return below(org_slug, "usage", f"{day.isoformat()}.asked")
