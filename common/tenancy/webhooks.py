"""Webhooks of integrations: made, given a new secret, removed, and whether a call has the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field, replace

from common.errors import BadConfiguration
from common.ports import Runtime, Transaction
from common.records.integrations import load_integration
from common.records.webhooks import Webhook, webhook_path

MARK = "whsec_"
_RANDOM_BYTES = 20


@dataclass(frozen=True)
class SetUp:
    """A webhook, and its secret where it was made just now: it is known at no other time."""

    webhook: Webhook
    secret: str | None = field(default=None, repr=False)


def set_up(
    rt: Runtime, org_slug: str, integration_id: str, sender: str | None, with_secret: bool, rotate: bool, by: str
) -> SetUp:
    """Make an integration's webhook, or change the one it has.

    sender: who alone may call, from now on without a secret; None leaves it as it is.  with_secret: others are known by a secret.  rotate:
    a new one in place of the earlier.  by: who asks for it.  Raises NotFound for an integration that does not exist, BadConfiguration for
    a rotation where no secret is used.
    """
    load_integration(rt.documents, org_slug, integration_id)
    now, path = rt.clock.now().isoformat(), webhook_path(org_slug, integration_id)
    fresh = MARK + base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()

    def work(transaction: Transaction) -> SetUp:
        document = transaction.get(path)
        before = Webhook.from_document(document) if document else Webhook(integration_id, now, now, by)
        after = replace(before, sender=sender or before.sender)
        if rotate and (after.sender or not with_secret):
            raise BadConfiguration(
                f"calls about {integration_id} are known by their sender, so no secret is used; --remove forgets the sender"
            )
        is_new = with_secret and after.sender is None and (rotate or before.sha256 is None)
        if after.sender:
            after = replace(after, sha256=None, fingerprint=None)
        elif is_new:
            after = replace(after, sha256=_digest(fresh), fingerprint=fresh[-4:])
        if document is None or after != before:
            transaction.set(path, replace(after, updated_at=now).as_document())
        return SetUp(after, fresh if is_new else None)

    return rt.documents.transact(work)


def remove(rt: Runtime, org_slug: str, integration_id: str) -> None:
    """Take no more calls about an integration.  Again changes nothing."""
    rt.documents.delete(webhook_path(org_slug, integration_id))


def has_secret(webhook: Webhook, presented: str | None) -> bool:
    """Whether a call has the secret of the webhook, in a time that shows nothing of it."""
    return webhook.sha256 is not None and hmac.compare_digest(_digest(presented or ""), webhook.sha256)


def _digest(secret: str) -> str:
    # a slow hash would protect nothing: 160 random bits cannot be guessed
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
