"""`costwire deliveries [withdraw|restore]`: what came in, and taking back what should not have."""

from __future__ import annotations

from typing import Annotated

import typer

from common.ingestion.requesting import Requested
from common.normalization import withdrawing
from common.normalization.withdrawing import Withdrawn
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.listings import Integration, Period, print_deliveries
from costwire.output import AsJson, Org, console, print_json, progress
from costwire.run_report import report
from costwire.tenant import tenant_of
from costwire.waiting import wait
from costwire.worker import subscribe_all, work

app = typer.Typer(invoke_without_command=True)
DeliveryId = Annotated[
    str, typer.Argument(help="The delivery's id, as `costwire deliveries` shows it, or how it begins.")
]


@app.callback()
def deliveries(
    context: typer.Context,
    integration: Integration = None,
    period: Period = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first: state, rows, and the proof of the total.

    A wrong bill is taken back with: costwire deliveries withdraw ID
    """
    if context.invoked_subcommand is None:
        print_deliveries(org, integration, period, as_json)
    elif (integration, period, org, as_json) != (None, None, "default", False):
        raise typer.BadParameter(f"give options after `{context.invoked_subcommand}`, not before it")


@app.command("withdraw")
def withdraw(delivery: DeliveryId, org: Org = "default", as_json: AsJson = False) -> None:
    """Take a delivery back: costs are what they would be without it, so an earlier version is shown again.

    Its files stay for their life (costwire retention).  Fetching it again does not bring it back; costwire deliveries restore ID does.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    done = withdrawing.withdraw(rt, org, delivery)
    with progress("showing what is left", quiet=as_json) as say:
        if done.run_id:
            wait(rt, Requested(org, (done.run_id,)), say)
        elif isinstance(rt, EmbeddedRuntime):
            for outcome in work(rt, waiting=say):  # budgets are evaluated
                say(outcome.delivery.subscription)
    if as_json:
        document = {"withdrawn": done.delivery.as_document(), "shown": done.shown.delivery_id if done.shown else None}
        print_json({**document, "run_id": done.run_id})
        return
    console.print(f"{done.delivery.delivery_id} is withdrawn; {_instead(done)}", soft_wrap=True)
    console.print(f"to undo: costwire deliveries restore {done.delivery.delivery_id}", soft_wrap=True)


@app.command("restore")
def restore(delivery: DeliveryId, org: Org = "default", as_json: AsJson = False) -> None:
    """Let a withdrawn delivery count again."""
    rt = runtime()
    org = tenant_of(rt, org)
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    run_id = withdrawing.restore(rt, org, delivery)
    if run_id is not None:
        report(rt, Requested(org, (run_id,)), as_json)
        return
    words = "its files were removed at the end of their life; it counts again once the same bill is fetched: costwire sync, or import"
    if as_json:
        print_json({"restored": delivery, "run_id": None, "note": words})
    else:
        console.print(f"{delivery} is not withdrawn any more; {words}", soft_wrap=True)


def _instead(done: Withdrawn) -> str:
    name = f"{done.delivery.integration_id} {done.delivery.billing_period}".strip()
    if not done.changed:
        return f"it was not shown, so the costs of {name} are as before"
    if done.run_id:
        return f"{name} is shown without it"
    return f"{name} is {done.shown.delivery_id} again" if done.shown else f"{name} has no costs now"
