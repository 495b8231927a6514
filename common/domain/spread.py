"""Where an organization comes in what is done for all of them repeatedly: a place of its own, so that not all come at once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def place(org_slug: str, places: int) -> int:
    """One of so many places, from 0: always the same for an organization."""
    return int.from_bytes(hashlib.sha256(org_slug.encode()).digest()[:8]) % places


def is_due(org_slug: str, every_minutes: int, after: datetime, until: datetime) -> bool:
    """Whether a minute of the organization, of which one comes in each interval, lies after the one moment and not after the other."""
    own = place(org_slug, every_minutes)
    before, now = ((moment - _EPOCH) // _MINUTE for moment in (after, until))
    return (now - own) // every_minutes > (before - own) // every_minutes
