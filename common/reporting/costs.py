"""What was charged, by dimensions: the question, its answer, and what asking would be billed for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from common.domain.money import add, plain
from common.domain.one_view import OneView, one_view_notes
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.records.one_view import shown_in_one_view
from common.reporting.allocated import Allocated, UsedVersion, allocated_of, allocation_mark
from common.reporting.amounts import NOTHING, Amounts, sum_amounts, sum_known
from common.reporting.arguments import InvalidQuestion
from common.reporting.conversion import UsedRate, in_dollars
from common.reporting.receipt import Receipt
from common.reporting.receipts import receipt_of
from common.reporting.sources import Rows, Source, asked_rows, charged_days, filling_from, may_have, within
from common.warehouse.cost_report import (
    ALL_DAYS,
    Ask,
    CostsQuery,
    CostSum,
    Days,
    Metric,
    Span,
    read_charged_deliveries,
    read_costs,
)
from common.warehouse.dimensions import SHORT, Dimension, Filter

USD_PER_TEBIBYTE = Decimal("6.25")
"""On-demand analysis in us-central1, https://cloud.google.com/bigquery/pricing; docs/cost.md says as of when."""


@dataclass(frozen=True)
class CostsQuestion:
    """group: what charges are added up by.  days: of the charges' starts.  compare: with the days before; currency: convert to it.

    top: so many groups of each currency, the others as one.  known_on: by the deliveries that were shown at the end of that day (UTC).
    Raises InvalidQuestion for a comparison without two ends or by time, and for a top below 1.
    """

    group: tuple[Dimension, ...] = (SHORT["service"],)
    metric: Metric = Metric.BILLED_COST
    days: Days = ALL_DAYS
    filters: tuple[Filter, ...] = ()
    compare: bool = False
    currency: str | None = None
    top: int | None = None
    known_on: date | None = None

    def __post_init__(self) -> None:
        if self.top is not None and self.top < 1:
            raise InvalidQuestion(f"top is {self.top}, expected 1 or more")
        if self.compare and self.days.count is None:
            raise InvalidQuestion("a comparison needs a period with two ends: a month, the last days, or from and to")
        times = [one.name for one in self.group if one.of_time]
        if self.compare and times:
            raise InvalidQuestion(f"two periods have no {times[0]} in common; compare them by something else than time")


@dataclass(frozen=True)
class CostGroup:
    """One combination of values.  keys: None for charges that have none; names: those that users know them by, None for none."""

    keys: tuple[str | None, ...]
    names: tuple[str | None, ...]
    amounts: Amounts


@dataclass(frozen=True)
class CurrencyCosts:
    """One currency's groups: by time where the first dimension is one, else the most expensive first.

    amounts: of all charges; others_count: how many groups are in `others` instead of `groups`.
    """

    currency: str
    amounts: Amounts
    groups: tuple[CostGroup, ...]
    others_count: int = 0
    others: Amounts = NOTHING

    def share_percent(self, one: Amounts) -> Decimal | None:
        """A part of the total, for people; None where there is no total above 0 to share."""
        total = self.amounts.total
        return one.total / total * 100 if total is not None and one.total is not None and total > 0 else None


@dataclass(frozen=True)
class CostsAnswer:
    """Charges by dimensions, each currency by itself, since currencies never add up.

    sources: what the charges rest on, of those that have some in the days.  previous: the days that were compared with, and filling_from
    the first asked day that is not compared.  rates: those that amounts were converted by.
    charged_days: the first and the last day that have charges; None where there are none at all.
    one_view: deliveries with charges in these days whose source does not provide the metric for commitments.
    hierarchy: its versions by which charges are allocated, where nodes were asked for.
    receipt: what the answer is worth.
    """

    question: CostsQuestion
    currencies: tuple[CurrencyCosts, ...]
    sources: tuple[Source, ...] = ()
    previous: Days | None = None
    filling_from: date | None = None
    rates: tuple[UsedRate, ...] = ()
    charged_days: tuple[date, date] | None = None
    since: tuple[str, ...] = ()
    one_view: tuple[OneView, ...] = ()
    hierarchy: tuple[UsedVersion, ...] = ()
    receipt: Receipt = field(default_factory=Receipt)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not known of the sums, in sentences."""
        return tuple(one_view_notes(one.as_facts() for one in self.one_view))

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        asked, compared = self.question, self.question.compare
        return {
            "group": [one.name for one in asked.group],
            "metric": asked.metric.value,
            **_span("from", "to", asked.days),
            "filter": [one.as_text() for one in asked.filters],
            "known_on": asked.known_on.isoformat() if asked.known_on else None,
            "as_of": max((one.as_of for one in self.sources), default=None),
            "sources": [one.as_json() for one in self.sources],
            "filling_from": self.filling_from.isoformat() if self.filling_from else None,
            "compared_with": _span("from", "to", self.previous) if self.previous else None,
            "rates": [one.as_json() for one in self.rates],
            "changed_since": list(self.since),
            "notes": list(self.notes),
            "hierarchy": [one.as_json() for one in self.hierarchy],
            "currencies": [_currency(one, compared) for one in self.currencies],
            "receipt": self.receipt.as_json(),
        }


@dataclass(frozen=True)
class CostsPrice:
    """What a question would scan; None where asking costs nothing."""

    scanned_bytes: int | None

    @property
    def list_price_usd(self) -> Decimal | None:
        """At list price, before the first tebibyte of a month, which is free."""
        return None if self.scanned_bytes is None else self.scanned_bytes * USD_PER_TEBIBYTE / (1 << 40)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        price = self.list_price_usd
        return {"scanned_bytes": self.scanned_bytes, "list_price_usd": None if price is None else plain(price)}


def ask_costs(rt: Runtime, org_slug: str, question: CostsQuestion) -> CostsAnswer:
    """What was charged.

    Raises BadConfiguration for what is no organization and for a currency without a rate, NotFound where rows that were known then
    are gone.
    """
    mark = allocation_mark(rt, org_slug, question.group, question.filters)  # before what it marks is read
    with asked_rows(rt, org_slug, question.known_on) as rows:
        sources = [one for one in rows.sources if within(one, question.days) and may_have(one, question.filters)]
        since = filling_from(sources, question.days)
        previous = previous_days(question.days, since) if question.compare else None
        allocated = _allocated(rt, org_slug, question, previous)
        added_up = _added_up(rt, org_slug, rows, question, _Spans(since, previous), allocated, mark)
        one_view = _in_one_view(rt, org_slug, question, rows.ask)
        receipt = receipt_of(
            rt, org_slug, rows, sources, question.days, rows.version + mark, added_up.named, added_up.charges
        )
    return CostsAnswer(
        question,
        added_up.currencies,
        tuple(sources),
        previous,
        since,
        added_up.rates,
        charged_days(rows.sources),
        rows.since,
        one_view,
        allocated.used if allocated else (),
        receipt,
    )


@dataclass(frozen=True)
class _AddedUp:
    """The sums of an answer.  named: the currencies of the charges, before they are converted."""

    currencies: tuple[CurrencyCosts, ...]
    charges: int
    named: frozenset[str]
    rates: tuple[UsedRate, ...] = ()


@dataclass(frozen=True)
class _Spans:
    """since: from which day on charges are filling up; previous: the days to compare with."""

    since: date | None
    previous: Days | None


def _added_up(
    rt: Runtime,
    org_slug: str,
    rows: Rows,
    question: CostsQuestion,
    spans: _Spans,
    allocated: Allocated | None,
    mark: str,
) -> _AddedUp:
    """mark: of how charges are allocated, as it was read before `allocated`."""
    query = _query(question, spans.since, spans.previous)
    if allocated:
        query = allocated.query(query)

    def made() -> _AddedUp:
        # of many groups the sums are kept, not the rows that they are made of
        ask = rows.ask if question.known_on else partial(rt.warehouse.query, org_slug)
        sums = read_costs(ask, query)
        charges, named = sum(one.charges for one in sums), frozenset(one.currency for one in sums)
        rates: tuple[UsedRate, ...] = ()
        if question.currency:
            sums, rates = in_dollars(rt, org_slug, sums)
        whole, parts = (allocated.whole(sums), allocated.parts(sums)) if allocated else (sums, sums)
        names = sorted({one.currency for one in sums})
        found = [_of_currency(name, whole, parts, question, spans.previous) for name in names]
        return _AddedUp(tuple(found), charges, named, rates)

    if rows.kept is None or question.currency:  # rates change without the charges
        return made()
    asked = (question.group, question.filters, question.top, spans.previous, mark)
    name = f"{query.sql}\n{sorted(query.parameters.items())!r}\n{asked!r}"
    return rows.kept.keep(name, made, lambda one: sum(len(each.groups) for each in one.currencies))


def price_costs(rt: Runtime, org_slug: str, question: CostsQuestion) -> CostsPrice:
    """What asking would be billed for; nothing is asked.  A question about an earlier day reads files, not the warehouse."""
    previous = previous_days(question.days, None) if question.compare else None
    allocated = _allocated(rt, org_slug, question, previous)
    query = _query(question, None, previous)
    if allocated:
        query = allocated.query(query)
    return CostsPrice(None if question.known_on else rt.warehouse.scanned_bytes(org_slug, query.sql, query.parameters))


def previous_days(days: Days, filling_from: date | None) -> Days | None:
    """The days to compare with: the month before a whole month, else as many days before; no more of them than are complete.

    None where the first day is not complete itself.  days: with both ends.
    """
    if days.first is None or days.last is None or days.count is None:
        return None
    month = BillingPeriod.of(days.first)
    if days == Days(month.start.date(), month.end.date() - timedelta(days=1)):
        before = Days(month.previous().start.date(), days.first - timedelta(days=1))
    else:
        before = Days(days.first - timedelta(days=days.count), days.first - timedelta(days=1))
    if filling_from is None or before.first is None or before.last is None:
        return before
    complete = (filling_from - days.first).days
    if complete <= 0:
        return None
    return Days(before.first, min(before.last, before.first + timedelta(days=complete - 1)))


def _allocated(rt: Runtime, org_slug: str, asked: CostsQuestion, previous: Days | None) -> Allocated | None:
    days = Days(previous.first, asked.days.last) if previous else asked.days
    return allocated_of(rt.documents, org_slug, asked.group, asked.filters, days)


def _in_one_view(rt: Runtime, org_slug: str, asked: CostsQuestion, ask: Ask) -> tuple[OneView, ...]:
    known = shown_in_one_view(rt.documents, org_slug, asked.metric.value)
    charged = read_charged_deliveries(ask, [one.delivery_id for one in known], asked.days)
    return tuple(one for one in known if one.delivery_id in charged)


def _query(question: CostsQuestion, since: date | None, previous: Days | None) -> CostsQuery:
    return CostsQuery(
        question.group,
        question.metric,
        question.days,
        question.filters,
        previous,
        since if question.compare else None,
        by_month=question.currency is not None,
    )


def _of_currency(
    currency: str, whole: Sequence[CostSum], parts: Sequence[CostSum], question: CostsQuestion, previous: Days | None
) -> CurrencyCosts:
    """whole: what the total is of; parts: the same by the question's groups."""
    by_keys: dict[tuple[str | None, ...], list[CostSum]] = {}
    for one in parts:
        if one.currency == currency:
            by_keys.setdefault(one.keys, []).append(one)
    groups = [CostGroup(keys, _names(found), _amounts(found, previous)) for keys, found in by_keys.items()]
    groups.sort(key=lambda one: [key or "" for key in one.keys])
    groups.sort(key=lambda one: _rank(one.amounts), reverse=True)
    shown = groups if question.top is None else groups[: question.top]
    others = groups[len(shown) :]
    if question.group[0].of_time:
        shown = sorted(shown, key=lambda one: one.keys[0] or "")
    counted = _amounts(
        (one for one in whole if one.currency == currency), previous
    )  # a charge that a rule splits is one
    everything = replace(
        sum_amounts(one.amounts for one in groups),
        charges=counted.charges,
        unknown=counted.unknown,
        previous_charges=counted.previous_charges,
    )
    return CurrencyCosts(currency, everything, tuple(shown), len(others), sum_amounts(one.amounts for one in others))


def _amounts(sums: Iterable[CostSum], previous: Days | None) -> Amounts:
    found = list(sums)
    asked = [one for one in found if one.span is not Span.PREVIOUS]
    charges = sum(one.charges for one in asked)
    total = Amounts(
        sum_known(one.cost for one in asked) if charges else Decimal(0),
        charges,
        charges - sum(one.known for one in asked),
    )
    if previous is None:
        return total
    before = [one for one in found if one.span is Span.PREVIOUS]
    return replace(
        total,
        complete=_whole(one for one in found if one.span is Span.ASKED),
        previous=_whole(before),
        previous_charges=sum(one.charges for one in before),
    )


def _whole(sums: Iterable[CostSum]) -> Decimal | None:
    """The sum, 0 of no charges, None where one of them has no amount."""
    found = list(sums)
    return add(one.cost or Decimal(0) for one in found) if all(one.known == one.charges for one in found) else None


def _names(sums: Sequence[CostSum]) -> tuple[str | None, ...]:
    """Of several names of one key, as BigQuery's max would have it, so that both warehouses agree."""
    return tuple(
        max((one for one in names if one), default=None) for names in zip(*(one.names for one in sums), strict=True)
    )


def _rank(amounts: Amounts) -> tuple[bool, Decimal]:
    return amounts.total is not None, amounts.total or Decimal(0)


def _span(first: str, last: str, days: Days) -> dict[str, str | None]:
    return {
        first: days.first.isoformat() if days.first else None,
        last: days.last.isoformat() if days.last else None,
    }


def _currency(found: CurrencyCosts, compared: bool) -> dict[str, Any]:
    groups = [
        {"keys": list(one.keys), "names": list(one.names), **one.amounts.as_json(compared)} for one in found.groups
    ]
    others = {"count": found.others_count, **found.others.as_json(compared)} if found.others_count else None
    return {"currency": found.currency, **found.amounts.as_json(compared), "groups": groups, "others": others}
