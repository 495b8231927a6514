"""Members of an organization and their invitations, for its owners."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.domain.api_keys import Role
from common.tenancy import members
from common.tenancy.members import Invitation
from web.api.declare import Call, Needs, Routes
from web.api.shapes import Asked, Moment

routes = Routes("Members")
_PATH = "/api/v1/organizations/{org}/members"
MemberId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$", description="The member's id")]


class Member(BaseModel):
    """Somebody who may sign in, or is invited to."""

    member_id: str
    email: str
    name: str
    role: Role
    state: str = Field(description="invited, expired (an invitation that nobody took), active or removed")
    invited_at: Moment
    invited_by: str
    invitation_expires_at: Moment | None
    joined_at: Moment | None
    last_sign_in_at: Moment | None
    removed_at: Moment | None


class SeatsUsed(BaseModel):
    """Seats of members and of open invitations."""

    used: int
    limit: int | None = Field(description="What the plan allows; null: as many as wanted")


class Members(BaseModel):
    """Everybody, by address, without those who were removed."""

    members: list[Member]
    seats: SeatsUsed


class Invited(BaseModel):
    """A new invitation."""

    member: Member
    token: str = Field(description="What joins, once, within 7 days.  It is shown once and stored nowhere")
    link: str | None = Field(description="The address to pass on; null where the deployment has no sign-in")


class InvitationWanted(Asked):
    """Somebody to be invited."""

    email: str = Field(min_length=3, max_length=254)
    role: Role = Role.VIEWER
    name: str = Field("", max_length=100)


class RoleWanted(Asked):
    """Another role."""

    role: Role


@routes.get(_PATH, needs=Needs.OWNER, answer=Members)
def list_all_members(call: Call) -> dict[str, Any]:
    """Members and open invitations, with the seats that they take."""
    now = call.rt.clock.now()
    found = members.list_members(call.rt, call.org_slug)
    return {
        "members": [one.as_json(now) for one in found],
        "seats": members.seats_of(call.rt, call.org_slug).as_json(),
    }


@routes.post(_PATH, needs=Needs.OWNER, answer=Invited, status=201, secret=True, action="member.invite")
def invite_member(call: Call, body: InvitationWanted) -> dict[str, Any]:
    """Invite somebody, or again with a new token; the answer is the only place that shows it."""
    invitation = Invitation(body.email, body.role, body.name)
    made = members.invite(call.rt, call.org_slug, invitation, call.caller.name)
    link = members.invitation_address(call.rt, made.token)
    return {"member": made.member.as_json(call.rt.clock.now()), "token": made.token, "link": link}


@routes.patch(f"{_PATH}/{{member_id}}", needs=Needs.OWNER, answer=Member, action="member.change")
def change_member(call: Call, member_id: MemberId, body: RoleWanted) -> dict[str, Any]:
    """Give a member another role; the last owner stays one."""
    return members.change_role(call.rt, call.org_slug, member_id, body.role).as_json(call.rt.clock.now())


@routes.delete(f"{_PATH}/{{member_id}}", needs=Needs.OWNER, answer=Member, action="member.remove")
def remove_one_member(call: Call, member_id: MemberId) -> dict[str, Any]:
    """Remove a member, or withdraw an invitation; the sessions here end at once.  Again changes nothing."""
    return members.remove_member(call.rt, call.org_slug, member_id).as_json(call.rt.clock.now())
