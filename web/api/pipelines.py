"""Runs of the cost pipeline, as users of the first interface know them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.domain.period import BillingPeriod
from common.ingestion.syncing import sync
from common.reporting.arguments import InvalidQuestion
from common.reporting.runs import show_run
from common.reporting.steps import current_step
from web.api.declare import Call, Routes
from web.api.integrations import Provider
from web.api.shapes import Asked
from web.api.syncs import SyncStarted

routes = Routes("Pipelines")
RunId = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,120}$", description="The run's id")]
_MOST_MONTHS = 36


class Pipeline(Asked):
    """Which days; their billing periods are fetched.  All that is new by default."""

    day: date | None = Field(None, alias="date")
    start_date: date | None = None
    end_date: date | None = Field(None, description="Included")
    project_filter: str | None = Field(None, description="Not supported yet: a billing export is read whole")


class PipelineStatus(BaseModel):
    """Where a run stands."""

    run_id: str
    status: str = Field(description="queued, running, succeeded, failed, rejected or waiting")
    progress: str = Field(description="The step that it is at")
    records: int | None
    errors: list[str]


@routes.post(
    "/api/v1/pipelines/run/{org}/{provider}/cost/billing", answer=SyncStarted, status=202, action="integration.sync"
)
def run_pipeline(call: Call, provider: Provider, body: Pipeline) -> dict[str, Any]:
    """Fetch the bills of a provider."""
    if body.project_filter is not None:
        raise InvalidQuestion("project_filter is not supported yet; leave it out, and filter the costs by sub account")
    requested = sync(call.rt, call.org_slug, provider, None, [str(one) for one in _periods(body)])
    return {"org_slug": requested.org_slug, "run_ids": list(requested.run_ids)}


@routes.get("/api/v1/pipelines/status/{org}/{run_id}", answer=PipelineStatus)
def pipeline_status(call: Call, run_id: RunId) -> dict[str, Any]:
    """Where a run stands."""
    run = show_run(call.rt, call.org_slug, run_id)
    return {
        "run_id": run.run_id,
        "status": run.status,
        "progress": current_step(call.rt, call.org_slug, [run_id]),
        "records": run.records,
        "errors": [run.error] if run.error else [],
    }


def _periods(body: Pipeline) -> list[BillingPeriod]:
    """The months of the days.  Raises InvalidQuestion."""
    if body.day is not None and (body.start_date or body.end_date):
        raise InvalidQuestion("date and start_date each name days; give one of them")
    first = body.day or body.start_date
    last = body.day or body.end_date or body.start_date
    if first is None or last is None:
        if body.end_date is not None:
            raise InvalidQuestion("end_date needs start_date")
        return []
    if last < first:
        raise InvalidQuestion(f"the last day, {last}, is before the first, {first}")
    found = [BillingPeriod.of(first)]
    while found[-1] < BillingPeriod.of(last):
        if len(found) == _MOST_MONTHS:
            raise InvalidQuestion(f"the days are of more than {_MOST_MONTHS} months; ask for fewer at a time")
        found.append(found[-1].next())
    return found
