"""`costwire apply -f FILE`: make organizations, integrations and budgets what a file declares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from common.declared.applying import apply_plan
from common.declared.planning import Action, Difference, Plan, Step, make_plan
from common.declared.reading import read_declaration
from common.errors import BadConfiguration
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.output import AsJson, console, joined, print_json, styled
from costwire.worker import deliver_due, subscribe_all

_STYLES = {Action.CREATE: "green", Action.CHANGE: "yellow", Action.REMOVE: "red", Action.REFUSED: "red"}
_COUNTED = {
    Action.CREATE: "to create",
    Action.CHANGE: "to change",
    Action.REMOVE: "to remove",
    Action.REFUSED: "not possible",
    Action.UNCHANGED: "unchanged",
}


def apply(
    file: Annotated[
        Path, typer.Option("-f", "--file", help="TOML file that declares organizations, integrations and budgets.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Remove the budgets that the file does not declare, of organizations that it names."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make organizations, integrations and budgets what a file declares, after showing what would change.

    Applying a file twice changes nothing the second time.  Nothing is removed without --prune, which removes budgets only.
    Credentials are stored by costwire connect, never by this file.
    """
    declaration = read_declaration(file)
    rt = runtime()
    plan = make_plan(rt, declaration, prune)
    if not as_json:
        _print_plan(plan)
    plan.check()
    if dry_run or not plan.to_do:
        if as_json:
            print_json({**plan.as_json(), "applied": False})
        return
    if not yes:
        _confirm(plan, as_json)
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    done = apply_plan(rt, plan, "command line", (lambda step: None) if as_json else _say_done)
    if isinstance(rt, EmbeddedRuntime):
        deliver_due(rt, ["send_notifications"])
    if as_json:
        print_json({**plan.as_json(), "applied": True})
    else:
        console.print(f"Applied: {len(done)} of {len(plan.to_do)} changes.")


def _confirm(plan: Plan, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise BadConfiguration(
            f"applying {len(plan.to_do)} changes needs a confirmation; give --yes, or --dry-run to see the plan only"
        )
    typer.confirm("Apply these changes?", abort=True)


def _print_plan(plan: Plan) -> None:
    """Removals first, since they cannot be undone; what stays as it is is counted."""
    removed = [one for one in plan.to_do if one.action == Action.REMOVE]
    for step in (*removed, *(one for one in plan.to_do if one.action != Action.REMOVE)):
        console.print(joined(styled(f"{step.action:<8}", _STYLES[step.action]), str(step)), soft_wrap=True)
        for one in step.differences:
            console.print(f"           {_words(step, one)}", soft_wrap=True)
    for warning in plan.warnings:
        console.print(joined(styled("warning:", "yellow"), f" {warning}"), soft_wrap=True)
    counts = {action: sum(one.action == action for one in plan.steps) for action in _COUNTED}
    said = ", ".join(f"{count} {_COUNTED[action]}" for action, count in counts.items() if count)
    console.print(f"Plan: {said or 'the file declares nothing'}.")


def _words(step: Step, one: Difference) -> str:
    impossible = " (not possible)" if one.obstacle else ""
    if step.action == Action.CREATE or one.old == one.new:
        return f"{one.field}: {one.new}{impossible}"
    return f"{one.field}: {one.old or 'nothing'} -> {one.new or 'nothing'}{impossible}"


def _say_done(step: Step) -> None:
    console.print(joined(styled("done ", "green"), f"{step.action} {step}"), soft_wrap=True)
