"""Command `sql`: one SELECT over the organization's tables and views."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.text import Text

from common.domain.money import plain
from common.reporting.plain_types import plain_value
from common.reporting.sql import DEFAULT_ROWS, MOST_ROWS, SqlAnswer, ask_sql, price_sql
from common.runtime.bootstrap import runtime
from costwire import asking
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, errors, print_price, styled, table
from costwire.tenant import tenant_of


def sql(
    query: Annotated[
        str, typer.Argument(help="One SELECT in BigQuery's SQL, on either runtime; docs/tables.md lists tables.")
    ],
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_ROWS, help="The most rows that are returned.")
    ] = DEFAULT_ROWS,
    form: asking.Format = None,
    out: asking.Out = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do not run the query; show how much it would scan, and its list price.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Ask in SQL: read-only, over the organization's own tables and views, which docs/tables.md describes.

    Names and SQL are the same on one machine and on Google Cloud. Example: costwire sql "select x_Provider, sum(BilledCost) as billed
    from cost_data_standard_1_3 group by x_Provider"
    """
    wanted = asking.read_form(form, out, as_json)
    rt = runtime()
    org = tenant_of(rt, org)
    if dry_run:
        price = price_sql(rt, org, query)
        print_price(price.scanned_bytes, price.list_price_usd, price.as_json() if wanted.kind == asking.JSON else None)
        return
    with usage_errors():
        answer = ask_sql(rt, org, query, limit)
    if not wanted.for_users:
        asking.print_for_programs(wanted, answer.as_json(), answer.flat())
    elif answer.rows:
        _print(answer)
    else:
        console.print("No rows.")
    if answer.more:
        errors.print(
            f"Only the first {limit:,} rows are here; --limit raises that, or add a LIMIT or a WHERE to the query.",
            soft_wrap=True,
        )


def _print(answer: SqlAnswer) -> None:
    names = list(answer.rows[0])
    numbers = tuple(name for name in names if all(_is_number(row[name]) for row in answer.rows))
    shown = table(*names, numbers=numbers)
    for row in answer.rows:
        shown.add_row(*(_cell(value) for value in row.values()))
    console.print(shown)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | Decimal | float) and not isinstance(value, bool))


def _cell(value: Any) -> str | Text:
    if value is None:
        return styled("null", "dim")
    return plain(value) if isinstance(value, Decimal) else str(plain_value(value))
