"""Command `costs`: costs by one dimension."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import typer
from rich.text import Text

from common.reporting.arguments import read_day, read_dimension, read_metric
from common.reporting.costs import CostsAnswer, CostsPrice, CostsQuestion, ask_costs, price_costs
from common.runtime.bootstrap import runtime
from common.warehouse.cost_report import TIMES, CostRow, CurrencyCosts
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, money, print_json, styled, table
from costwire.tenant import tenant_of


def costs(
    by: Annotated[
        str, typer.Option("--by", help="service, provider, account, region, day, month or tag:KEY.")
    ] = "service",
    first: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (inclusive), YYYY-MM-DD (UTC).")] = None,
    metric: Annotated[str, typer.Option("--metric", help="BilledCost, EffectiveCost or ListCost.")] = "BilledCost",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do not run the query; show how much it would scan, and its list price.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show costs by one dimension; each currency separately."""
    question = _question(by, metric, first, last)
    rt = runtime()
    org = tenant_of(rt, org)
    if dry_run:
        _say_price(price_costs(rt, org, question), as_json)
        return
    answer = ask_costs(rt, org, question)
    if as_json:
        print_json(answer.as_json())
    elif not answer.currencies:
        for line in _nothing(answer, org):
            console.print(line, soft_wrap=True)
    else:
        for number, one in enumerate(answer.currencies):
            console.line(int(number > 0))
            _print(one, question)
        for note in answer.notes:
            console.print(note, soft_wrap=True)


def _question(by: str, metric: str, first: str | None, last: str | None) -> CostsQuestion:
    with usage_errors():
        dimension, measure = read_dimension(by), read_metric(metric)
        first_day, last_day = _day(first), _day(last)
    if first_day and last_day and last_day < first_day:
        raise typer.BadParameter(f"--to {last_day} is before --from {first_day}")
    return CostsQuestion(dimension, measure, first_day, last_day)


def _day(text: str | None) -> date | None:
    return None if text is None else read_day(text)


def _say_price(price: CostsPrice, as_json: bool) -> None:
    if as_json:
        print_json(price.as_json())
    elif price.list_price_usd is None:
        console.print("The query would run on this machine, at no charge.")
    else:
        usd = money(price.list_price_usd, 6)
        console.print(f"The question would scan {price.scanned_bytes:,} bytes: {usd} USD at list price.")


def _print(found: CurrencyCosts, question: CostsQuestion) -> None:
    digits = 2 if abs(found.total) >= 1 or not found.total else 6
    amount = f"{question.metric} {found.currency}"
    shown = table(question.by, amount, "share", "charges", numbers=(amount, "share", "charges"))
    for row in found.rows:
        share = _percent(found.share_percent(row))
        shown.add_row(_label(row, question.by), money(row.cost, digits), share, f"{row.charges:,}")
    shown.add_section()
    shown.add_row("total", money(found.total, digits), "", f"{found.charges:,}", style="bold")
    console.print(shown)


def _label(row: CostRow, by: str) -> str | Text:
    if row.key is None:
        return styled(f"(no {by})", "dim")
    named = row.name if row.name and row.name != row.key and by not in TIMES else None
    return f"{named} ({row.key})" if named else row.key


def _percent(share: Decimal | None) -> str:
    return "" if share is None else f"{share:.1f}%".replace("-0.0%", "0.0%")


def _nothing(answer: CostsAnswer, org: str) -> tuple[str, str]:
    if answer.charged_days is None:
        return f"No charges yet for organization {org}.", "Start with: costwire import YOUR-BILL.csv"
    first, last = answer.charged_days
    return "No charges in these days.", f"There are charges from {first} to {last}; change --from and --to."
