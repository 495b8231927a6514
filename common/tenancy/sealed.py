"""Secrets of a tenant as their documents hold them: ciphertext, key version and fingerprint."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from common.errors import DecryptionFailed
from common.ports import Document, KeyRing
from common.ports.keys import FAILED, Sealed, check_size


@dataclass(frozen=True)
class SealedPlace:
    """A document with a secret.  name: for users, without its tenant's.  context: what the ciphertext is bound to."""

    name: str
    path: str
    context: str


def fingerprint(secret: bytes) -> str:
    """What may be shown of a secret: equal for equal ones, and too little to find it by."""
    return hashlib.sha256(secret).hexdigest()[:8]


def sealed_fields(keys: KeyRing, secret: bytes, context: str) -> Document:
    """The fields of a document that hold a secret, bound to a context.  Raises BadConfiguration above 64 KiB."""
    return {**_ciphertext(keys.encrypt(check_size(secret), context)), "fingerprint": fingerprint(secret)}


def opened(keys: KeyRing, document: Document, context: str) -> bytes:
    """The secret of a document: for the call that needs it, never for a log.  Raises DecryptionFailed."""
    return keys.decrypt(_sealed(document), context)


def sealed_again(keys: KeyRing, document: Document, context: str) -> Document:
    """The fields that a newer key version changes.  Raises DecryptionFailed."""
    return _ciphertext(keys.encrypt(opened(keys, document, context), context))


def _ciphertext(sealed: Sealed) -> Document:
    return {"ciphertext": base64.b64encode(sealed.ciphertext).decode(), "key_version": sealed.key_version}


def _sealed(document: Document) -> Sealed:
    try:
        return Sealed(base64.b64decode(document["ciphertext"], validate=True), str(document["key_version"]))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise DecryptionFailed(FAILED) from None
