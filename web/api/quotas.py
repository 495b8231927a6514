"""What an organization's plan allows, and how much of it is used."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from common.tenancy.quotas import quota_of
from web.api.declare import Call, Routes
from web.api.shapes import Moment

routes = Routes("Plans")


class Allowed(BaseModel):
    """A limit of the plan."""

    limit: int | None = Field(description="Null: there is none")


class Used(Allowed):
    """A limit of the plan, and what counts against it now."""

    used: int


class Resetting(Used):
    """A limit that begins again at zero."""

    resets_at: Moment


class Quota(BaseModel):
    """What counts now."""

    org_slug: str
    plan: str | None = Field(
        description="Null where the deployment has no plans: nothing is limited, and runs are not counted"
    )
    status: str = Field(description="TRIAL, ACTIVE, SUSPENDED, CANCELLED or EXPIRED; runs start for the first two")
    trial_ends_at: Moment | None
    runs_today: Resetting
    runs_this_month: Resetting
    runs_in_progress: Used
    providers: Used
    seats: Used


@routes.get("/api/quota", "/api/v1/organizations/{org}/quota", answer=Quota)
def show_quota(call: Call) -> dict[str, Any]:
    """The limits of the organization's plan, and how much of each is used."""
    return quota_of(call.rt, call.org_slug).as_json()
