"""Pages on which an organization pays for its plan, and how the plan changed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.reporting.plan_changes import list_plan_changes
from common.tenancy.paying import open_portal, start_checkout
from web.api.declare import Call, Needs, Routes
from web.api.paging import Paged, page
from web.api.shapes import Asked, Moment

routes = Routes("Plans")
_PATH = "/api/v1/organizations/{org}"
Page = Annotated[
    str, Field(pattern=r"^https://[!-~]{1,1900}$", description="An address of yours, where the user returns to")
]


class CheckoutWanted(Asked):
    """Which plan is to be paid for."""

    plan: str = Field(max_length=100, examples=["Professional"])
    success_url: Page
    cancel_url: Page


class PortalWanted(Asked):
    """Where the user returns to."""

    return_url: Page


class PageToOpen(BaseModel):
    """A page of the payment provider, for one user and a short time."""

    url: str


class Terms(BaseModel):
    """A plan and a status."""

    plan: str | None
    status: str | None


class PlanChange(BaseModel):
    """One change of plan or status, or an event that changed neither."""

    at: Moment
    by: str = Field(
        description="operator, stripe, clock, or the kind of an event that changed nothing, as `charge.refunded`"
    )
    event_id: str | None = Field(description="Of the payment provider's event that led to it")
    before: Terms | None
    after: Terms | None


class PlanChanges(BaseModel):
    """Changes, the newest first."""

    changes: list[PlanChange]
    next: str | None


@routes.post(f"{_PATH}/billing/checkout", needs=Needs.OWNER, answer=PageToOpen, action="billing.checkout")
def start_plan_checkout(call: Call, body: CheckoutWanted) -> dict[str, Any]:
    """Start paying for a plan: the address of the page on which the user does."""
    url = start_checkout(call.rt, call.org_slug, body.plan, body.success_url, body.cancel_url)
    return {"url": url}


@routes.post(f"{_PATH}/billing/portal", needs=Needs.OWNER, answer=PageToOpen, action="billing.portal")
def open_billing_portal(call: Call, body: PortalWanted) -> dict[str, Any]:
    """Change the plan or the card, see invoices, or end the subscription: the address of the page for it."""
    return {"url": open_portal(call.rt, call.org_slug, body.return_url)}


@routes.get(f"{_PATH}/billing/changes", needs=Needs.OWNER, answer=PlanChanges)
def list_changes_of_plan(call: Call, query: Paged) -> dict[str, Any]:
    """How the plan and the status changed, and by what, the newest first."""
    found = list_plan_changes(call.rt, call.org_slug)
    shown, after = page(found, lambda one: (one["at"], one["by"]), query)
    return {"changes": shown, "next": after}
