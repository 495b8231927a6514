"""Credentials of integrations, stored encrypted (`orgs/<org>/credentials/<integration>`); only a fingerprint is readable.

They lie in the store `Runtime.sealed`: who may read tenants' documents does not thereby have their ciphertexts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from common.errors import NotFound
from common.ports import Document, DocumentStore, KeyRing, Transaction
from common.records.organizations import below
from common.tenancy.sealed import SealedPlace, opened, sealed_fields


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
    credential_type: str = "api_key",
) -> None:
    """Keep a credential, bound to its tenant and integration, in place of an earlier one.  Raises BadConfiguration above 64 KiB."""
    sealed = sealed_fields(keys, secret, _context(org_slug, integration_id))
    path = credential_path(org_slug, integration_id)

    def work(transaction: Transaction) -> None:
        before = transaction.get(path) or {}
        document: Document = {
            "credential_id": integration_id,
            "provider": provider,
            "credential_type": credential_type,
            **sealed,
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
    return opened(keys, document, _context(org_slug, integration_id))


def places(sealed_store: DocumentStore, org_slug: str) -> Iterator[SealedPlace]:
    """Where a tenant's credentials lie."""
    for integration_id, _ in sealed_store.list(below(org_slug, "credentials")):
        yield SealedPlace(integration_id, credential_path(org_slug, integration_id), _context(org_slug, integration_id))


def _context(org_slug: str, integration_id: str) -> str:
    """What a ciphertext is bound to: neither name can hold a slash."""
    return f"{org_slug}/{integration_id}"
