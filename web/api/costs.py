"""Questions about costs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from common.domain.period import BillingPeriod
from common.reporting.allocated import allocation_mark
from common.reporting.arguments import (
    read_currency,
    read_day,
    read_days,
    read_dimensions,
    read_filter,
    read_metric,
    read_period,
)
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.forecast import ForecastQuestion, ask_forecast
from common.reporting.marks import receipt_mark
from common.warehouse.dimensions import Dimension, Filter
from web.api.declare import Call, Routes
from web.api.shapes import Amount, Asked, Day, Receipt, Source

routes = Routes("Costs")
_OWN, _OF_ORG = "/api/costs", "/api/v1/organizations/{org}/costs"

Filters = Annotated[
    list[Annotated[str, Field(max_length=2000)]],
    Field(
        default_factory=list,
        max_length=20,
        description="A condition: `column=value`, `column!=value`, `column~part`, `column in (a, b)`, `column not in (a, b)`, or `column=` "
        "for charges without one; `node=ID` with all below it.  Repeat it for several, which all hold",
        examples=[["region=us-east-1"]],
    ),
]
Metric = Annotated[str, Field("billed", description="billed, effective, list, contracted or estimated")]


class ChargesOf(Asked):
    """Which charges, and by which cost.  Days are those in which charges start, in UTC."""

    month: str | None = Field(None, description="The days of a month, YYYY-MM", examples=["2026-03"])
    last: str | None = Field(None, description="The last days up to today, such as 30d or 4w")
    first_day: str | None = Field(None, alias="from", description="The first day, YYYY-MM-DD, yesterday or today")
    last_day: str | None = Field(None, alias="to", description="The last day, included, YYYY-MM-DD, yesterday or today")
    filter: Filters
    metric: Metric
    known_on: str | None = Field(None, description="Answer by the deliveries that were shown at the end of this day")


class CostsOf(ChargesOf):
    """Which charges, and how they are added up."""

    compare: Literal["previous"] | None = Field(
        None,
        description="previous: also the days before, and the change; days that are still filling are left out of both",
    )
    convert: str | None = Field(
        None, description="USD: convert by the organization's own rates; a missing rate is a problem"
    )
    top: int | None = Field(None, ge=1, le=10_000, description="So many groups, the others as one")


class CostsBy(CostsOf):
    """The same, by any dimensions."""

    group: str = Field(
        "service",
        max_length=1000,
        description="service, provider, account, region, resource, integration, day, month, node (of the hierarchy), node:LEVEL, any FOCUS "
        "column or tag:KEY; several with commas",
    )


class Change(BaseModel):
    """By how much the complete days differ from the days before."""

    amount: Amount | None
    ratio: Amount | None = Field(description="As a part of what it was; null where that was not above 0")


class Amounts(BaseModel):
    """A sum.  The fields of a comparison are there where one was asked for."""

    total: Amount | None = Field(description="Of the charges that have an amount; null where none has")
    charges: int
    unknown: int = Field(description="How many of the charges have no amount")
    complete: Amount | None = Field(None, description="Of the total, what lies in days that no source still fills")
    previous: Amount | None = None
    previous_charges: int | None = None
    change: Change | None = None


class Group(Amounts):
    """The charges with one combination of values."""

    keys: list[str | None] = Field(description="One value for each dimension of `group`; null for charges without one")
    names: list[str | None] = Field(description="What users know the values by; null where the dimension has no names")


class Others(Amounts):
    """The groups beyond the top, as one."""

    count: int


class CurrencyCosts(Amounts):
    """One currency; different ones are never added up."""

    currency: str
    groups: list[Group]
    others: Others | None


class Span(BaseModel):
    """Days, both included; null: no end."""

    first_day: Day | None = Field(alias="from")
    last_day: Day | None = Field(alias="to")


class Rate(BaseModel):
    """A rate that amounts were converted by: US dollars for one unit."""

    month: str
    currency: str
    usd_rate: Amount
    source: str


class UsedVersion(BaseModel):
    """A version of the hierarchy that charges are allocated by."""

    version: int
    first_day: Day = Field(alias="from", description="The first day that it counts for")


class Costs(Span):
    """What was charged."""

    group: list[str]
    metric: str
    filter: list[str]
    known_on: Day | None
    as_of: str | None
    sources: list[Source]
    filling_from: Day | None
    compared_with: Span | None
    rates: list[Rate]
    changed_since: list[str]
    notes: list[str] = Field(description="What is not known of the sums, in sentences")
    hierarchy: list[UsedVersion] = Field(
        description="Where nodes are asked for: the versions that allocate the days' charges"
    )
    currencies: list[CurrencyCosts]
    receipt: Receipt


@routes.get(f"{_OWN}/summary", f"{_OF_ORG}/summary", answer=Costs, versioned=True)
def costs_summary(call: Call, query: CostsOf) -> dict[str, Any]:
    """What was charged, by provider.

    The totals of each currency, with the providers that they come from.
    """
    return _costs(call, query, "provider")


@routes.get(f"{_OWN}/by-service", f"{_OF_ORG}/by-service", answer=Costs, versioned=True)
def costs_by_service(call: Call, query: CostsOf) -> dict[str, Any]:
    """What was charged, by service."""
    return _costs(call, query, "service")


@routes.get(f"{_OWN}/by-account", f"{_OF_ORG}/by-account", answer=Costs, versioned=True)
def costs_by_account(call: Call, query: CostsOf) -> dict[str, Any]:
    """What was charged, by sub account."""
    return _costs(call, query, "account")


@routes.get(_OWN, _OF_ORG, answer=Costs, versioned=True)
def costs(call: Call, query: CostsBy) -> dict[str, Any]:
    """What was charged, by any dimensions."""
    return _costs(call, query, query.group)


class ForecastOf(Asked):
    """Which month and charges."""

    month: str | None = Field(None, description="YYYY-MM; the present month by default")
    filter: Filters
    metric: Metric


class Interval(BaseModel):
    """The expected total, and between what it lies in 80 of 100 cases."""

    expected: Amount
    low: Amount
    high: Amount
    trained_on_days: int


class CurrencyForecast(BaseModel):
    """One currency."""

    currency: str
    to_date: Amount | None
    charges: int
    unknown: int
    projected: Amount | None = Field(
        description="Cost to date / days elapsed * days of the month; null without 5 whole days"
    )
    forecast: Interval | None = Field(description="Null once the month has ended, and without 5 whole days")


class Forecast(BaseModel):
    """What a month is expected to cost when it ends."""

    month: str
    open: bool = Field(description="Whether the month has not ended")
    days: int
    metric: str
    filter: list[str]
    filling_from: Day | None
    sources: list[Source]
    currencies: list[CurrencyForecast]
    receipt: Receipt


@routes.get(f"{_OWN}/forecast", f"{_OF_ORG}/forecast", answer=Forecast, versioned=True)
def costs_forecast(call: Call, query: ForecastOf) -> dict[str, Any]:
    """What a month is expected to cost when it ends."""
    today = call.rt.clock.now().date()
    month = read_period(query.month) if query.month else BillingPeriod.of(today)
    question = ForecastQuestion(month, read_metric(query.metric), tuple(read_filter(one) for one in query.filter))
    call.versioned(*marks(call, question.filters), today.isoformat())
    return ask_forecast(call.rt, call.org_slug, question).as_json()


def question_of(query: CostsOf, group: str, today: date) -> CostsQuestion:
    """The question that a query string asks.  Raises InvalidQuestion."""
    return CostsQuestion(
        group=read_dimensions(group),
        metric=read_metric(query.metric),
        days=read_days(today, query.month, query.last, query.first_day, query.last_day, option=""),
        filters=tuple(read_filter(one) for one in query.filter),
        compare=query.compare is not None,
        currency=read_currency(query.convert) if query.convert else None,
        top=query.top,
        known_on=read_day(query.known_on) if query.known_on else None,
    )


def marks(call: Call, filters: tuple[Filter, ...], group: tuple[Dimension, ...] = ()) -> tuple[str, ...]:
    """What an answer stays the same with: the charges and their receipt, and where nodes are asked for the hierarchy."""
    found = receipt_mark(call.rt, call.org_slug), allocation_mark(call.rt, call.org_slug, group, filters)
    return tuple(filter(None, found))


def _costs(call: Call, query: CostsOf, group: str) -> dict[str, Any]:
    today = call.rt.clock.now().date()
    question = question_of(query, group, today)
    if not question.currency and not question.known_on:  # rates and the lives of files change without the charges
        call.versioned(*marks(call, question.filters, question.group), today.isoformat())
    return ask_costs(call.rt, call.org_slug, question).as_json()
