"""`costwire meters import|list|keys`: logs of your own meter, and which key of a provider each of its keys is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.match.alarm import check
from common.match.importing import import_log, list_logs, set_keys
from common.match.meters import mapped
from common.records.meter_files import KEY_COLUMNS
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from common.warehouse.cost_report import Days
from costwire.arguments import read_table
from costwire.output import AsJson, Org, console, print_json, table
from costwire.tenant import tenant_of
from costwire.worker import deliver_due, subscribe_here

app = typer.Typer(help="Bring in logs of calls of models, to compare them with bills.", no_args_is_help=True)


@app.command("import")
def import_meter(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Logs: LiteLLM spend logs, OpenTelemetry GenAI spans, Langfuse observations, or any CSV file."
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="Of a CSV file of your own: field=column, such as model=model_name; repeat it."),
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="Whose calls they are, where the log does not say it.")
    ] = None,
    org: Org = "default",
) -> None:
    """Store logs of calls; the same file again changes nothing, and a call that stands in several files counts once."""
    named = dict(_pair(one) for one in columns or ())
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    subscribe_here(rt)
    for path in paths:
        made, is_new = import_log(rt, org, path, mapped(named) if named else None, provider)
        said = f"{made.calls:,} calls of {made.first_day} to {made.last_day} ({made.meter})"
        if made.left_out:
            said += f", {made.left_out:,} lines are not calls of a provider"
        if made.unreadable:
            said += f", {made.unreadable:,} lines cannot be read"
        console.print(f"{path.name}: {said}{'' if is_new else '; known already'}", soft_wrap=True)
        check(rt, org, Days(made.first_day, made.last_day))
    if isinstance(rt, EmbeddedRuntime):
        deliver_due(rt, ["send_notifications"])


@app.command("list")
def list_meters(org: Org = "default", as_json: AsJson = False) -> None:
    """List the logs that were imported."""
    rt = runtime()
    found = list_logs(rt, tenant_of(rt, org))
    if as_json:
        print_json([one.as_document() for one in found])
        return
    if not found:
        console.print("No logs yet. Bring one in with: costwire meters import LOG")
        return
    numbers = ("calls", "unreadable")
    shown = table("file", "meter", "first day", "last day", *numbers, numbers=numbers)
    for one in found:
        shown.add_row(
            one.name, one.meter, f"{one.first_day}", f"{one.last_day}", f"{one.calls:,}", f"{one.unreadable:,}"
        )
    console.print(shown)


@app.command("keys")
def set_meter_keys(
    path: Annotated[Path, typer.Argument(help=f"A CSV file with the columns {', '.join(KEY_COLUMNS)}.")],
    org: Org = "default",
) -> None:
    """Replace the table that gives each key of a meter the provider's id of that key."""
    text = read_table(path, KEY_COLUMNS)
    rt = runtime()
    count = set_keys(rt, tenant_of(rt, org, writes=True), text)
    console.print(f"{count} keys are stored")


def _pair(text: str) -> tuple[str, str]:
    name, sign, column = text.partition("=")
    if not sign or not name.strip() or not column.strip():
        raise typer.BadParameter(f"--column is '{text}', expected field=column, such as model=model_name")
    return name.strip(), column.strip()
