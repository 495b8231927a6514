"""Channels: where an organization's notifications go."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.domain.channels import MOST_RECIPIENTS
from common.tenancy import channels
from common.tenancy.channels import ChannelRequest
from web.api.declare import Call, Needs, Routes
from web.api.paging import Paged, page
from web.api.shapes import Asked, Moment

routes = Routes("Channels")
_PATH = "/api/v1/organizations/{org}/channels"
ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="The channel's name")]


class Channel(BaseModel):
    """A channel; of a webhook only where it leads."""

    name: str
    kind: str = Field(description="email or slack")
    recipients: list[str] = Field(description="Mail addresses")
    is_default: bool = Field(description="Whether it gets alerts that name no channel")
    endpoint: str | None = Field(description="The host of a webhook; null for mail")
    fingerprint: str | None = Field(description="Of a webhook's address: equal for equal ones")
    created_at: Moment
    updated_at: Moment
    created_by: str
    budgets: list[str] = Field(description="Names of the budgets that name it")


class Channels(BaseModel):
    """Channels, by name."""

    channels: list[Channel]
    next: str | None


class MailChannelWanted(Asked):
    """Mail addresses under a name."""

    name: ChannelName
    recipients: list[Annotated[str, Field(min_length=1, max_length=254)]] = Field(
        min_length=1, max_length=MOST_RECIPIENTS
    )
    is_default: bool | None = Field(
        None, description="Whether it gets alerts that name no channel; by default it does, or stays as it is"
    )
    replace: bool = Field(False, description="Give an existing channel these addresses instead")


class ChannelRemoval(Asked):
    """Whether it may be in use."""

    force: bool = Field(False, description="Remove it even if budgets name it; their alerts go to the default channels")


@routes.get(_PATH, needs=Needs.EDITOR, answer=Channels)
def list_all_channels(call: Call, query: Paged) -> dict[str, Any]:
    """The channels, by name: where each leads, and which budgets name it; no webhook's address."""
    found = channels.list_channels(call.rt, call.org_slug)
    shown, after = page(found, lambda one: (one.name,), query, descending=False)
    return {"channels": [one.as_json() for one in shown], "next": after}


@routes.post(_PATH, needs=Needs.OWNER, answer=Channel, status=201, action="channel.create")
def add_mail_channel(call: Call, body: MailChannelWanted) -> dict[str, Any]:
    """Add a channel of mail addresses; one of Slack is added by command, as the API's account may not encrypt its webhook."""
    wanted = ChannelRequest(
        call.org_slug,
        body.name,
        recipients=tuple(body.recipients),
        is_default=body.is_default,
        replaces=body.replace,
        requested_by=call.caller.name,
    )
    return channels.add_channel(call.rt, wanted).as_json()


@routes.delete(f"{_PATH}/{{channel}}", needs=Needs.OWNER, answer=Channel, action="channel.remove")
def remove_channel(call: Call, channel: ChannelName, query: ChannelRemoval) -> dict[str, Any]:
    """Remove a channel and erase its webhook; refused while budgets name it, unless forced."""
    return channels.remove_channel(call.rt, call.org_slug, channel, query.force).as_json()
