"""Integrations: where bills come from."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.ingestion.connecting import Connection, connect, look_at
from common.ingestion.permissions import permissions_for
from common.reporting.integrations import list_integrations, show_integration
from common.tenancy import integrations
from common.tenancy.node_splits import set_split
from web.api.declare import CHANGES_NOTHING, Call, Routes
from web.api.paging import Paged, page
from web.api.shapes import Asked, NoArguments

routes = Routes("Integrations")
_PATH = "/api/v1/integrations/{org}"
IntegrationId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="The integration's id")]
Provider = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$", description="aws, azure, gcp, oci or focus")]


class Integration(BaseModel):
    """An integration, without its credential."""

    model_config = ConfigDict(extra="allow")

    integration_id: str
    provider: str
    status: str = Field(description="pending, validating, active, error or disabled")
    error_message: str | None = None
    has_credential: bool | None = Field(None, description="Whether one is stored, encrypted")


class Integrations(BaseModel):
    """Integrations, by id."""

    integrations: list[Integration]
    next: str | None


class Setup(Asked):
    """Where a provider leaves its bills, and what opens the place."""

    location: str = Field(
        min_length=1, max_length=2000, description="gs://bucket/folder, s3://, az://, oci:// or bq://"
    )
    integration_id: IntegrationId | None = None
    credential: dict[str, Any] | str | None = Field(
        None, description="As the provider writes it: an object, or text.  It is stored encrypted and never shown"
    )
    allow_overlap: bool = Field(
        False, description="Show it even where another integration shows the same billing account"
    )


class Validated(BaseModel):
    """What was found; nothing is stored."""

    location: str
    files: int
    waiting: str | None = Field(description="Why nothing lies there yet")


class PermissionsFor(Asked):
    """Where a provider leaves its bills."""

    location: str = Field(min_length=1, max_length=2000, description="s3://, az://, gs:// or bq://")
    integration_id: IntegrationId | None = Field(None, description="The provider's name by default; it need not exist")


class NeededPermissions(BaseModel):
    """What to create in the customer's account, to copy."""

    external_id: str = Field(description="Made for the integration when it is first asked for; it never changes")
    grants: dict[str, Any] = Field(description="Name -> a policy as JSON, or commands as text")
    example: str = Field(description="A credential that fits them, for the setup of the integration")


class NodeSplit(Asked):
    """Whether charges for a cluster's nodes are split."""

    split_nodes: bool = Field(
        description="Among what ran on them, by its allocations; false shows them whole.  Totals of bills stay the same"
    )


class IntegrationRemoved(BaseModel):
    """An integration that is gone; what it delivered stays."""

    integration_id: str
    deliveries: int = Field(description="How many of its deliveries still count")


@routes.get(_PATH, answer=Integrations)
def list_all_integrations(call: Call, query: Paged) -> dict[str, Any]:
    """The integrations, by id."""
    found = list_integrations(call.rt, call.org_slug)
    shown, after = page(found, lambda one: (one.integration_id,), query, descending=False)
    return {"integrations": [one.as_json() for one in shown], "next": after}


@routes.get(f"{_PATH}/{{integration_id}}", answer=Integration)
def get_integration(call: Call, integration_id: IntegrationId) -> dict[str, Any]:
    """One integration."""
    return show_integration(call.rt, call.org_slug, integration_id).as_json()


@routes.post(f"{_PATH}/{{provider}}/validate", answer=Validated, action=CHANGES_NOTHING)
def validate_integration(call: Call, provider: Provider, body: Setup) -> dict[str, Any]:
    """Check that a location can be read; nothing is stored."""
    seen = look_at(call.rt, _connection(call, provider, body))
    return {"location": seen.uri, "files": seen.files, "waiting": seen.waiting}


@routes.post(f"{_PATH}/{{provider}}/permissions", answer=NeededPermissions, action=CHANGES_NOTHING)
def show_needed_permissions(call: Call, provider: Provider, body: PermissionsFor) -> dict[str, Any]:
    """What lets Costwire's own identity read a location without a key: of AWS, Azure and Google Cloud."""
    found = permissions_for(call.rt, call.org_slug, provider, body.location, body.integration_id)
    return {"external_id": found.external_id, "grants": dict(found.grants), "example": found.example}


@routes.post(f"{_PATH}/{{provider}}/setup", answer=Integration, status=201, action="integration.connect")
def set_up_integration(call: Call, provider: Provider, body: Setup) -> dict[str, Any]:
    """Check a location, then store the integration and its credential; its bills are fetched by the schedule."""
    connected = connect(call.rt, _connection(call, provider, body))
    return show_integration(call.rt, call.org_slug, connected.integration_id).as_json()


@routes.patch(f"{_PATH}/{{integration_id}}", answer=Integration, action="integration.change")
def change_integration(call: Call, integration_id: IntegrationId, body: NodeSplit) -> dict[str, Any]:
    """Split the charges for a cluster's nodes in all bills, or show them whole again."""
    set_split(call.rt, call.org_slug, integration_id, body.split_nodes, call.caller.name)
    return show_integration(call.rt, call.org_slug, integration_id).as_json()


@routes.delete(f"{_PATH}/{{integration_id}}", answer=IntegrationRemoved, action="integration.remove")
def remove_integration(call: Call, integration_id: IntegrationId) -> dict[str, Any]:
    """Erase an integration's credential and forget the integration; its costs stay."""
    left = integrations.remove(call.rt, call.org_slug, integration_id)
    return {"integration_id": integration_id, "deliveries": left}


@routes.post(f"{_PATH}/{{integration_id}}/pause", answer=Integration, action="integration.pause")
def pause_integration(call: Call, integration_id: IntegrationId, body: NoArguments) -> dict[str, Any]:
    """Fetch nothing more until it is resumed; its costs stay.  Again changes nothing."""
    integrations.pause(call.rt, call.org_slug, integration_id, call.caller.name)
    return show_integration(call.rt, call.org_slug, integration_id).as_json()


@routes.post(f"{_PATH}/{{integration_id}}/resume", answer=Integration, action="integration.resume")
def resume_integration(call: Call, integration_id: IntegrationId, body: NoArguments) -> dict[str, Any]:
    """Fetch its bills again.  Again changes nothing."""
    integrations.resume(call.rt, call.org_slug, integration_id, call.caller.name)
    return show_integration(call.rt, call.org_slug, integration_id).as_json()


def _connection(call: Call, provider: str, body: Setup) -> Connection:
    given = body.credential
    secret = None if given is None else (given if isinstance(given, str) else json.dumps(given)).encode()
    by = call.caller.name
    return Connection(call.org_slug, provider, body.location, body.integration_id, secret, by, body.allow_overlap)
