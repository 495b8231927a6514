"""Command `report`: a month as one page of HTML, which a browser prints as PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.errors import BadConfiguration
from common.reporting.arguments import read_period
from common.reporting.unclassified import newest_charge
from common.runtime.bootstrap import runtime
from costwire.arguments import usage_errors
from costwire.output import Org, console
from costwire.tenant import tenant_of


def report(
    month: Annotated[
        str | None, typer.Option("--month", help="YYYY-MM; the month of the newest charge by default.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File to write, ending in .html; costs-ORG-MONTH.html by default.  Replaced if it exists."
        ),
    ] = None,
    org: Org = "default",
) -> None:
    """Write the report of a month: costs, changes, budgets, alerts, and what the numbers are worth.

    The file needs nothing but itself; a browser prints it as PDF. The dashboard shows the same at /ORG/report.
    """
    from web.site import report_file  # with Flask: what few commands need

    with usage_errors():
        period = read_period(month) if month else None
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"--out is '{out.name}', expected a name that ends in .html")
    rt = runtime()
    org = tenant_of(rt, org)
    if period is None:
        newest = newest_charge(rt, org)
        if newest is None:
            raise BadConfiguration(
                "there are no charges yet, so there is nothing to report; start with costwire import YOUR-BILL.csv"
            )
        period = read_period(f"{newest:%Y-%m}")
    target = out or Path(f"costs-{org}-{period}.html")
    target.write_text(report_file(rt, org, period), encoding="utf-8")
    console.print(f"{target}: the report of {period}; a browser prints it as PDF", soft_wrap=True)
