"""Command `charges`: single charges, and the line of the bill behind one."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import NotFound
from common.reporting.arguments import read_metric
from common.reporting.charges import MOST_CHARGES, ChargesQuestion, ask_charges, charge_id, show_charge
from common.runtime.bootstrap import runtime
from costwire import asking
from costwire.arguments import usage_errors
from costwire.costs import print_heading, print_nothing
from costwire.output import AsJson, Org, console, exact, print_json, styled, table
from costwire.tenant import tenant_of


def charges(
    charge: Annotated[
        str | None,
        typer.Argument(help="The id of one charge, as the list shows it: all of its columns and the line of its bill."),
    ] = None,
    where: asking.Where = None,
    month: asking.Month = None,
    last: asking.Last = None,
    first: asking.First = None,
    last_day: asking.LastDay = None,
    top: Annotated[
        int, typer.Option("--top", min=1, max=MOST_CHARGES, help="So many charges, the largest amounts first.")
    ] = 50,
    metric: Annotated[
        str, typer.Option("--metric", help="billed, effective, list, contracted or estimated.")
    ] = "billed",
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List the largest charges, or show one with the line of the bill that it was made of."""
    if charge is not None:
        _show(charge, org, as_json)
        return
    filters = asking.read_filters(where)
    with usage_errors():
        measure = read_metric(metric)
    rt = runtime()
    days = asking.read_span(rt, month, last, first, last_day)
    with usage_errors():
        question = ChargesQuestion(measure, days, filters, top)
    org = tenant_of(rt, org)
    found = ask_charges(rt, org, question)
    if as_json:
        print_json(found.as_json())
        return
    if not found.charges:
        print_nothing(found.costs, org)
        return
    print_heading(found.costs)
    shown = table("day", "service", "resource", "charge", str(measure), "currency", "id", numbers=(str(measure),))
    for one in found.charges:
        cost = "unknown" if one.cost is None else exact(one.cost)
        what = one.charge_description or one.charge_category or ""
        known_by = charge_id(one.delivery_id, one.source_row_id)
        shown.add_row(
            f"{one.charge_start:%Y-%m-%d}", one.service_name or "", one.resource_id or "", what, cost, one.currency, known_by
        )  # fmt: skip
    console.print(shown)
    if found.count > len(found.charges):
        console.print(
            styled(f"{len(found.charges):,} of {found.count:,} charges; --where and --top show others", "dim")
        )


def _show(wanted: str, org: str, as_json: bool) -> None:
    from common.normalization.source_line import read_source_line  # with Arrow: what most commands do not need

    rt = runtime()
    org = tenant_of(rt, org)
    with usage_errors():
        found = show_charge(rt, org, wanted)
    try:
        line, absent = read_source_line(rt, org, found.delivery_id, found.source_row_id), None
    except NotFound as error:
        line, absent = None, str(error)
    if as_json:
        print_json({**found.as_json(), "source_line": line.as_json() if line else None, "source_line_absent": absent})
        return
    columns = table("column", "value")
    for name, value in found.as_json()["columns"].items():
        if value is not None:
            columns.add_row(name, str(value))
    console.print(columns)
    if line is None:
        console.print(absent or "", soft_wrap=True)
        return
    console.print(f"row {line.number} of {line.file}:", soft_wrap=True)
    cells = table("column of the file", "value")
    for name, text in line.cells:
        if text is not None:
            cells.add_row(name, text)
    console.print(cells)
