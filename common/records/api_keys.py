"""API keys: `orgs/<org>/api_keys/<key id>`.  The key itself is stored nowhere, only its SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.domain.api_keys import Role
from common.ports import Document
from common.records.organizations import below

_ID_CHARACTERS = 16


@dataclass(frozen=True)
class ApiKey:
    """One key.  fingerprint: its last 4 characters.  last_used_at: to the hour.  replaced_by: the id of the key that it was rotated to."""

    key_id: str
    name: str
    role: Role
    fingerprint: str
    sha256: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: str | None = None

    def state(self, now: datetime) -> str:
        """active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def as_json(self, now: datetime) -> dict[str, Any]:
        """For programs and users: nothing that helps to find the key."""
        shown = {name: value for name, value in as_document(self).items() if name != "sha256"}
        return shown | {"state": self.state(now)}


def key_id_of(sha256: str) -> str:
    """The id of the key with this digest, so that a key is found by one read."""
    return sha256[:_ID_CHARACTERS]


def key_path(org_slug: str, key_id: str) -> str:
    """Where a key's document lies."""
    return below(org_slug, "api_keys", key_id)


def as_document(key: ApiKey) -> Document:
    """The key in plain types."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, Role) else value
        for name, value in vars(key).items()
    }


def from_document(document: Mapping[str, Any]) -> ApiKey:
    """The key of a document."""
    moments = ("created_at", "expires_at", "last_used_at", "revoked_at")
    read = {name: datetime.fromisoformat(document[name]) if document.get(name) else None for name in moments}
    return ApiKey(**{**document, **read, "role": Role(document["role"])})
