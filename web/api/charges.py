"""Single charges, down to the line of the bill."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from common.errors import NotFound
from common.reporting.arguments import read_day, read_days, read_filter, read_metric
from common.reporting.charges import MOST_CHARGES, ChargeReport, ChargesQuestion, ask_charges, show_charge
from common.reporting.marks import receipt_mark
from web.api.costs import ChargesOf
from web.api.declare import Call, Routes
from web.api.shapes import Amount, Asked, Day, Moment, Receipt

if TYPE_CHECKING:
    from common.normalization.source_line import SourceLine

routes = Routes("Costs")
_ORG = "/api/v1/organizations/{org}"


class ChargesWanted(ChargesOf):
    """Which charges, and how many."""

    top: int = Field(100, ge=1, le=MOST_CHARGES, description="So many charges, the largest amounts first")


class Charge(BaseModel):
    """One charge of a list."""

    charge_id: str = Field(description="What it is known by while its delivery is shown")
    delivery_id: str
    source_row_id: str
    integration_id: str
    provider: str | None
    charge_start: Moment
    charge_end: Moment | None
    charge_category: str | None
    charge_description: str | None
    service_name: str | None
    sub_account_id: str | None
    region_id: str | None
    resource_id: str | None
    currency: str
    cost: Amount | None = Field(description="Of the asked metric; null where the source has none")


class ChargedTotal(BaseModel):
    """All charges of one currency, listed or not."""

    currency: str
    total: Amount | None
    charges: int
    unknown: int


class Charges(BaseModel):
    """The largest charges, whichever their sign."""

    metric: str
    first_day: Day | None = Field(alias="from")
    last_day: Day | None = Field(alias="to")
    filter: list[str]
    known_on: Day | None
    filling_from: Day | None
    notes: list[str]
    currencies: list[ChargedTotal]
    charges: list[Charge]
    receipt: Receipt


class Cell(BaseModel):
    """One cell of a line.  Names of a file's columns may repeat."""

    column: str
    value: str | None


class Line(BaseModel):
    """A line of a bill as it came."""

    file: str
    kind: str = Field(description="csv, parquet, json (lines) or answers (of an API)")
    number: str = Field(description="Which row of the file, from 1, without the header; of answers page.entry")
    cells: list[Cell]


class WholeCharge(BaseModel):
    """A charge with all of its columns."""

    charge_id: str
    delivery_id: str
    source_row_id: str
    integration_id: str
    billing_period: str
    columns: dict[str, Any] = Field(description="FOCUS columns, then x_ ones; decimals are text")
    source_line: Line | None = Field(description="The line that it was made of, where it was asked for and is found")
    source_line_absent: str | None = Field(description="Why there is none")


class ChargeWanted(Asked):
    """Which charge."""

    id: str = Field(min_length=3, max_length=4000, description="The charge_id of a list")
    line: bool = Field(False, description="With the line of the bill; the whole file is looked through")


@routes.get(f"{_ORG}/charges", answer=Charges, versioned=True)
def list_charges(call: Call, query: ChargesWanted) -> dict[str, Any]:
    """Single charges, the largest amounts first."""
    today = call.rt.clock.now().date()
    question = charges_question(query, query.top, today)
    if not question.known_on:
        call.versioned(receipt_mark(call.rt, call.org_slug), today.isoformat())
    return ask_charges(call.rt, call.org_slug, question).as_json()


@routes.get(f"{_ORG}/charge", answer=WholeCharge)
def get_charge(call: Call, query: ChargeWanted) -> dict[str, Any]:
    """One charge with its columns, and the line of the bill that it was made of."""
    found = show_charge(call.rt, call.org_slug, query.id)
    line, absent = source_line_of(call, found) if query.line else (None, None)
    return {
        **found.as_json(),
        "source_line": line.as_json() if line else None,
        "source_line_absent": absent,
    }


def charges_question(query: ChargesOf, most: int, today: date) -> ChargesQuestion:
    """The question that a query string asks.  Raises InvalidQuestion."""
    return ChargesQuestion(
        read_metric(query.metric),
        read_days(today, query.month, query.last, query.first_day, query.last_day, option=""),
        tuple(read_filter(one) for one in query.filter),
        most,
        read_day(query.known_on) if query.known_on else None,
    )


def source_line_of(call: Call, charge: ChargeReport) -> tuple[SourceLine | None, str | None]:
    """(the line of a charge, why there is none)."""
    from common.normalization.source_line import read_source_line  # with Arrow: 50 MB that other requests need not

    try:
        return read_source_line(call.rt, call.org_slug, charge.delivery_id, charge.source_row_id), None
    except NotFound as error:
        return None, str(error)
