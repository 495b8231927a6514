"""Events that a function has finished, or has tried: `processed/<function>.<event id>`.

A repeated delivery of a finished one is acknowledged without doing its work again.  That only saves work: every handler is idempotent,
since an instance may end between its work and the record.  The document of one that is not finished has the number of its `tries`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

from common.ports import Clock, Document, DocumentStore, Transaction

KEPT = timedelta(days=8)
"""Longer than Pub/Sub keeps a message that nobody acknowledges (7 days)."""

_TRIES = "tries"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,200}")


class ProcessedEvents:
    """Notes `processed/<function>.<event id>`, each for KEPT.

    Firestore removes what has expired within about a day (TTL on `expires_at`); until then it counts as unseen already.
    """

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    def seen(self, function: str, event_id: str) -> bool:
        """Whether the function has finished this event, and its note has not expired."""
        document = self._valid(self._documents.get(_path(function, event_id)))
        return document is not None and _TRIES not in document

    def note(self, function: str, event_id: str) -> None:
        """The function has finished this event.  Safe to repeat."""
        self._documents.set(_path(function, event_id), self._document(function, event_id))

    def begin_try(self, function: str, event_id: str) -> int | None:
        """Count a try that begins; which one it is, from 1, or None where the function has finished the event."""
        return self._counted(function, event_id, 1)

    def take_back_try(self, function: str, event_id: str) -> None:
        """What was counted was no try."""
        self._counted(function, event_id, -1)

    def forget_tries(self, function: str, event_id: str) -> None:
        """The next try is the first one; a finished event stays finished.  Safe to repeat."""
        path = _path(function, event_id)

        def work(transaction: Transaction) -> None:
            if _TRIES in (transaction.get(path) or {}):
                transaction.delete(path)

        self._documents.transact(work)

    def _counted(self, function: str, event_id: str, change: int) -> int | None:
        path = _path(function, event_id)

        def work(transaction: Transaction) -> int | None:
            document = self._valid(transaction.get(path))
            if document is not None and _TRIES not in document:
                return None
            tries = max(int((document or {}).get(_TRIES, 0)) + change, 0)
            transaction.set(path, {**self._document(function, event_id), _TRIES: tries})
            return tries

        return self._documents.transact(work)

    def _document(self, function: str, event_id: str) -> Document:
        shown = event_id[:1000].encode(errors="backslashreplace").decode()
        return {"function": function, "event_id": shown, "expires_at": (self._clock.now() + KEPT).isoformat()}

    def _valid(self, document: Document | None) -> Document | None:
        expired = document is not None and datetime.fromisoformat(document["expires_at"]) <= self._clock.now()
        return None if expired else document


def _path(function: str, event_id: str) -> str:
    """Ids of any form, without two that meet: one that is no plain name is told by its digest, behind a dot that no plain one has."""
    if _PLAIN.fullmatch(event_id):
        return f"processed/{function}.{event_id}"
    digest = hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()
    return f"processed/{function}.sha256.{digest}"
