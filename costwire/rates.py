"""`costwire rates set|list`: exchange rates to US dollars, for the views in USD."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.domain.money import plain
from common.runtime.bootstrap import runtime
from common.tenancy import rates as keeping
from common.warehouse.rates import COLUMNS
from costwire.arguments import read_table
from costwire.output import AsJson, Org, console, print_json, table
from costwire.tenant import tenant_of

app = typer.Typer(help="Set and list exchange rates, fixed per month, for the views in USD.", no_args_is_help=True)


@app.command("set")
def set_rates(
    path: Annotated[Path, typer.Argument(help=f"A CSV file with the columns {', '.join(COLUMNS)}.")],
    org: Org = "default",
) -> None:
    """Replace the organization's rates with those of a file."""
    text = read_table(path, COLUMNS)
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    count = keeping.set_rates(rt, org, text)
    console.print(f"{count} rates are stored")


@app.command("list")
def list_rates(org: Org = "default", as_json: AsJson = False) -> None:
    """Show the stored rates."""
    rt = runtime()
    rates = keeping.list_rates(rt, tenant_of(rt, org))
    if as_json:
        print_json([keeping.rate_as_json(rate) for rate in rates])
        return
    shown = table("month", "currency", "USD for one", "source", numbers=("USD for one",))
    for rate in rates:
        shown.add_row(f"{rate.month:%Y-%m}", rate.currency, plain(rate.usd_rate), rate.source)
    if rates:
        console.print(shown)
        return
    console.print("No rates yet.")
    console.print("Keep some with: costwire rates set exchange_rates.csv")
