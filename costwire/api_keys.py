"""`costwire api-keys add|list|rotate|revoke`: the keys that open the HTTP API to an organization."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from common.domain.api_keys import Role, read_role
from common.runtime.bootstrap import runtime
from common.tenancy import api_keys
from common.tenancy.api_keys import KeyRequest, NewKey
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, print_json, table
from costwire.tenant import tenant_of

app = typer.Typer(help="Manage the keys that open the HTTP API to an organization.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id, or a unique prefix of it.")]
_BY = "command line"
_SPAN = re.compile(r"(\d{1,3})([hd])")
_UNITS = {"h": "hours", "d": "days"}


@app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[str, typer.Option("--role", help=f"{', '.join(Role)}: what it may do.")] = Role.VIEWER.value,
    expires: Annotated[str | None, typer.Option("--expires", help="When it ends: 12h, 90d; never by default.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key and show it; it is shown once and stored nowhere."""
    rt = runtime()
    lives = _span(expires, "--expires") if expires else None
    with usage_errors():
        request = KeyRequest(name, read_role(role), rt.clock.now() + lives if lives is not None else None)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        made = api_keys.create_key(rt, org, request, _BY)
    _show(made, as_json)


@app.command("list")
def list_keys(org: Org = "default", as_json: AsJson = False) -> None:
    """List keys, the newest first, without the keys themselves."""
    rt = runtime()
    now = rt.clock.now()
    found = api_keys.list_keys(rt, tenant_of(rt, org))
    if as_json:
        print_json([one.as_json(now) for one in found])
        return
    if not found:
        console.print("No keys. costwire api-keys add NAME makes one.")
        return
    made = table("key", "name", "role", "state", "ends with", "last used", "expires")
    for one in found:
        used = f"{one.last_used_at:%Y-%m-%d %H:00}" if one.last_used_at else "never"
        expires = f"{one.expires_at:%Y-%m-%d %H:%M}" if one.expires_at else "never"
        made.add_row(one.key_id, one.name, one.role.value, one.state(now), one.fingerprint, used, expires)
    console.print(made)


@app.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option("--overlap", help="How long the old key still works: 12h, 7d.")] = "1d",
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key like this one, which ends after the overlap."""
    rt = runtime()
    with usage_errors():
        made = api_keys.rotate_key(rt, tenant_of(rt, org), key_id, _span(overlap, "--overlap"), _BY)
    _show(made, as_json)


@app.command("revoke")
def revoke_key(key_id: KeyId, org: Org = "default", as_json: AsJson = False) -> None:
    """End a key now."""
    rt = runtime()
    found = api_keys.revoke_key(rt, tenant_of(rt, org), key_id)
    if as_json:
        print_json(found.as_json(rt.clock.now()))
    else:
        console.print(f"key {found.key_id} ({found.name}) is revoked", soft_wrap=True)


def _show(made: NewKey, as_json: bool) -> None:
    if as_json:
        print_json({"key": made.key.as_json(made.key.created_at), "secret": made.secret})
        return
    console.print(f"key {made.key.key_id} ({made.key.name}), {made.key.role}:", soft_wrap=True)
    console.print(made.secret, soft_wrap=True)
    console.print("store it now: it is not shown again", soft_wrap=True)


def _span(text: str, option: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{option} is '{text}', expected a number and h or d, as in 90d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
