"""Command `costs`: costs by one or several dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

import typer
from rich.text import Text

from common.domain.money import plain
from common.reporting.amounts import Amounts
from common.reporting.arguments import read_choice, read_currency, read_day, read_dimensions, read_metric
from common.reporting.costs import (
    CostGroup,
    CostsAnswer,
    CostsQuestion,
    CurrencyCosts,
    ask_costs,
    price_costs,
)
from common.reporting.costs_flat import flat_costs
from common.runtime.bootstrap import runtime
from common.warehouse.dimensions import NODE
from costwire import asking
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, money, print_price, styled, table
from costwire.tenant import tenant_of

_PREVIOUS = "previous"


def costs(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="service, provider, account, region, resource, integration, day, month, node or node:LEVEL of the hierarchy, "
            "any FOCUS column, or tag:KEY; several with commas.",
        ),
    ] = "service",
    where: asking.Where = None,
    month: asking.Month = None,
    last: asking.Last = None,
    first: asking.First = None,
    last_day: asking.LastDay = None,
    compare: Annotated[
        str | None, typer.Option("--compare", help="previous: show the days before the period, and the change.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Only so many groups; the others are one row, so that sums hold.")
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="billed, effective, list, contracted or estimated.")
    ] = "billed",
    currency: Annotated[
        str | None,
        typer.Option("--in", help="USD: convert by the rates of costwire rates; a missing rate is an error."),
    ] = None,
    known_on: asking.KnownOn = None,
    form: asking.Format = None,
    out: asking.Out = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do not run the query; show how much it would scan, and its list price.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show costs by any dimensions; each currency separately, unless --in converts them.

    The period is of the days in which charges start. For the charges of an invoice add --where BillingPeriodStart=2026-03-01.
    """
    wanted = asking.read_form(form, out, as_json)
    filters = asking.read_filters(where)
    with usage_errors():
        group, measure = read_dimensions(by), read_metric(metric)
        into = read_currency(currency) if currency else None
        compared = compare is not None and read_choice(compare, (_PREVIOUS,), "a comparison") == _PREVIOUS
        day = read_day(known_on) if known_on else None
    rt = runtime()
    days = asking.read_span(rt, month, last, first, last_day)
    with usage_errors():
        question = CostsQuestion(group, measure, days, filters, compared, into, top, day)
    org = tenant_of(rt, org)
    if dry_run:
        with usage_errors():
            price = price_costs(rt, org, question)
        print_price(price.scanned_bytes, price.list_price_usd, price.as_json() if wanted.kind == asking.JSON else None)
        return
    with usage_errors():  # which nodes exist is known only now
        answer = ask_costs(rt, org, question)
    if wanted.for_users:
        print_answer(answer, org)
    else:
        asking.print_for_programs(wanted, answer.as_json(), flat_costs(answer))


def print_answer(answer: CostsAnswer, org: str) -> None:
    """The answer for users: what it rests on, a table per currency, and what is to be said of them."""
    if not answer.currencies:
        print_nothing(answer, org)
        return
    print_heading(answer)
    for one in answer.currencies:
        console.line()
        _print(one, answer)
    console.print(styled(asking.receipt_words(answer.receipt), "dim"), soft_wrap=True)
    for line in _notes(answer):
        console.print(line, soft_wrap=True)


def print_heading(answer: CostsAnswer) -> None:
    """The period, the as-of and the conditions of what is below."""
    known = f", as known on {answer.question.known_on}" if answer.question.known_on else ""
    period = asking.period_words(answer.question.days, answer.charged_days, answer.question.filters)
    complete = asking.completeness_words(answer.receipt.completeness)
    console.print(f"{period}{known}, {complete}, {asking.as_of_words(answer.sources)}", soft_wrap=True)
    for condition in answer.question.filters:
        console.print(styled(f"where {condition.as_text()}", "dim"), soft_wrap=True)


def print_nothing(answer: CostsAnswer, org: str) -> None:
    """Why there is nothing to show, and what to do."""
    for line in _nothing(answer, org):
        console.print(line, soft_wrap=True)


def _print(found: CurrencyCosts, answer: CostsAnswer) -> None:
    asked = answer.question
    total = found.amounts.total
    digits = 2 if total is None or abs(total) >= 1 or not total else 6
    amount = f"{asked.metric} {found.currency}"
    clipped = asked.compare and answer.filling_from is not None
    numbers = [amount, "share"]
    if asked.compare:
        numbers += [*(["complete days"] if clipped else []), "before", "change"]
    numbers.append("charges")
    shown = table(*(one.name for one in asked.group), *numbers, numbers=tuple(numbers))

    def row(labels: Iterable[str | Text], one: Amounts, style: str | None = None) -> None:
        cells = [_amount(one.total, digits), "" if style else _percent(found.share_percent(one))]
        if asked.compare:
            cells += [_amount(one.complete, digits)] if clipped else []
            cells += [_before(one, digits), _change(one, digits)]
        shown.add_row(*labels, *cells, f"{one.charges:,}", style=style)

    for each in found.groups:
        row([_label(each, number, one.name) for number, one in enumerate(asked.group)], each.amounts)
    blank = [""] * (len(asked.group) - 1)
    if found.others_count:
        row([styled(f"({found.others_count:,} others)", "dim"), *blank], found.others)
    shown.add_section()
    row(["total", *blank], found.amounts, "bold")
    console.print(shown)


def _label(group: CostGroup, number: int, name: str) -> str | Text:
    key, known_as = group.keys[number], group.names[number]
    if key is None:
        return styled("(unallocated)" if name.partition(":")[0] == NODE else f"(no {name})", "dim")
    return f"{known_as} ({key})" if known_as and known_as != key else key


def _amount(amount: Decimal | None, digits: int) -> str:
    return "unknown" if amount is None else money(amount, digits)


def _before(one: Amounts, digits: int) -> str:
    return "none" if not one.previous_charges and one.previous is not None else _amount(one.previous, digits)


def _change(one: Amounts, digits: int) -> str:
    if one.change is None:
        return "unknown"
    if not one.previous_charges:
        return "new"
    ratio = f" ({one.ratio * 100:+,.1f}%)" if one.ratio is not None else ""
    return f"{one.change:+,.{digits}f}{ratio}"


def _percent(share: Decimal | None) -> str:
    return "" if share is None else f"{share:.1f}%".replace("-0.0%", "0.0%")


def _notes(answer: CostsAnswer) -> Iterable[str]:
    asked = answer.question
    if asked.compare:
        yield _comparison(answer)
    for one in answer.currencies:
        if one.amounts.unknown:
            yield (
                f"{one.amounts.unknown:,} of {one.amounts.charges:,} charges in {one.currency} have no {asked.metric}; "
                "they are not in these amounts."
            )
    for rate in answer.rates:
        yield f"1 {rate.currency} = {plain(rate.usd_rate)} USD for {rate.month:%Y-%m} ({rate.source})"
    if len(answer.currencies) > 1:
        names = ", ".join(one.currency for one in answer.currencies)
        yield f"The currencies {names} are not added up; --in USD converts them by the rates of costwire rates."
    yield from answer.notes
    yield from answer.since


def _comparison(answer: CostsAnswer) -> str:
    days, since = answer.previous, answer.filling_from
    if days is None:
        return f"Nothing to compare yet: all days from {since} on are still being reported."
    with_days = f"Compared with {days.first} to {days.last}"
    if not any(one.amounts.previous_charges for one in answer.currencies):
        with_days += ", which have no charges"
    return (
        f"{with_days}; days from {since} on are still being reported and are left out of the change."
        if since
        else f"{with_days}."
    )


def _nothing(answer: CostsAnswer, org: str) -> Iterable[str]:
    if answer.charged_days is None:
        if answer.question.known_on:
            yield f"No charges were known for organization {org} on {answer.question.known_on}."
            yield from answer.since
            return
        yield f"No charges yet for organization {org}."
        yield "Start with: costwire import YOUR-BILL.csv"
        return
    first, last = answer.charged_days
    if answer.question.filters:
        conditions = " and ".join(one.as_text() for one in answer.question.filters)
        yield f"No charges match {conditions} in these days."
    else:
        yield "No charges in these days."
    yield f"There are charges from {first} to {last}; change the period{' or --where' if answer.question.filters else ''}."
