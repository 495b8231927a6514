"""Settings, members: who may sign in, with which role, and how many seats that takes."""

from __future__ import annotations

from pydantic import Field

from common.domain.api_keys import Role
from common.domain.members import InvalidMember, State
from common.errors import Permanent
from common.tenancy import members
from common.tenancy.members import Invitation, Invited
from web.api.shapes import Asked
from web.pages.screen import Call, Goto, Needs, Screen, Screens, read_form

screens = Screens()


class InviteForm(Asked):
    """Somebody to be invited."""

    email: str = Field("", max_length=300)
    name: str = Field("", max_length=200)
    role: Role = Role.VIEWER


class RoleForm(Asked):
    """Another role."""

    role: Role


@screens.get("/{org}/settings/members", needs=Needs.OWNER)
def all_members(call: Call) -> Screen:
    """Everybody who may sign in."""
    return _members(call)


@screens.post("/{org}/settings/members", needs=Needs.OWNER, action="member.invite")
def invite(call: Call) -> Screen:
    """Invite somebody; this page is the only one that shows the link."""
    form = read_form(InviteForm)
    try:
        invitation = Invitation(form.email, form.role, form.name)
        return _members(call, members.invite(call.rt, call.org_slug, invitation, call.caller.name))
    except (InvalidMember, Permanent) as error:
        return _members(call, fault=str(error), typed=form)


@screens.post("/{org}/settings/members/{member_id}/role", needs=Needs.OWNER, action="member.change")
def change_role(call: Call, member_id: str) -> Goto | Screen:
    """Give a member another role."""
    form = read_form(RoleForm)
    try:
        members.change_role(call.rt, call.org_slug, member_id, form.role)
    except Permanent as error:
        return _members(call, fault=str(error))
    return Goto(f"/{call.org_slug}/settings/members")


@screens.post("/{org}/settings/members/{member_id}/remove", needs=Needs.OWNER, action="member.remove")
def remove(call: Call, member_id: str) -> Goto | Screen:
    """Remove a member, or withdraw an invitation."""
    try:
        members.remove_member(call.rt, call.org_slug, member_id)
    except Permanent as error:
        return _members(call, fault=str(error))
    return Goto(f"/{call.org_slug}/settings/members")


def _members(
    call: Call, made: Invited | None = None, fault: str | None = None, typed: InviteForm | None = None
) -> Screen:
    now = call.rt.clock.now()
    context = {
        "tab": "members",
        "members": [(one, one.shown_state(now)) for one in members.list_members(call.rt, call.org_slug)],
        "seats": members.seats_of(call.rt, call.org_slug),
        "roles": list(Role),
        "active": State.ACTIVE.value,
        "made": made,
        "link": members.invitation_address(call.rt, made.token) if made else None,
        "fault": fault,
        "typed": typed or InviteForm(),
    }
    return Screen(
        "settings_members.html", "Members", "settings", context, 400 if fault else 200, secret=made is not None
    )
