"""Command `job`: run one of the platform's jobs now."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import CostError
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from common.tenancy.asked_jobs import ALL_JOBS
from common.tenancy.jobs import run_job
from costwire.output import AsJson, console, print_json, progress, table
from costwire.worker import subscribe_here, work


def job(
    name: Annotated[str | None, typer.Argument(help="The job; without one, all are listed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run one of the platform's jobs now, or list them.  A job may run at any time, and any number of times."""
    if name is None:
        _list(as_json)
        return
    rt = runtime()
    subscribe_here(rt)
    ran = run_job(rt, name, ALL_JOBS)
    failed = []
    if isinstance(rt, EmbeddedRuntime) and ran.job.by_message:
        with progress(name, quiet=as_json) as say:
            failed = [one.error for one in work(rt, waiting=say) if one.final and one.error]
    if as_json:
        print_json({"job": name, "done": list(ran.done), "failed": failed})
    else:
        for line in ran.done or (f"{name}: there was nothing to do",):
            console.print(line, soft_wrap=True)
    if failed:
        raise CostError(failed[0])


def _list(as_json: bool) -> None:
    if as_json:
        print_json([{"job": one.name, "what": one.what, "when": one.when} for one in ALL_JOBS.values()])
        return
    made = table("job", "what it does", "when it runs")
    for one in ALL_JOBS.values():
        made.add_row(one.name, one.what, one.when)
    console.print(made)
