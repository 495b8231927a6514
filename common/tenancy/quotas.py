"""What an organization's plan allows and how much of it is used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.domain import quotas
from common.domain.plan_status import EXPIRED
from common.domain.quotas import Limits, Usage
from common.ports import Runtime
from common.records import organizations
from common.records.integrations import is_one_off
from common.records.organizations import below
from common.records.usage import limits_now, trial_is_over, usage_of
from common.tenancy.members import seats_of


@dataclass(frozen=True)
class Quota:
    """One organization's.  plan: None where the deployment has no plans; then nothing is limited and nothing counted.

    providers: connected ones.  seats: of members and of open invitations.  resets_at: of the runs of the day and of the month.
    """

    org_slug: str
    plan: str | None
    status: str
    trial_ends_at: datetime | None
    limits: Limits
    usage: Usage
    providers: int
    seats: int
    day_resets_at: datetime
    month_resets_at: datetime

    def as_json(self) -> dict[str, Any]:
        """For programs; a limit that is null does not exist."""
        limits, usage = self.limits, self.usage
        return {
            "org_slug": self.org_slug,
            "plan": self.plan,
            "status": self.status,
            "trial_ends_at": self.trial_ends_at.isoformat() if self.trial_ends_at else None,
            "runs_today": _part(usage.today, limits.runs_per_day, self.day_resets_at),
            "runs_this_month": _part(usage.this_month, limits.runs_per_month, self.month_resets_at),
            "runs_in_progress": _part(usage.in_progress, limits.concurrent_runs),
            "providers": _part(self.providers, limits.providers),
            "seats": _part(self.seats, limits.seats),
        }


def quota_of(rt: Runtime, org_slug: str) -> Quota:
    """What counts now.  Raises NotFound."""
    now, plans = rt.clock.now(), rt.settings.plans
    stored = organizations.load(rt.documents, org_slug)
    document = organizations.shown(stored, plans)
    ends = document.get("trial_ends_at")
    integrations = [one for _, one in rt.documents.list(below(org_slug, "integrations"))]
    return Quota(
        org_slug,
        plan=str(document["plan"]) if plans else None,
        status=EXPIRED if plans and trial_is_over(stored, now) else str(document["status"]),
        trial_ends_at=datetime.fromisoformat(ends) if ends else None,
        limits=limits_now(document),
        usage=usage_of(rt.documents, org_slug, now),
        providers=len({one["provider"] for one in integrations if not is_one_off(one)}),
        seats=seats_of(rt, org_slug).used,
        day_resets_at=quotas.day_ends(now),
        month_resets_at=quotas.month_ends(now),
    )


def _part(used: int, limit: int | None, resets_at: datetime | None = None) -> dict[str, Any]:
    return {"used": used, "limit": limit, **({"resets_at": resets_at.isoformat()} if resets_at else {})}
