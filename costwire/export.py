"""Command `export`: FOCUS 1.3 rows for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.domain.period import BillingPeriod
from common.runtime.bootstrap import runtime
from costwire.output import AsJson, Org, console, print_json, progress
from costwire.tenant import tenant_of


def read_period(text: str | None) -> BillingPeriod | None:
    """A billing period of the command line.  Raises BadParameter for what is none."""
    try:
        return BillingPeriod.parse(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def export(
    out: Annotated[Path, typer.Argument(help="File to write, ending in .parquet or .csv; replaced if it is there.")],
    period: Annotated[str | None, typer.Option("--period", help="Only this billing period, YYYY-MM.")] = None,
    integration: Annotated[str | None, typer.Option("--integration", help="Only this integration.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Write the current rows as FOCUS 1.3: the columns of the specification, then x_ ones."""
    if out.suffix not in (".parquet", ".csv"):
        raise typer.BadParameter(f"'{out.name}' must end in .parquet or .csv")
    conditions: list[str] = ["true"]
    parameters: dict[str, object] = {}
    billing_period = read_period(period)
    if billing_period:
        conditions.append("BillingPeriodStart >= @period_start and BillingPeriodStart < @period_end")
        parameters |= {"period_start": billing_period.start, "period_end": billing_period.end}
    if integration:
        conditions.append("x_IntegrationId = @integration")
        parameters["integration"] = integration
    rt = runtime()
    org = tenant_of(rt, org)
    with progress(f"writing {out.name}", quiet=as_json):
        rows = rt.warehouse.export(org, str(out), " and ".join(conditions), parameters)
    if as_json:
        print_json({"path": str(out), "rows": rows, "size_bytes": out.stat().st_size})
        return
    console.print(f"{out}: {rows:,} FOCUS 1.3 rows", soft_wrap=True)
    if not rows:
        console.print("No charges match. costwire deliveries shows what came in.", soft_wrap=True)
