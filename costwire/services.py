"""`costwire services unknown|set|list`: what no table knows, and an organization's own classes of services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.records.own_services import COLUMNS
from common.reporting.unclassified import DAYS, code_as_json, newest_charge, unknown_codes
from common.runtime.bootstrap import runtime
from common.tenancy import services as keeping
from costwire.arguments import read_table
from costwire.output import AsJson, Org, console, money, print_json, table
from costwire.tenant import tenant_of

app = typer.Typer(
    help="List what bills contain that no table knows, and set your own classes of services.", no_args_is_help=True
)


@app.command("unknown")
def list_unknown(org: Org = "default", as_json: AsJson = False) -> None:
    """List services, regions and units that no table knows, with what was billed for each in the 90 days up to the newest charge."""
    rt = runtime()
    org = tenant_of(rt, org)
    found = unknown_codes(rt, org)
    if as_json:
        print_json([code_as_json(one) for one in found])
        return
    if not found:
        newest = newest_charge(rt, org)
        if newest is None:
            console.print("No charges yet. Start with: costwire import YOUR-BILL.csv", soft_wrap=True)
        else:
            console.print(f"Every service, region and unit of the {DAYS} days up to {newest:%Y-%m-%d} is known.")
        return
    shown = table("kind", "provider", "code", "charges", "billed", numbers=("charges", "billed"))
    for one in found:
        shown.add_row(one.kind, one.provider, one.code, f"{one.charges:,}", f"{money(one.billed_cost)} {one.currency}")
    console.print(shown)
    console.print("Class a service with: costwire services set services.csv")


@app.command("set")
def set_services(
    path: Annotated[Path, typer.Argument(help=f"A CSV file with the columns {', '.join(COLUMNS)}.")],
    org: Org = "default",
) -> None:
    """Replace the organization's own classes with those of a file; they apply to bills delivered from now on."""
    text = read_table(path, COLUMNS)
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    count = keeping.set_services(rt, org, text)
    console.print(f"{count} services are stored; they apply to bills delivered from now on")


@app.command("list")
def list_services(org: Org = "default", as_json: AsJson = False) -> None:
    """Show the organization's own classes of services."""
    rt = runtime()
    rows = keeping.list_services(rt, tenant_of(rt, org))
    if as_json:
        print_json([vars(row) for row in rows])
        return
    if not rows:
        console.print("No classes of your own yet. Store some with: costwire services set services.csv")
        return
    shown = table("provider", "service", "shown as", "category", "subcategory")
    for row in rows:
        shown.add_row(row.provider, row.service, row.service_name, row.service_category, row.service_subcategory)
    console.print(shown)
