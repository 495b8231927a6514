"""`costwire retention [set]` and `costwire clean-up`: how long everything lives, and removing what is past its life."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer

from common.ports import Runtime
from common.records.sizes import in_words
from common.retention.cleaning import Cleaned, look
from common.retention.cleaning import clean_up as remove
from common.retention.lives import CLEAN_UP, kind_named, list_lives, set_life
from common.retention.planning import Going
from common.retention.requesting import request_if_due
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.output import AsJson, Org, console, print_json, progress, table
from costwire.tenant import tenant_of
from costwire.worker import deliver_due, subscribe_all

app = typer.Typer(invoke_without_command=True)


@app.callback()
def retention(context: typer.Context, org: Org = "default", as_json: AsJson = False) -> None:
    """Show how long everything is stored, and what always stays.

    Another life: costwire retention set KIND DAYS.  What is past its life goes with: costwire clean-up
    """
    if context.invoked_subcommand is None:
        _show(org, as_json)
    elif (org, as_json) != ("default", False):
        raise typer.BadParameter(f"give options after `{context.invoked_subcommand}`, not before it")


@app.command("set")
def set_days(
    kind: Annotated[str, typer.Argument(help="What, as `costwire retention` lists it.")],
    days: Annotated[int, typer.Argument(help="Its life in days.")],
    org: Org = "default",
) -> None:
    """Set how long a kind is stored, within its limits.  A shorter life takes effect at the next clean-up, and cannot be undone."""
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    set_life(rt, org, kind, days)
    console.print(f"{kind}: {days} days; costwire clean-up --dry-run shows what would go", soft_wrap=True)


def clean_up(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Remove what is past its life.  This cannot be undone; --dry-run shows it first.

    costwire watch does the same once a day, and so does the scheduler of a deployment; imports do it when many versions have piled up.
    What is shown, and what it is made of, always stays: costwire retention
    """
    rt = runtime()
    org = tenant_of(rt, org, writes=not dry_run)
    with progress("looking at what is stored", quiet=as_json) as say:
        found = look(rt, org) if dry_run else remove(rt, org, say)
    if as_json:
        print_json(_as_json(found, dry_run))
        return
    _print(found, dry_run)


def clean_up_if_due(rt: Runtime, org: str) -> None:
    """What a schedule would do, where none may be running; a failure is left to the next command."""
    if isinstance(rt, EmbeddedRuntime) and request_if_due(rt, org):
        subscribe_all(rt)
        deliver_due(rt, ["clean_up"])


def _show(org: str, as_json: bool) -> None:
    rt = runtime()
    lives = list_lives(rt, tenant_of(rt, org))
    if as_json:
        print_json([{"kind": one.name, "days": days, "least": one.least, "most": one.most} for one, days in lives])
        return
    shown = table("kind", "days", "limits", "what", "always stays", numbers=("days",))
    for kind, days in lives:
        limits = f"{kind.least} to {kind.most}" if kind.setting else "fixed"
        by = "" if kind.by == CLEAN_UP else f" (removed by: {kind.by})"
        shown.add_row(kind.name, str(days), limits, kind.what + by, kind.always or "nothing")
    console.print(shown)


def _print(found: Cleaned, dry_run: bool) -> None:
    shown = table("kind", "number", "files", "size", "what", numbers=("number", "files", "size"))
    for name, going in groupby(found.going, key=lambda one: one.kind):
        several = list(going)
        shown.add_row(
            name, f"{len(several):,}", f"{_files(several):,}", in_words(_bytes(several)), kind_named(name).what
        )
    verb = "would be removed" if dry_run else "removed"
    if found.going:
        console.print(shown)
        undo = "removing it cannot be undone" if dry_run else "this cannot be undone"
        console.print(f"{in_words(_bytes(found.going))} {verb}; {undo}", soft_wrap=True)
    else:
        console.print(
            "Nothing is past its life; costwire retention shows how long everything is stored.", soft_wrap=True
        )
    if found.left:
        console.print("The time was used up; the next clean-up removes the rest.")
    rest = ", ".join(f"{kind} {in_words(size.bytes)}" for kind, size in found.sizes.items() if size.files)
    console.print(f"stored {'now' if dry_run else 'still'}: {rest or 'nothing'}", soft_wrap=True)


def _files(going: Sequence[Going]) -> int:
    return sum(one.files for one in going)


def _bytes(going: Sequence[Going]) -> int:
    return sum(one.bytes for one in going)


def _as_json(found: Cleaned, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "removed": [dict(vars(one)) for one in found.going],
        "sizes": {kind: dict(vars(size)) for kind, size in found.sizes.items()},
        "left": found.left,
    }
