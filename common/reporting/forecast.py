"""What a month is expected to cost when it ends, each currency by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from common.domain import outlook
from common.domain.forecast import HISTORY_DAYS
from common.domain.money import EXACT, plain
from common.domain.outlook import Forecast, forecast_sources, project_sources
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.reporting.allocated import allocated_of, allocation_mark
from common.reporting.amounts import sum_known, text
from common.reporting.receipt import Receipt
from common.reporting.receipts import receipt_of
from common.reporting.sources import Source, asked_rows, filling_from, within
from common.warehouse.cost_report import CostsQuery, CostSum, Days, Metric, read_costs
from common.warehouse.dimensions import SHORT, Filter


@dataclass(frozen=True)
class ForecastQuestion:
    """month: of the days in which charges start."""

    month: BillingPeriod
    metric: Metric = Metric.BILLED_COST
    filters: tuple[Filter, ...] = ()

    @property
    def days(self) -> Days:
        """The days of the month."""
        return Days(self.month.start.date(), self.month.end.date() - timedelta(days=1))


@dataclass(frozen=True)
class CurrencyForecast:
    """to_date: of the charges that have an amount, None where none has; unknown: how many of `charges` have none.

    projected: the pace so far until the end of the month; forecast: with an interval, learned from the weeks before too.
    Both are None once the month has ended, and before any source has enough whole days.
    """

    currency: str
    to_date: Decimal | None
    charges: int
    unknown: int
    projected: Decimal | None
    forecast: Forecast | None

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        made = self.forecast
        return {
            "currency": self.currency,
            "to_date": text(self.to_date),
            "charges": self.charges,
            "unknown": self.unknown,
            "projected": text(self.projected),
            "forecast": None
            if made is None
            else {
                "expected": plain(made.expected),
                "low": plain(made.low),
                "high": plain(made.high),
                "trained_on_days": made.trained_on_days,
            },
        }


@dataclass(frozen=True)
class ForecastAnswer:
    """is_open: whether the month has not ended.  filling_from: its first day that may still lack charges.  receipt: of the cost to date."""

    question: ForecastQuestion
    is_open: bool
    currencies: tuple[CurrencyForecast, ...]
    sources: tuple[Source, ...]
    filling_from: date | None
    receipt: Receipt

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        asked = self.question
        return {
            "month": str(asked.month),
            "open": self.is_open,
            "days": asked.month.days,
            "metric": asked.metric.value,
            "filter": [one.as_text() for one in asked.filters],
            "filling_from": self.filling_from.isoformat() if self.filling_from else None,
            "sources": [one.as_json() for one in self.sources],
            "currencies": [one.as_json() for one in self.currencies],
            "receipt": self.receipt.as_json(),
        }


def ask_forecast(rt: Runtime, org_slug: str, question: ForecastQuestion) -> ForecastAnswer:
    """What the month has cost so far and is expected to cost.  Raises BadConfiguration for what is no organization."""
    days, month = question.days, question.month
    history = Days(month.start.date() - timedelta(days=HISTORY_DAYS), days.last)
    group = (SHORT["integration"], SHORT["day"])
    mark = allocation_mark(rt, org_slug, group, question.filters)
    with asked_rows(rt, org_slug, None) as rows:
        query = CostsQuery(group, question.metric, history, question.filters)
        allocated = allocated_of(rt.documents, org_slug, group, question.filters, history)
        sums = read_costs(rows.ask, allocated.query(query) if allocated else query)
        if allocated:
            sums = allocated.whole(sums)
        sources = tuple(one for one in rows.sources if within(one, history))
        own = [one for one in sources if within(one, days)]
        counted = [one for one in sums if _day(one) >= month.start.date()]
        charges, named = sum(one.charges for one in counted), {one.currency for one in counted}
        receipt = receipt_of(rt, org_slug, rows, own, days, rows.version + mark, named, charges)
    is_open = rt.clock.now() < month.end
    currencies = tuple(
        _of_currency(name, [one for one in sums if one.currency == name], question, sources, is_open)
        for name in sorted({one.currency for one in sums})
    )
    return ForecastAnswer(question, is_open, currencies, sources, filling_from(sources, days), receipt)


def _of_currency(
    currency: str, sums: Sequence[CostSum], question: ForecastQuestion, sources: Sequence[Source], is_open: bool
) -> CurrencyForecast:
    start, end = question.month.start.date(), question.month.end.date()
    counted = [one for one in sums if _day(one) >= start]
    charges = sum(one.charges for one in counted)
    paced = [_paced(one, sums, start) for one in sources] if is_open else []
    return CurrencyForecast(
        currency,
        sum_known(one.cost for one in counted) if charges else Decimal(0),
        charges,
        charges - sum(one.known for one in counted),
        project_sources(paced, start, end) if is_open else None,
        forecast_sources(paced, start, end) if is_open else None,
    )


def _paced(source: Source, sums: Sequence[CostSum], start: date) -> outlook.Source:
    """A source as the forecast takes it.  The days after its last charge are not taken for free ones."""
    daily: dict[date, Decimal] = {}
    for one in sums:
        if one.keys[0] == source.integration_id and one.cost is not None:
            daily[_day(one)] = EXACT.add(daily.get(_day(one), Decimal(0)), one.cost)
    whole = source.filling_from - timedelta(days=1)
    return outlook.Source(
        delivered_on=source.delivered_at.date(),
        complete_through=min(whole, source.last_day or whole),
        daily=daily,
        counted={day: amount for day, amount in daily.items() if day >= start},
    )


def _day(one: CostSum) -> date:
    return date.fromisoformat(str(one.keys[1]))
