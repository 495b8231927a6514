"""Whether the service lives, and whether it can work."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from common.errors import CostError
from common.reporting.readiness import check_ready
from web.api.declare import Call, Needs, Routes
from web.api.problems import RETRY_SECONDS, Problem

routes = Routes("Service")


class State(BaseModel):
    """How the service is."""

    status: str = Field(description="ok, or ready")


@routes.get("/health", needs=Needs.NOTHING, answer=State)
def health(call: Call) -> dict[str, Any]:
    """Whether the process lives; nothing else is looked at."""
    return {"status": "ok"}


@routes.get("/ready", needs=Needs.NOTHING, answer=State)
def ready(call: Call) -> dict[str, Any]:
    """Whether the stores that every request needs can be reached."""
    try:
        check_ready(call.rt)
    except CostError:
        raise Problem("not_ready", "the documents cannot be read", {"Retry-After": str(RETRY_SECONDS)}) from None
    return {"status": "ready"}
