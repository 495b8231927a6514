"""Command `doctor`: faults of this installation, or of a deployment, each with its exact fix."""

from __future__ import annotations

from typing import Annotated

import typer

from common.ports.inspection import Finding
from common.reporting.health import look
from common.runtime.bootstrap import runtime
from costwire.output import AsJson, Org, console, print_json, styled, table
from costwire.tenant import looked_at

_SYMBOLS = {True: ("ok", "green"), False: ("no", "red"), None: ("?", "yellow")}


def doctor(
    integration: Annotated[str | None, typer.Option("--integration", help="Check only this integration.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Check everything that can be wrong, and show how to fix each fault; nothing is changed.

    Embedded: the state folder, messages that are stuck, every integration's location.  With COSTWIRE_RUNTIME=cloud: settings,
    credentials, every service of the deployment, permissions.  A check that was not possible is listed, and does not count as a fault.
    """
    rt = runtime()
    findings = list(look(rt, looked_at(rt, org), integration))
    if as_json:
        print_json([one.as_document() for one in findings])
    else:
        _print(findings)
    if any(one.well is False for one in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    """What was found; below it each fix once, on a line of its own, so that it can be copied."""
    shown = table("", "check", "found")
    for one in findings:
        shown.add_row(styled(*_SYMBOLS[one.well]), one.what, one.found)
    console.print(shown)
    about: dict[str, list[str]] = {}
    for one in sorted(findings, key=lambda one: one.well is None):
        if one.fix:
            about.setdefault(one.fix, []).append(one.what)
    for fix, things in about.items():
        more = f" and {len(things) - 3} more" if len(things) > 3 else ""
        console.line()
        console.print(styled(f"{', '.join(things[:3])}{more}:", "dim"), soft_wrap=True)
        console.print(f"  {fix}", soft_wrap=True)
