"""Events that a function has finished: a repeated delivery of one is acknowledged without doing its work again.

It only saves work: every handler is idempotent, since an instance may end between its work and the record.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

from common.ports import Clock, DocumentStore

KEPT = timedelta(days=8)
"""Longer than Pub/Sub keeps a message that nobody acknowledges (7 days)."""

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
        document = self._documents.get(_path(function, event_id))
        return document is not None and datetime.fromisoformat(document["expires_at"]) > self._clock.now()

    def note(self, function: str, event_id: str) -> None:
        """The function has finished this event.  Safe to repeat."""
        shown = event_id[:1000].encode(errors="backslashreplace").decode()
        expires_at = (self._clock.now() + KEPT).isoformat()
        self._documents.set(
            _path(function, event_id), {"function": function, "event_id": shown, "expires_at": expires_at}
        )


def _path(function: str, event_id: str) -> str:
    """Ids of any form, without two that meet: one that is no plain name is told by its digest, behind a dot that no plain one has."""
    if _PLAIN.fullmatch(event_id):
        return f"processed/{function}.{event_id}"
    digest = hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()
    return f"processed/{function}.sha256.{digest}"
