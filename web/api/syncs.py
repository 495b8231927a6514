"""Bills fetched on request."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from common.ingestion.syncing import sync
from common.reporting.arguments import read_period
from web.api.declare import Call, Routes
from web.api.shapes import Asked

routes = Routes("Synchronization")


class SyncWanted(Asked):
    """Which integrations; all that are not paused by default."""

    provider: str | None = Field(None, max_length=40, description="Only integrations of this provider")
    integration_id: str | None = Field(None, max_length=63, description="Only this integration")
    billing_periods: list[str] = Field(
        default_factory=list, max_length=120, description="Only these months, YYYY-MM", examples=[["2026-03"]]
    )


class SyncStarted(BaseModel):
    """The runs that the request leads to, one per integration."""

    org_slug: str
    run_ids: list[str]


@routes.post(
    "/api/sync/trigger", "/api/v1/organizations/{org}/sync", answer=SyncStarted, status=202, action="integration.sync"
)
def trigger_sync(call: Call, body: SyncWanted) -> dict[str, Any]:
    """Fetch what is new.  The runs end later."""
    periods = [str(read_period(one)) for one in body.billing_periods]
    requested = sync(call.rt, call.org_slug, body.provider, body.integration_id, periods)
    return {"org_slug": requested.org_slug, "run_ids": list(requested.run_ids)}
