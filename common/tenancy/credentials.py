"""Credentials of integrations, stored encrypted (`orgs/<org>/credentials/<integration>`); only a fingerprint is readable.

They lie in the store `Runtime.sealed`: who may read tenants' documents does not thereby have their ciphertexts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import DecryptionFailed, NotFound, Permanent
from common.ports import Document, DocumentStore, KeyRing, Runtime, Transaction
from common.ports.keys import FAILED, Sealed, check_size
from common.records.organizations import below

TYPES = {"gcp": "service_account"}
_OTHER_TYPE = "api_key"
_PROBE = "newest-key-version"  # without a slash, so that it is nobody's context
_TRIES = 5


@dataclass
class Reencryption:
    """What became of all credentials.  anew: sealed by the newest version now.  left: were before.  failed: name -> reason."""

    key_version: str | None
    anew: int
    left: int
    failed: dict[str, str]


def credential_path(org_slug: str, integration_id: str) -> str:
    """Where a credential's document lies."""
    return below(org_slug, "credentials", integration_id)


def store(
    sealed_store: DocumentStore,
    keys: KeyRing,
    now: datetime,
    org_slug: str,
    integration_id: str,
    provider: str,
    secret: bytes,
    created_by: str,
) -> None:
    """Keep a credential, bound to its tenant and integration, in place of an earlier one.  Raises BadConfiguration above 64 KiB."""
    sealed = keys.encrypt(check_size(secret), _context(org_slug, integration_id))
    path = credential_path(org_slug, integration_id)

    def work(transaction: Transaction) -> None:
        before = transaction.get(path) or {}
        document: Document = {
            "credential_id": integration_id,
            "provider": provider,
            "credential_type": TYPES.get(provider, _OTHER_TYPE),
            **_sealed_fields(sealed),
            "fingerprint": hashlib.sha256(secret).hexdigest()[:8],
            "created_at": before.get("created_at", now.isoformat()),
            "updated_at": now.isoformat(),
            "created_by": created_by,
        }
        transaction.set(path, document)

    sealed_store.transact(work)


def load(sealed_store: DocumentStore, keys: KeyRing, org_slug: str, integration_id: str) -> bytes:
    """The credential in the clear: for the call that needs it, never for a log.  Raises NotFound, DecryptionFailed."""
    document = sealed_store.get(credential_path(org_slug, integration_id))
    if document is None:
        raise NotFound(
            f"integration {integration_id} has no credential; costwire connect PROVIDER --id {integration_id} "
            "--credential FILE stores one"
        )
    return keys.decrypt(_sealed(document), _context(org_slug, integration_id))


def reencrypt_stored(
    rt: Runtime, org_slug: str | None = None, say: Callable[[str], None] = lambda name: None
) -> Reencryption:
    """The same as `reencrypt`, of one organization, or of all for None."""
    org_slugs = [org_slug] if org_slug is not None else [one for one, _ in rt.documents.list("orgs")]
    return reencrypt(rt.sealed, rt.keys, rt.clock.now(), org_slugs, say)


def reencrypt(
    sealed_store: DocumentStore,
    keys: KeyRing,
    now: datetime,
    org_slugs: Sequence[str],
    say: Callable[[str], None] = lambda name: None,
) -> Reencryption:
    """Seal what an older key version sealed by the newest one.  Safe to repeat, and beside those who read and store.

    One that cannot be opened is named and left as it is.  Raises Retryable where the key ring is away.
    """
    names = [(org, one) for org in org_slugs for one, _ in sealed_store.list(below(org, "credentials"))]
    if not names:
        return Reencryption(None, 0, 0, {})
    # what seals is what counts: a rotation may take a while to be used everywhere
    newest = keys.encrypt(b"", _PROBE).key_version
    outcome = Reencryption(newest, 0, 0, {})
    for org, integration_id in names:
        name = f"{org}/{integration_id}"
        say(name)
        try:
            changed = _reencrypt_one(sealed_store, keys, now, org, integration_id, newest)
        except Permanent as error:
            outcome.failed[name] = str(error)
            continue
        outcome.anew += changed
        outcome.left += not changed
    return outcome


def _reencrypt_one(
    sealed_store: DocumentStore, keys: KeyRing, now: datetime, org_slug: str, integration_id: str, newest: str
) -> bool:
    """Whether it was sealed anew.  Where somebody stores another credential meanwhile, that one is looked at."""
    path, context = credential_path(org_slug, integration_id), _context(org_slug, integration_id)
    for _ in range(_TRIES):
        before = sealed_store.get(path)
        if before is None or before.get("key_version") == newest:
            return False
        sealed = keys.encrypt(keys.decrypt(_sealed(before), context), context)
        if sealed_store.transact(lambda transaction, old=before, new=sealed: _swap(transaction, path, old, new, now)):  # type: ignore[misc]
            return True
    raise Permanent("it is being changed by other commands; run costwire keys reencrypt once more")


def _swap(transaction: Transaction, path: str, before: Document, sealed: Sealed, now: datetime) -> bool:
    current = transaction.get(path)
    if current is None or current["ciphertext"] != before["ciphertext"]:
        return False
    transaction.set(path, {**current, **_sealed_fields(sealed), "updated_at": now.isoformat()})
    return True


def _sealed_fields(sealed: Sealed) -> Document:
    return {"ciphertext": base64.b64encode(sealed.ciphertext).decode(), "key_version": sealed.key_version}


def _sealed(document: Document) -> Sealed:
    try:
        return Sealed(base64.b64decode(document["ciphertext"], validate=True), str(document["key_version"]))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise DecryptionFailed(FAILED) from None


def _context(org_slug: str, integration_id: str) -> str:
    """What a ciphertext is bound to: neither name can hold a slash."""
    return f"{org_slug}/{integration_id}"
