"""`python -m benchmarks.forecast`: how far projection and forecast are off on generated bills with late lines.

Three ways of reading the same bills: with every day that has a charge taken as whole, with the three newest days thrown
away, and as it is done, with the days that the provider still fills forecast.  The error is what the month's total is off
by, as a share of what the days from the first one filling to the end of the month cost.  Exit status 1 where a target is
missed.  The bills are made by benchmarks/late_bills.py, by seed: the same figures on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.late_bills import KINDS, MONTH_DAYS, MONTH_START, LateBill, late_bill
from common.domain.completeness import first_filling_day
from common.domain.outlook import Source, forecast_sources, project_sources
from common.providers.arrivals import stated_pattern

MONTH_END = MONTH_START + timedelta(days=MONTH_DAYS)
PROVIDERS = ("aws", "gcp")
CUTS = (9, 12, 15, 20, 25)
"""Days of the month on which the bill is delivered; on the ninth five days are whole whatever the provider."""
HISTORIES = (0, 14, 56)
MAX_ERROR = Decimal("0.089")
COVERED = Decimal("0.75"), Decimal("0.90")
_THIRD = Decimal("0.001")


@dataclass
class Measured:
    """What one way of reading came to, over many bills."""

    forecast_errors: list[Decimal] = field(default_factory=list)
    projection_errors: list[Decimal] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)

    @property
    def forecast_error(self) -> Decimal:
        """The mean share."""
        return _mean(self.forecast_errors)

    @property
    def projection_error(self) -> Decimal:
        """The mean share."""
        return _mean(self.projection_errors)

    @property
    def coverage(self) -> Decimal:
        """How often the interval held the outcome."""
        return _mean([Decimal(one) for one in self.covered])


def all_whole(bill: LateBill) -> Source:
    """Every day with a charge is taken as whole."""
    return _source(bill, bill.delivered_on, bill.known)


def three_thrown_away(bill: LateBill) -> Source:
    """The three newest days do not exist."""
    last = bill.delivered_on - timedelta(days=3)
    return _source(bill, last, {day: cost for day, cost in bill.known.items() if day <= last})


def as_it_is_done(bill: LateBill) -> Source:
    """Days that the provider still fills are forecast."""
    return _source(bill, _filling_from(bill) - timedelta(days=1), bill.known)


WAYS: Mapping[str, Callable[[LateBill], Source]] = {
    "every day taken as whole": all_whole,
    "three newest days thrown away": three_thrown_away,
    "filling days forecast": as_it_is_done,
}


def bills(kinds: Iterable[str], seeds: int) -> Iterable[LateBill]:
    """Every kind, provider, day of delivery and length of history."""
    for kind in kinds:
        for provider in PROVIDERS:
            for cut in CUTS:
                for history in HISTORIES:
                    for seed in range(seeds):
                        yield late_bill(kind, seed, provider, cut, history)


def measure(way: Callable[[LateBill], Source], some: Iterable[LateBill]) -> Measured:
    """Read the bills one way."""
    found = Measured()
    for bill in some:
        source = [way(bill)]
        projected = project_sources(source, MONTH_START, MONTH_END)
        forecast = forecast_sources(source, MONTH_START, MONTH_END)
        assert projected is not None and forecast is not None
        rest = bill.cost_from(_filling_from(bill))
        found.projection_errors.append(abs(projected - bill.total) / rest)
        found.forecast_errors.append(abs(forecast.expected - bill.total) / rest)
        found.covered.append(forecast.low <= bill.total <= forecast.high)
    return found


def _filling_from(bill: LateBill) -> date:
    return first_filling_day(stated_pattern(bill.provider).lag, datetime.combine(bill.delivered_on, time(), UTC))


def _source(bill: LateBill, complete_through: date, known: Mapping[date, Decimal]) -> Source:
    counted = {day: cost for day, cost in known.items() if day >= MONTH_START}
    return Source(bill.delivered_on, complete_through, known, counted)


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def main(seeds: Annotated[int, typer.Option(help="Bills of each sort.", min=1)] = 20) -> None:
    """Measure, and print a table."""
    table = Table("bills", "read with", "error of the projection", "error of the forecast", "outcomes in the interval")
    for title, kinds in [*((kind, [kind]) for kind in KINDS), ("all", list(KINDS))]:
        for name, way in WAYS.items():
            found = measure(way, bills(kinds, seeds))
            figures = (found.projection_error, found.forecast_error, found.coverage)
            table.add_row(title, name, *(str(figure.quantize(_THIRD)) for figure in figures))
    console = Console()
    console.print(table)
    missed = max(found.projection_error, found.forecast_error) > MAX_ERROR
    missed = missed or not COVERED[0] <= found.coverage <= COVERED[1]
    console.print(
        f"Targets: errors of at most {MAX_ERROR}, {COVERED[0]} to {COVERED[1]} of the outcomes, over all bills."
    )
    raise typer.Exit(1 if missed else 0)


if __name__ == "__main__":
    typer.run(main)
