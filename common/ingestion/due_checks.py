"""When a connection is checked, and how the last check went; nothing is tried here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.domain.checks import FAILED, Check, verdict
from common.domain.integrations import DISABLED, ERROR
from common.messages import IngestBill
from common.ports import Document
from common.records.integrations import is_one_off

EVERY = timedelta(hours=23)
"""Once a day, with the tick of the schedule that comes next."""
EVERY_AFTER_FAULT = timedelta(hours=1)


@dataclass(frozen=True)
class Checked:
    """How the checks of an integration went.  checked_at: in UTC; it is earlier than now where functions alone may open the credential."""

    integration_id: str
    checked_at: datetime
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        """passed, failed or unknown: the worst of them."""
        return verdict(self.checks)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "integration_id": self.integration_id,
            "checked_at": self.checked_at.isoformat(),
            "verdict": self.verdict,
            "checks": [one.as_document() for one in self.checks],
        }


def last_checked(integration: Document) -> Checked | None:
    """How the last stored check of an integration went; None where it was never checked."""
    found = integration.get("checks")
    if not found:
        return None
    checks = tuple(Check.from_document(one) for one in found["checks"])
    return Checked(integration["integration_id"], datetime.fromisoformat(found["checked_at"]), checks)


def is_due(integration: Document, now: datetime) -> bool:
    """Whether the clock asks for a check: the last one is a day old, or an hour where it found a fault."""
    if is_one_off(integration) or integration["status"] == DISABLED:
        return False
    last = last_checked(integration)
    return last is None or now - last.checked_at >= (EVERY_AFTER_FAULT if last.verdict == FAILED else EVERY)


def is_to_be_taken_back(integration: Document) -> bool:
    """Whether a synchronization that succeeded makes the faults of the last check doubtful.  integration: as it was before."""
    last = last_checked(integration)
    return last is not None and last.verdict == FAILED and integration["status"] == ERROR


def order_of(org_slug: str, integration: Document, run_id: str) -> IngestBill:
    """The message that has an integration checked.  run_id: of the synchronization that asks for it."""
    return IngestBill(integration["provider"], org_slug, integration["integration_id"], run_id, check=True)
