"""Organizations, for operators."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from common.tenancy.onboarding import onboard
from common.tenancy.organizations import list_organizations
from web.api.declare import Call, Needs, Routes
from web.api.keys import KeyWithSecret, with_secret
from web.api.shapes import Asked, Moment

routes = Routes("Organizations")
_PATH = "/api/v1/organizations"


class Organization(BaseModel):
    """An organization."""

    model_config = ConfigDict(extra="allow")

    org_slug: str
    name: str
    plan: str
    status: str = Field(description="TRIAL, ACTIVE, SUSPENDED, CANCELLED or EXPIRED")
    trial_ends_at: Moment | None


class Organizations(BaseModel):
    """Every organization, by slug."""

    organizations: list[Organization]


class Onboarding(Asked):
    """An organization to be added."""

    name: str = Field(min_length=1, max_length=200, description="Its display name")
    org_slug: str | None = Field(
        None,
        pattern=r"^[a-zA-Z0-9_]{3,50}$",
        description="Its name in paths and datasets; built from name and time by default",
    )
    plan: str = "Starter"


class Onboarded(KeyWithSecret):
    """A new organization with the owner's key."""

    organization: Organization


@routes.get(_PATH, needs=Needs.ROOT, answer=Organizations)
def list_all_organizations(call: Call) -> dict[str, Any]:
    """The organizations of the deployment, without their costs."""
    return {"organizations": [one.as_json() for one in list_organizations(call.rt)]}


@routes.post(_PATH, needs=Needs.ROOT, answer=Onboarded, status=201, secret=True, action="organization.create")
def onboard_organization(call: Call, body: Onboarding) -> dict[str, Any]:
    """Add an organization with its first key."""
    done = onboard(call.rt, body.name, body.org_slug, body.plan, call.caller.name)
    return {"organization": done.organization, **with_secret(done.key, call.rt.clock.now())}
