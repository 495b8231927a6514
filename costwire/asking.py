"""What commands that ask questions share: which charges, in which form the answer is wanted, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.reporting.arguments import read_choice, read_days, read_filter
from common.reporting.flat import Flat
from common.reporting.receipt import Completeness, Receipt
from common.reporting.sources import Source
from common.warehouse.cost_report import Days
from common.warehouse.dimensions import Filter, Operator
from costwire.arguments import usage_errors
from costwire.output import console, money, print_data, print_json

TABLE, CSV, JSON, PARQUET = "table", "csv", "json", "parquet"
FORMATS = (TABLE, CSV, JSON, PARQUET)
_NAMED_SOURCES = 3

Month = Annotated[str | None, typer.Option("--month", help="Charges of this month, YYYY-MM.")]
Last = Annotated[str | None, typer.Option("--last", help="Charges of the last days up to today, such as 30d or 4w.")]
First = Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")]
LastDay = Annotated[str | None, typer.Option("--to", help="Last day (inclusive), YYYY-MM-DD (UTC).")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="A condition: column=value, column!=value, column~part, 'column in (a, b)', 'column not in (a, b)', or "
        "column= for charges without one; node=ID with all below it. Repeat the option for several, which all hold.",
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="table, csv, json or parquet; of --out its ending by default.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="File to write, ending in .csv, .json or .parquet; an existing one is replaced."),
]
KnownOn = Annotated[
    str | None,
    typer.Option(
        "--as-known-on", help="Answer by the deliveries that were shown at the end of this day, YYYY-MM-DD (UTC)."
    ),
]


@dataclass(frozen=True)
class Form:
    """How an answer is wanted: one of FORMATS, on the terminal or in a file."""

    kind: str
    out: Path | None = None

    @property
    def for_users(self) -> bool:
        """Whether it is a table on a terminal."""
        return self.kind == TABLE


def read_form(text: str | None, out: Path | None, as_json: bool) -> Form:
    """The form that was asked for.  Raises BadParameter for what does not go together."""
    with usage_errors():
        kind = read_choice(text, FORMATS, "a format") if text else JSON if as_json else None
    if out is not None:
        ending = out.suffix.lower().removeprefix(".")
        if ending not in FORMATS[1:]:
            raise typer.BadParameter(f"--out is '{out.name}', its name must end in .csv, .json or .parquet")
        if kind not in (None, ending):
            raise typer.BadParameter(f"--out is '{out.name}', and the format is {kind}; give one of the two")
        return Form(ending, out)
    if kind == PARQUET:
        raise typer.BadParameter("Parquet needs a file: add --out with a name that ends in .parquet")
    return Form(kind or TABLE)


def read_span(rt: Runtime, month: str | None, last: str | None, first: str | None, last_day: str | None) -> Days:
    """The days of the period options.  Raises BadParameter."""
    with usage_errors():
        return read_days(rt.clock.now().date(), month, last, first, last_day)


def read_filters(conditions: Sequence[str] | None) -> tuple[Filter, ...]:
    """The conditions of `--where`.  Raises BadParameter."""
    with usage_errors():
        return tuple(read_filter(one) for one in conditions or ())


def print_for_programs(form: Form, document: Any, flat: Flat) -> None:
    """The answer as JSON, CSV or Parquet."""
    if form.kind == JSON and form.out is None:
        print_json(document)
    elif form.kind == JSON and form.out is not None:
        form.out.write_text(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n", encoding="utf-8")
    elif form.out is not None:
        flat.write(form.out)
    else:
        print_data(flat.as_csv())
    if form.out is not None:
        console.print(f"{form.out}: {len(flat.rows):,} rows", soft_wrap=True)


def period_words(days: Days, charged: tuple[date, date] | None, filters: Sequence[Filter] = ()) -> str:
    """The asked days, for users: a month by its name, an open end by the charges there are; before them the billing periods asked for."""
    invoices = sorted({month for one in filters for month in _billing_periods(one)})
    if not invoices:
        return _day_words(days, charged)
    billing = f"billing period{'s' if len(invoices) > 1 else ''} {', '.join(invoices)}"
    return f"{billing}; charges of {_day_words(days, charged)}" if days.first or days.last else billing


def _billing_periods(asked: Filter) -> list[str]:
    """The months of a condition on when billing periods start."""
    if asked.dimension.name != "BillingPeriodStart" or asked.operator is not Operator.IS:
        return []
    return [text[:7] for text in asked.values]


def _day_words(days: Days, charged: tuple[date, date] | None) -> str:
    if days.first and days.last:
        month = BillingPeriod.of(days.first)
        whole = days.first == month.start.date() and days.count == month.days
        return f"{month}, {days.first} to {days.last}" if whole else f"{days.first} to {days.last}"
    first, last = (days.first or (charged and charged[0])), (days.last or (charged and charged[1]))
    return f"{first} to {last}" if first and last else "all days"


def completeness_words(found: Completeness) -> str:
    """How complete the charges are: `filling from 2026-11-18`, `provisional` or `final`."""
    return f"{found.state} from {found.filling_since}" if found.filling_since else found.state


def receipt_words(receipt: Receipt) -> str:
    """What an answer is worth, as one sentence."""
    proof, restated, lines = receipt.proof, receipt.restated_days, receipt.quarantine.lines
    said = [f"{proof.proved:,} of {_counted(proof.deliveries, 'delivery', 'deliveries')} proved"]
    if proof.rejected:
        said.append(f"{_counted(proof.rejected, 'newer delivery', 'newer deliveries')} rejected")
    if receipt.completeness.filling_since:
        said.append(f"days from {receipt.completeness.filling_since} on are still being reported")
    if receipt.completeness.late:
        said.append(f"late: {', '.join(receipt.completeness.late)}")
    if restated:
        said.append(f"{_counted(restated, 'day', 'days')} restated")
    if lines:
        amounts = ", ".join(f"{money(amount)} {currency}" for currency, amount in receipt.quarantine.amounts.items())
        said.append(f"{_counted(lines, 'line', 'lines')} in quarantine" + (f", {amounts.rstrip()}" if amounts else ""))
    return f"{'; '.join(said)}."


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def as_of_words(sources: Iterable[Source]) -> str:
    """When the sources last delivered: one time where it is the same for all, else each source with its own."""
    found = sorted(sources, key=lambda one: one.delivered_at, reverse=True)
    times = [f"{one.as_of[:16].replace('T', ' ')} UTC" for one in found]
    if not found:
        return "no delivery yet"
    if len(set(times)) == 1:
        return f"as of {times[0]}"
    named = [f"{time} ({one.integration_id})" for one, time in zip(found, times, strict=True)]
    if len(named) > _NAMED_SOURCES:
        named = [*named[: _NAMED_SOURCES - 1], f"the oldest of {len(found)} sources {named[-1]}"]
    return f"as of {', '.join(named)}"
