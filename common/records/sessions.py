"""Sessions: `sessions/<SHA-256 of the id>`.  The id itself is only in the browser's cookie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.ports import Document, DocumentStore, Order
from common.records.batches import delete_all

SESSIONS = "sessions"
IDLE, LONGEST = timedelta(hours=12), timedelta(days=7)
"""A session ends when it was not used for so long, and so long after the sign-in in any case."""
_PAGE = 200
_MOMENTS = ("began_at", "seen_at", "expires_at")


@dataclass(frozen=True)
class Membership:
    """Of one organization, as it was when a session began."""

    member_id: str
    version: int


@dataclass(frozen=True)
class Session:
    """One sign-in.  person: who (`person_key`).  organizations: by slug.

    seen_at: to a few minutes.  expires_at: when it ends unless it is used before.
    """

    person: str
    organizations: Mapping[str, Membership]
    began_at: datetime
    seen_at: datetime
    expires_at: datetime


def session_path(sha256: str) -> str:
    """Where a session lies."""
    return f"{SESSIONS}/{sha256}"


def end_of(began_at: datetime, seen_at: datetime) -> datetime:
    """When a session ends that is not used again."""
    return min(seen_at + IDLE, began_at + LONGEST)


def as_document(session: Session) -> Document:
    """The session in plain types."""
    moments = {name: getattr(session, name).isoformat() for name in _MOMENTS}
    organizations = {slug: dict(vars(one)) for slug, one in session.organizations.items()}
    return {"person": session.person, "organizations": organizations, **moments}


def from_document(document: Mapping[str, Any]) -> Session:
    """The session of a document."""
    moments = {name: datetime.fromisoformat(document[name]) for name in _MOMENTS}
    organizations = {slug: Membership(**one) for slug, one in document["organizations"].items()}
    return Session(document["person"], organizations, **moments)


def forget_ended(documents: DocumentStore, now: datetime) -> int:
    """Remove sessions that have ended; returns how many.  Safe to repeat, and beside others who do the same."""
    moment, removed = now.isoformat(), 0
    while True:
        found = documents.list("sessions", order=Order("expires_at"), limit=_PAGE)
        ended = [session_path(name) for name, one in found if one["expires_at"] <= moment]
        removed += delete_all(documents, ended)
        if len(ended) < _PAGE:
            return removed
