"""Re-encrypt what tenants have stored with the newest version of the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import Permanent
from common.ports import Document, DocumentStore, KeyRing, Runtime, Transaction
from common.tenancy import channels, credentials
from common.tenancy.sealed import SealedPlace, sealed_again

_PROBE = "newest-key-version"  # without a slash, so that it is nobody's context
_TRIES = 5


@dataclass
class Reencryption:
    """What became of all secrets.  anew: sealed by the newest version now.  left: were before.  failed: name -> reason."""

    key_version: str | None
    anew: int
    left: int
    failed: dict[str, str]


def reencrypt_stored(
    rt: Runtime, org_slug: str | None = None, say: Callable[[str], None] = lambda name: None
) -> Reencryption:
    """The same as `reencrypt`, of one organization, or of all for None."""
    org_slugs = [org_slug] if org_slug is not None else [one for one, _ in rt.documents.list("orgs")]
    return reencrypt(rt.documents, rt.sealed, rt.keys, rt.clock.now(), org_slugs, say)


def reencrypt(
    documents: DocumentStore,
    sealed_store: DocumentStore,
    keys: KeyRing,
    now: datetime,
    org_slugs: Sequence[str],
    say: Callable[[str], None] = lambda name: None,
) -> Reencryption:
    """Seal what an older key version sealed by the newest one.  Safe to repeat, and beside those who read and store.

    One that cannot be opened is named and left as it is.  Raises Retryable where the key ring is away.
    """
    places: list[tuple[str, DocumentStore, SealedPlace]] = []
    for org in org_slugs:
        places += [(f"{org}/{one.name}", sealed_store, one) for one in credentials.places(sealed_store, org)]
        places += [(f"{org}/{one.name}", documents, one) for one in channels.places(documents, org)]
    if not places:
        return Reencryption(None, 0, 0, {})
    # what seals is what counts: a rotation may take a while to be used everywhere
    newest = keys.encrypt(b"", _PROBE).key_version
    outcome = Reencryption(newest, 0, 0, {})
    for name, store, place in places:
        say(name)
        try:
            changed = _reencrypt_one(store, keys, now, place, newest)
        except Permanent as error:
            outcome.failed[name] = str(error)
            continue
        outcome.anew += changed
        outcome.left += not changed
    return outcome


def _reencrypt_one(documents: DocumentStore, keys: KeyRing, now: datetime, place: SealedPlace, newest: str) -> bool:
    """Whether it was sealed anew.  Where somebody stores another secret meanwhile, that one is looked at."""
    for _ in range(_TRIES):
        before = documents.get(place.path)
        if before is None or before.get("key_version") == newest:
            return False
        sealed = sealed_again(keys, before, place.context)
        if documents.transact(
            lambda transaction, old=before, new=sealed: _swap(transaction, place.path, old, new, now)  # type: ignore[misc]
        ):
            return True
    raise Permanent("it is being changed by other commands; run costwire keys reencrypt once more")


def _swap(transaction: Transaction, path: str, before: Document, sealed: Document, now: datetime) -> bool:
    current = transaction.get(path)
    if current is None or current.get("ciphertext") != before["ciphertext"]:
        return False
    transaction.set(path, {**current, **sealed, "updated_at": now.isoformat()})
    return True
