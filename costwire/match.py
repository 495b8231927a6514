"""`costwire match`: what your own meter reports against what providers counted and charged."""

from __future__ import annotations

from typing import Annotated

import typer

from common.domain.match import GREEN, RED, YELLOW
from common.match.answer import Match
from common.reporting.match import MatchQuestion, ask_match, read_meter
from common.runtime.bootstrap import runtime
from costwire import asking
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, money, print_json, styled, table
from costwire.tenant import tenant_of

_STYLES = {GREEN: "green", YELLOW: "yellow", RED: "red"}


def show_match(
    month: asking.Month = None,
    last: asking.Last = None,
    first: asking.First = None,
    last_day: asking.LastDay = None,
    meter: Annotated[str | None, typer.Option("--meter", help="Only the calls of this kind of meter.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Only the calls of this provider.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Compare your own meter with what providers counted and charged, by key, model and day, on settled days.

    Only the provider's charges are money: what a meter reports enters no total.
    """
    rt = runtime()
    span = asking.read_span(rt, month, last, first, last_day)
    with usage_errors():
        question = MatchQuestion(span, read_meter(meter) if meter else None, provider)
    answer = ask_match(rt, tenant_of(rt, org), question)
    if as_json:
        print_json(answer.as_json())
        return
    found = answer.found
    if found.days is None:
        console.print(
            "No calls of a meter in these days. Bring some in with: costwire meters import LOG", soft_wrap=True
        )
        return
    _print(found)
    console.print(asking.receipt_words(answer.receipt), soft_wrap=True)


def _print(found: Match) -> None:
    shown = table(
        "day",
        "provider",
        "model",
        "reported",
        "charged",
        "difference",
        "",
        numbers=("reported", "charged", "difference"),
    )
    for one in found.model_days:
        apart = None if one.reported is None else one.reported - one.billed
        said = one.colour or ("not metered" if one.model is None else "no price")
        shown.add_row(
            f"{one.day}",
            one.provider,
            one.model or "(none)",
            _amount(one.reported),
            _amount(one.billed),
            _amount(apart),
            styled(said, _STYLES.get(said, "dim")),
        )
    console.print(shown)
    console.line()
    causes = table("reason", "USD", "of what the meter reports", numbers=("USD", "of what the meter reports"))
    for name, amount in found.reasons.items():
        causes.add_row(name, _amount(amount), _share(found, amount))
    causes.add_row("unexplained", _amount(found.unexplained), _share(found, found.unexplained))
    console.print(causes)
    console.line()
    console.print(
        f"Reported {_amount(found.reported)} USD, charged {_amount(found.billed)} USD, "
        f"{found.days.first} to {found.days.last}."
        if found.days
        else "",
        soft_wrap=True,
    )
    if found.open_days:
        console.print(f"Not compared yet: {len(found.open_days)} days that are not settled.")
    for name in sorted({provider for provider, _ in found.unbilled}):
        days = [day for provider, day in found.unbilled if provider == name]
        console.print(f"Not compared: {len(days)} days on which {name} has no charges and no usage, from {days[0]}.")
    if found.unpriced:
        console.print(f"{found.unpriced} lines have tokens and no price, and are in no sum.")
    for currency, amount in found.other_currencies.items():
        console.print(f"Not compared: {money(amount)} {currency}, as meters report US dollars.")


def _amount(value: object) -> str:
    return "unknown" if value is None else money(str(value), 4)


def _share(found: Match, amount: object) -> str:
    share = found.share_percent(amount)  # type: ignore[arg-type]
    return "" if share is None else f"{share} %"
