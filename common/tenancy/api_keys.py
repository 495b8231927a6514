"""API keys: made, listed, rotated, revoked, and what a request is authenticated by."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from common.domain.api_keys import InvalidKeyRequest, Role, check_name, compose, digest, fingerprint, organization_of
from common.errors import NotFound, Permanent
from common.ports import Runtime, Transaction
from common.records.api_keys import ApiKey, as_document, from_document, key_id_of, key_path
from common.records.names import one_of
from common.records.organizations import below, organization_path

LONGEST_OVERLAP = timedelta(days=30)
_RANDOM_BYTES = 20
_NOTED_EVERY = timedelta(hours=1)


class Refused(StrEnum):
    """Why a key does not authenticate.  That of an unknown one says nothing of the organization."""

    INVALID = "invalid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyRefused(Exception):
    """A key that does not authenticate."""

    def __init__(self, reason: Refused) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class KeyRequest:
    """A key that somebody wants.  expires_at None: never.  Raises InvalidKeyRequest for a name that is not valid."""

    name: str
    role: Role = Role.VIEWER
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        check_name(self.name)


@dataclass(frozen=True)
class NewKey:
    """A key with its secret, which is known only now."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Holder:
    """Who presents a key."""

    org_slug: str
    key: ApiKey


def create_key(rt: Runtime, org_slug: str, request: KeyRequest, by: str) -> NewKey:
    """Make a key.  by: who asks for it.  Raises NotFound for an organization that does not exist, InvalidKeyRequest for a past expiry."""
    now = rt.clock.now()
    if request.expires_at is not None and request.expires_at <= now:
        raise InvalidKeyRequest(f"the key would expire at {request.expires_at:%Y-%m-%d %H:%M} UTC, which has passed")
    made = _new(org_slug, request.name.strip(), request.role, request.expires_at, now, by)

    def work(transaction: Transaction) -> None:
        _check_organization(transaction, org_slug)
        transaction.create(key_path(org_slug, made.key.key_id), as_document(made.key))

    rt.documents.transact(work)
    return made


def list_keys(rt: Runtime, org_slug: str) -> list[ApiKey]:
    """Every key, the newest first.  Raises BadConfiguration for what is no organization."""
    found = [from_document(document) for _, document in rt.documents.list(below(org_slug, "api_keys"))]
    return sorted(found, key=lambda one: (one.created_at, one.key_id), reverse=True)


def revoke_key(rt: Runtime, org_slug: str, key_id: str) -> ApiKey:
    """End a key now, by its id or the beginning of it.  Again changes nothing.  Raises NotFound."""

    def change(key: ApiKey, now: datetime) -> ApiKey:
        return replace(key, revoked_at=key.revoked_at or now)

    return _changed(rt, org_slug, key_id, change)


def rotate_key(rt: Runtime, org_slug: str, key_id: str, overlap: timedelta, by: str) -> NewKey:
    """Make a key like this one, which ends after the overlap.  The new one lives as long as the old one was to.

    Raises NotFound, Permanent for a key that is not active or was rotated, InvalidKeyRequest for an overlap that is not valid.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidKeyRequest(f"the overlap is {overlap.days} days, expected 0 to {LONGEST_OVERLAP.days}")
    now = rt.clock.now()
    found = _find(rt, org_slug, key_id)

    def work(transaction: Transaction) -> NewKey:
        _check_organization(transaction, org_slug)
        path = key_path(org_slug, found)
        document = transaction.get(path)
        if document is None:
            raise _gone(found)
        old = from_document(document)
        state = "rotated" if old.replaced_by else old.state(now)
        if state != "active":
            raise Permanent(f"key {found} is {state}; make another one")
        expires_at = now + (old.expires_at - old.created_at) if old.expires_at else None
        made = _new(org_slug, old.name, old.role, expires_at, now, by)
        ends_at = min(now + overlap, old.expires_at or now + overlap)
        transaction.set(path, as_document(replace(old, expires_at=ends_at, replaced_by=made.key.key_id)))
        transaction.create(key_path(org_slug, made.key.key_id), as_document(made.key))
        return made

    return rt.documents.transact(work)


def authenticate(rt: Runtime, secret: str) -> Holder:
    """Who presents this key: one read, and one write an hour.  Raises KeyRefused."""
    org_slug = organization_of(secret)
    if org_slug is None:
        raise KeyRefused(Refused.INVALID)
    sha256, now = digest(secret), rt.clock.now()
    document = rt.documents.get(key_path(org_slug, key_id_of(sha256)))
    if document is None or not hmac.compare_digest(str(document["sha256"]), sha256):
        raise KeyRefused(Refused.INVALID)
    key = from_document(document)
    state = key.state(now)
    if state != "active":
        raise KeyRefused(Refused(state))
    if key.last_used_at is None or now - key.last_used_at >= _NOTED_EVERY:
        rt.documents.update(key_path(org_slug, key.key_id), {"last_used_at": now.isoformat()})
    return Holder(org_slug, key)


def same_secret(presented: str, expected: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing of them, their lengths included."""
    return hmac.compare_digest(digest(presented), digest(expected))


def _new(org_slug: str, name: str, role: Role, expires_at: datetime | None, now: datetime, by: str) -> NewKey:
    secret = compose(org_slug, base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower())
    sha256 = digest(secret)
    key = ApiKey(key_id_of(sha256), name, role, fingerprint(secret), sha256, now, by, expires_at)
    return NewKey(key, secret)


def _changed(rt: Runtime, org_slug: str, key_id: str, change: Callable[[ApiKey, datetime], ApiKey]) -> ApiKey:
    now = rt.clock.now()
    found = _find(rt, org_slug, key_id)
    path = key_path(org_slug, found)

    def work(transaction: Transaction) -> ApiKey:
        document = transaction.get(path)
        if document is None:
            raise _gone(found)
        after = change(from_document(document), now)
        transaction.set(path, as_document(after))
        return after

    return rt.documents.transact(work)


def _find(rt: Runtime, org_slug: str, key_id: str) -> str:
    return one_of(key_id, (one.key_id for one in list_keys(rt, org_slug)), "key", "costwire api-keys list")


def _gone(key_id: str) -> NotFound:
    return NotFound(f"there is no key {key_id}; costwire api-keys list shows them")


def _check_organization(transaction: Transaction, org_slug: str) -> None:
    if transaction.get(organization_path(org_slug)) is None:
        raise NotFound(f"there is no organization {org_slug}; costwire tenants list shows them")
