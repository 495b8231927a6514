"""`costwire prices set|list`: what an organization has agreed on for models, instead of list prices."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from common.domain.money import plain
from common.records.contract_prices import COLUMNS
from common.runtime.bootstrap import runtime
from common.tenancy import prices as keeping
from costwire.arguments import read_table
from costwire.output import AsJson, Org, console, print_json, table
from costwire.tenant import tenant_of

app = typer.Typer(help="Set and list your own prices of models.", no_args_is_help=True)


@app.command("set")
def set_prices(
    path: Annotated[Path, typer.Argument(help=f"A CSV file with the columns {', '.join(COLUMNS)}.")],
    org: Org = "default",
) -> None:
    """Replace the organization's own prices with those of a file; they apply to bills delivered from now on."""
    text = read_table(path, COLUMNS)
    rt = runtime()
    count = keeping.set_prices(rt, tenant_of(rt, org, writes=True), text)
    console.print(f"{count} prices are stored; they apply to bills delivered from now on")


@app.command("list")
def list_prices(org: Org = "default", as_json: AsJson = False) -> None:
    """Show the organization's own prices."""
    rt = runtime()
    found = keeping.list_prices(rt, tenant_of(rt, org))
    if as_json:
        print_json([keeping.price_as_json(one) for one in found])
        return
    if not found:
        console.print("No prices of your own yet. Store some with: costwire prices set prices.csv")
        return
    shown = table("provider", "model", "tokens", "tier", "a million", "from", "until before", numbers=("a million",))
    for one in found:
        kind = one.token_kind if one.variant == "standard" else f"{one.token_kind}, {one.variant}"
        end = "" if one.valid_to == date.max else f"{one.valid_to}"
        shown.add_row(
            one.provider, one.model, kind, one.tier, f"{plain(one.price)} {one.currency}", f"{one.valid_from}", end
        )
    console.print(shown)
