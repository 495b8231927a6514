"""Alerts: what one is about and where it stands (`orgs/<org>/alerts/<id>`), and the messages that it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.domain.alerts import Life, life_fields, life_of
from common.ports import Document
from common.records.organizations import below

INTEGRATION_ERROR = "integration_error"
"""The kind of an alert about a connection; its document names the `integration`."""


@dataclass(frozen=True)
class Alert:
    """What the document of an alert holds.  kind: `type` in the document.  budget_id, budget_name: None where it is not a budget's.

    about: the other fields, which depend on the kind: plain types only.
    """

    alert_id: str
    kind: str
    life: Life
    budget_id: str | None = None
    budget_name: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> Document:
        """Plain types only."""
        return {
            "alert_id": self.alert_id,
            "type": self.kind,
            "budget_id": self.budget_id,
            "budget_name": self.budget_name,
            **self.about,
            **life_fields(self.life),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Alert:
        """The alert of a document."""
        own = {"alert_id", "type", "budget_id", "budget_name", *life_fields(Life())}
        return cls(
            alert_id=document["alert_id"],
            kind=document["type"],
            life=life_of(dict(document)),
            budget_id=document["budget_id"],
            budget_name=document["budget_name"],
            about={name: value for name, value in document.items() if name not in own},
        )


def alert_path(org_slug: str, alert_id: str) -> str:
    """Where an alert's document lies."""
    return below(org_slug, "alerts", alert_id)


def notifications_path(org_slug: str) -> str:
    """The collection of the outbox."""
    return below(org_slug, "notifications")
