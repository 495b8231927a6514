"""Webhooks of integrations: `orgs/<org>/webhooks/<integration>`.  Of the secret only its SHA-256 is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.ports import Document, DocumentStore
from common.records.organizations import below
from common.records.unknown import known_and_unknown


@dataclass(frozen=True)
class Webhook:
    """Who may call about one integration.  Moments are UTC, ISO 8601.

    sha256, fingerprint: of the secret, None where callers are known by the provider's signature alone.  sender: the SNS topic, the
    service account of the push subscription, or tenant and application of Entra ID, whose calls alone are taken where it is named.
    unknown: fields of another release, which stay as they are.
    """

    integration_id: str
    created_at: str
    updated_at: str
    created_by: str
    sha256: str | None = None
    fingerprint: str | None = None
    sender: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> Document:
        """Plain types only."""
        return {**{name: value for name, value in self.__dict__.items() if name != "unknown"}, **self.unknown}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Webhook:
        """The webhook of a document."""
        known, unknown = known_and_unknown(cls, document)
        return cls(**known, unknown=unknown)


def webhook_path(org_slug: str, integration_id: str) -> str:
    """Where a webhook's document lies."""
    return below(org_slug, "webhooks", integration_id)


def load_webhook(documents: DocumentStore, org_slug: str, integration_id: str) -> Webhook | None:
    """The webhook, or None."""
    document = documents.get(webhook_path(org_slug, integration_id))
    return Webhook.from_document(document) if document else None
