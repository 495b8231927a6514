"""Command `costs`: what was charged, by one dimension."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.text import Text

from common.domain.money import plain
from common.runtime.bootstrap import runtime
from common.warehouse.cost_report import (
    DIMENSIONS,
    METRICS,
    TAG,
    TIMES,
    CostRow,
    CurrencyCosts,
    costs_scan,
    report_costs,
    report_span,
)
from costwire.output import AsJson, Org, console, money, print_json, styled, table
from costwire.tenant import tenant_of

USD_PER_TEBIBYTE = Decimal("6.25")
"""On-demand analysis in us-central1, https://cloud.google.com/bigquery/pricing; docs/cost.md says as of when."""


def read_day(text: str | None) -> date | None:
    """A day of the command line.  Raises BadParameter for what is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no day, expected YYYY-MM-DD, as in 2026-03-31") from None


def read_dimension(text: str) -> str:
    """A dimension of the command line.  Raises BadParameter for what is none."""
    if text in DIMENSIONS or (text.startswith(TAG) and text != TAG):
        return text
    raise typer.BadParameter(f"'{text}' is no dimension, expected {', '.join(DIMENSIONS)} or tag:KEY")


def read_metric(text: str) -> str:
    """A metric of the command line, in any case.  Raises BadParameter for what is none."""
    found = next((name for name in METRICS if name.lower() == text.lower()), None)
    if found is None:
        raise typer.BadParameter(f"'{text}' is no metric, expected {', '.join(METRICS)}")
    return found


def costs(
    by: Annotated[
        str, typer.Option("--by", help="service, provider, account, region, day, month or tag:KEY.")
    ] = "service",
    first: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included, YYYY-MM-DD (UTC).")] = None,
    metric: Annotated[str, typer.Option("--metric", help="BilledCost, EffectiveCost or ListCost.")] = "BilledCost",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask nothing; say what the question would scan, and its list price.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show what was charged, by one dimension; each currency by itself."""
    dimension, measure = read_dimension(by), read_metric(metric)
    first_day, last_day = read_day(first), read_day(last)
    if first_day and last_day and last_day < first_day:
        raise typer.BadParameter(f"--to {last_day} lies before --from {first_day}")
    rt = runtime()
    org = tenant_of(rt, org)
    warehouse = rt.warehouse
    if dry_run:
        _say_price(costs_scan(warehouse, org, dimension, measure, first_day, last_day), as_json)
        return
    found = report_costs(warehouse, org, dimension, measure, first_day, last_day)
    if as_json:
        print_json(_as_json(found, dimension, measure, first_day, last_day))
    elif not found:
        for line in _nothing(report_span(warehouse, org), org):
            console.print(line, soft_wrap=True)
    else:
        for number, one in enumerate(found):
            console.line(int(number > 0))
            _print(one, dimension, measure)


def _say_price(scanned_bytes: int | None, as_json: bool) -> None:
    """The list price is before the first tebibyte of a month, which is free."""
    price = None if scanned_bytes is None else scanned_bytes * USD_PER_TEBIBYTE / (1 << 40)
    if as_json:
        print_json({"scanned_bytes": scanned_bytes, "list_price_usd": None if price is None else plain(price)})
    elif price is None:
        console.print("The question would be answered on this machine, for nothing.")
    else:
        console.print(f"The question would scan {scanned_bytes:,} bytes: {money(price, 6)} USD at list price.")


def _print(found: CurrencyCosts, by: str, metric: str) -> None:
    digits = 2 if abs(found.total) >= 1 or not found.total else 6
    amount = f"{metric} {found.currency}"
    shown = table(by, amount, "share", "charges", numbers=(amount, "share", "charges"))
    for row in found.rows:
        shown.add_row(_label(row, by), money(row.cost, digits), _share(row.cost, found.total), f"{row.charges:,}")
    shown.add_section()
    charges = sum(row.charges for row in found.rows)
    shown.add_row("total", money(found.total, digits), "", f"{charges:,}", style="bold")
    console.print(shown)


def _label(row: CostRow, by: str) -> str | Text:
    if row.key is None:
        return styled(f"(no {by})", "dim")
    named = row.name if row.name and row.name != row.key and by not in TIMES else None
    return f"{named} ({row.key})" if named else row.key


def _share(cost: Decimal, total: Decimal) -> str:
    return f"{cost / total * 100:.1f}%".replace("-0.0%", "0.0%") if total > 0 else ""


def _nothing(span: tuple[date, date] | None, org: str) -> tuple[str, str]:
    if span is None:
        return f"No charges yet for organization {org}.", "Start with: costwire import YOUR-BILL.csv"
    return "No charges in these days.", f"There are charges from {span[0]} to {span[1]}; change --from and --to."


def _as_json(
    found: list[CurrencyCosts], by: str, metric: str, first_day: date | None, last_day: date | None
) -> dict[str, Any]:
    return {
        "by": by,
        "metric": metric,
        "from": first_day,
        "to": last_day,
        "currencies": [
            {
                "currency": one.currency,
                "total": plain(one.total),
                "rows": [
                    {"key": row.key, "name": row.name, "cost": plain(row.cost), "charges": row.charges}
                    for row in one.rows
                ],
            }
            for one in found
        ],
    }
