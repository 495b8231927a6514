"""Command `tags`: the keys and values of tags, their cost, and how much is untagged."""

from __future__ import annotations

from typing import Annotated

import typer

from common.reporting.amounts import Amounts
from common.reporting.arguments import read_day, read_metric
from common.reporting.costs_flat import flat_costs
from common.reporting.tags import CurrencyTags, TagsAnswer, TagsQuestion, ask_tag_values, ask_tags
from common.runtime.bootstrap import runtime
from costwire import asking
from costwire.arguments import usage_errors
from costwire.costs import print_answer, print_heading, print_nothing
from costwire.output import AsJson, Org, console, money, table
from costwire.tenant import tenant_of


def tags(
    key: Annotated[str | None, typer.Argument(help="A tag key: show its values with their cost.")] = None,
    where: asking.Where = None,
    month: asking.Month = None,
    last: asking.Last = None,
    first: asking.First = None,
    last_day: asking.LastDay = None,
    metric: Annotated[
        str, typer.Option("--metric", help="billed, effective, list, contracted or estimated.")
    ] = "billed",
    known_on: asking.KnownOn = None,
    form: asking.Format = None,
    out: asking.Out = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show tag keys with the cost that has them and the cost that lacks them, or the values of one key."""
    wanted = asking.read_form(form, out, as_json)
    filters = asking.read_filters(where)
    with usage_errors():
        measure, day = read_metric(metric), read_day(known_on) if known_on else None
    rt = runtime()
    question = TagsQuestion(measure, asking.read_span(rt, month, last, first, last_day), filters, day)
    org = tenant_of(rt, org)
    if key:
        with usage_errors():  # which nodes exist is known only now
            values = ask_tag_values(rt, org, key, question)
        if wanted.for_users:
            print_answer(values, org)
        else:
            asking.print_for_programs(wanted, values.as_json(), flat_costs(values))
        return
    with usage_errors():
        answer = ask_tags(rt, org, question)
    if wanted.for_users:
        _print_answer(answer, org)
    else:
        asking.print_for_programs(wanted, answer.as_json(), answer.flat())


def _print_answer(answer: TagsAnswer, org: str) -> None:
    if not answer.currencies:
        print_nothing(answer.costs, org)
        return
    print_heading(answer.costs)
    for found in answer.currencies:
        console.line()
        if found.keys:
            _print(found, answer)
        without = f"{_amount(found.without_any)} {found.currency}{_percent(found, found.without_any, ' ({} %)')}"
        console.print(f"Without any tag: {without}, {found.without_any.charges:,} charges", soft_wrap=True)
        if found.amounts.unknown:
            console.print(
                f"{found.amounts.unknown:,} of {found.amounts.charges:,} charges in {found.currency} have no "
                f"{answer.costs.question.metric}; they are not in these amounts.",
                soft_wrap=True,
            )


def _print(found: CurrencyTags, answer: TagsAnswer) -> None:
    tagged = f"{answer.costs.question.metric} {found.currency}"
    numbers = ("values", tagged, "untagged", "untagged share")
    shown = table("key", *numbers, numbers=numbers)
    for one in found.keys:
        share = _percent(found, one.untagged, "{}%")
        shown.add_row(one.key, f"{one.values:,}", _amount(one.tagged), _amount(one.untagged), share)
    console.print(shown)


def _amount(one: Amounts) -> str:
    if one.total is None:
        return "unknown" if one.charges else money("0")
    return money(one.total, 2 if abs(one.total) >= 1 or not one.total else 6)


def _percent(found: CurrencyTags, part: Amounts, form: str) -> str:
    share = found.share_percent(part)
    return "" if share is None else form.format(share)
