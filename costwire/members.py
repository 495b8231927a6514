"""`costwire members list|invite|role|remove`: who may sign in to an organization."""

from __future__ import annotations

from typing import Annotated

import typer

from common.domain.api_keys import Role, read_role
from common.domain.members import State
from common.runtime.bootstrap import runtime
from common.tenancy import members
from common.tenancy.members import Invitation
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, print_json, table
from costwire.tenant import tenant_of

app = typer.Typer(help="Manage who may sign in to an organization's dashboard.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(help="The member's mail address, or a unique prefix of its id.")]
_BY = "command line"


@app.command("list")
def list_members(org: Org = "default", as_json: AsJson = False) -> None:
    """List members and invitations with the seats that they take."""
    rt = runtime()
    org, now = tenant_of(rt, org), rt.clock.now()
    found, seats = members.list_members(rt, org), members.seats_of(rt, org)
    if as_json:
        print_json({"members": [one.as_json(now) for one in found], "seats": seats.as_json()})
        return
    if not found:
        console.print("No members. costwire members invite ADDRESS invites one.")
        return
    made = table("member", "address", "name", "role", "state", "last sign-in")
    for one in found:
        seen = f"{one.last_sign_in_at:%Y-%m-%d %H:%M}" if one.last_sign_in_at else "never"
        made.add_row(one.member_id[:8], one.email, one.name, one.role.value, one.shown_state(now), seen)
    console.print(made)
    console.print(f"seats: {seats.used}{f' of {seats.limit}' if seats.limit is not None else ''}")


@app.command("invite")
def invite_member(
    email: Annotated[str, typer.Argument(help="The mail address of whoever is invited.")],
    role: Annotated[
        str, typer.Option("--role", help=f"{', '.join(Role)}: what the member may do.")
    ] = Role.VIEWER.value,
    name: Annotated[
        str, typer.Option("--name", help="What the member is called; as the provider says by default.")
    ] = "",
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Invite somebody, or again with a new link; it is shown once and stored nowhere."""
    rt = runtime()
    with usage_errors():
        invitation = Invitation(email, read_role(role), name)
    made = members.invite(rt, tenant_of(rt, org, writes=True), invitation, _BY)
    link = members.invitation_address(rt, made.token)
    if as_json:
        print_json({"member": made.member.as_json(made.member.invited_at), "token": made.token, "link": link})
        return
    console.print(
        f"{made.member.email} is invited as {made.member.role}; the invitation ends in 7 days:", soft_wrap=True
    )
    console.print(link or made.token, soft_wrap=True)
    if link is None:
        console.print("COSTWIRE_PUBLIC_URL is not set: add the token to the address of sign-in as ?invitation=TOKEN")
    console.print("pass it on now: it is not shown again", soft_wrap=True)


@app.command("role")
def change_role(
    who: Who,
    role: Annotated[str, typer.Argument(help=f"{', '.join(Role)}.")],
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Give a member another role; the member signs in again."""
    rt = runtime()
    with usage_errors():
        wanted = read_role(role)
    found = members.change_role(rt, tenant_of(rt, org), who, wanted)
    if as_json:
        print_json(found.as_json(rt.clock.now()))
    else:
        console.print(f"{found.email} is {found.role} now", soft_wrap=True)


@app.command("remove")
def remove_member(who: Who, org: Org = "default", as_json: AsJson = False) -> None:
    """Remove a member, or withdraw an invitation; it ends at once."""
    rt = runtime()
    found = members.remove_member(rt, tenant_of(rt, org), who)
    if as_json:
        print_json(found.as_json(rt.clock.now()))
    else:
        console.print(f"{found.email} is {State.REMOVED.value}", soft_wrap=True)
