"""Where a budget stands in one period (`orgs/<org>/budget_status/<budget>-<period>`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.ports import Document
from common.records.organizations import below
from common.records.unknown import known_and_unknown


@dataclass(frozen=True)
class Standing:
    """What the document of a standing holds.

    ticket_taken: the last evaluation that began; ticket_written: the one whose facts these are, 0 before the first.  period_start: ISO
    8601.  facts: what a message or a table says (common/budgets/assessment.py).  unknown: fields of another release.
    """

    ticket_taken: int = 0
    ticket_written: int = 0
    budget_id: str | None = None
    period_start: str | None = None
    facts: Mapping[str, Any] | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> Document:
        """Plain types only."""
        document: Document = {
            "ticket_taken": self.ticket_taken,
            "ticket_written": self.ticket_written,
            "facts": self.facts,
        }
        if self.budget_id is not None:
            document |= {"budget_id": self.budget_id, "period_start": self.period_start}
        return {**document, **self.unknown}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Standing:
        """The standing of a document."""
        known, unknown = known_and_unknown(cls, document)
        return cls(**known, unknown=unknown)


def standing_path(org_slug: str, budget_id: str, period: str) -> str:
    """Where a standing's document lies.  period: the key of the budget's period."""
    return below(org_slug, "budget_status", f"{budget_id}-{period}")
