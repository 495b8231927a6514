"""Command `schedule`: how often an organization's bills are fetched."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import BadConfiguration
from common.ports import Runtime
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from common.tenancy import schedules
from costwire.output import AsJson, Org, console, print_json
from costwire.tenant import tenant_of


def schedule(
    every_hours: Annotated[
        int | None,
        typer.Option("--every-hours", help=f"Fetch this often: {', '.join(map(str, schedules.HOURS))}."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Fetch only on request.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show or set how often an organization's bills are fetched."""
    if off and every_hours is not None:
        raise typer.BadParameter("--off and --every-hours contradict each other, expected one of them")
    if every_hours is not None and every_hours not in schedules.HOURS:
        raise typer.BadParameter(f"{every_hours} hours, expected one of {', '.join(map(str, schedules.HOURS))}")
    rt = runtime()
    sets = off or every_hours is not None
    org = tenant_of(rt, org, writes=sets)
    if sets:
        schedules.set_sync_interval(rt, org, schedules.OFF if off else int(every_hours or 0))
    _show(rt, org, as_json)


def _show(rt: Runtime, org: str, as_json: bool) -> None:
    """What the settings say, and whether the scheduler does it."""
    shown = schedules.shown_sync_schedule(rt, org)
    hours = shown.hours
    if as_json:
        print_json(shown.as_json())
    elif hours == schedules.OFF:
        console.print(f"{org}: bills are fetched only on request: costwire sync")
    elif shown.cron is None:
        console.print(f"{org}: nothing is scheduled yet; costwire connect does it, or --every-hours {hours}")
    else:
        often = "every hour" if hours == 1 else f"every {hours} hours"
        console.print(f"{org}: bills are fetched {often} ({shown.cron}, UTC)")
        if isinstance(rt, EmbeddedRuntime):
            console.print("costwire watch does it while it runs")
    wanted = shown.expected_cron
    if shown.cron and shown.cron != wanted:
        fix = f"--every-hours {hours}" if wanted else "--off"
        raise BadConfiguration(
            f"the scheduler runs at {shown.cron}, the settings say {wanted or 'never'}; costwire schedule {fix} fixes it"
        )
