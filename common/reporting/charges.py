"""Single charges: the largest of some days, and one with all of its columns and what it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from common.domain.money import plain
from common.errors import NotFound
from common.ports import Runtime
from common.reporting.allocated import refuse_nodes
from common.reporting.arguments import InvalidQuestion
from common.reporting.costs import CostsAnswer, CostsQuestion, ask_costs
from common.reporting.plain_types import plain_row, plain_value
from common.reporting.sources import asked_rows
from common.warehouse.charges import ChargesQuery, FoundCharge, read_charge, read_charges
from common.warehouse.cost_report import ALL_DAYS, Days, Metric
from common.warehouse.dimensions import SHORT, Filter

MOST_CHARGES = 1000
"""An answer has no more: what looks for a charge filters further."""
ID_PARTS = "DELIVERY/ROW"


@dataclass(frozen=True)
class ChargesQuestion:
    """days: of the charges' starts.  most: how many are listed.  known_on: as `CostsQuestion` has it.

    Raises InvalidQuestion for a number out of range, and for conditions on nodes.
    """

    metric: Metric = Metric.BILLED_COST
    days: Days = ALL_DAYS
    filters: tuple[Filter, ...] = ()
    most: int = MOST_CHARGES
    known_on: date | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.most <= MOST_CHARGES:
            raise InvalidQuestion(f"top is {self.most}, expected 1 to {MOST_CHARGES:,}")
        refuse_nodes(self.filters, "single charges")


@dataclass(frozen=True)
class ChargesAnswer:
    """The largest charges, whichever their sign.  costs: all charges of the question, added up by currency and provider."""

    costs: CostsAnswer
    charges: tuple[FoundCharge, ...]

    @property
    def count(self) -> int:
        """How many charges there are, listed or not."""
        return sum(one.amounts.charges for one in self.costs.currencies)

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        whole = self.costs.as_json()
        kept = ("metric", "from", "to", "filter", "known_on", "filling_from", "notes")
        totals = [
            {name: one[name] for name in ("currency", "total", "charges", "unknown")} for one in whole["currencies"]
        ]
        return {
            **{name: whole[name] for name in kept},
            "currencies": totals,
            "charges": [charge_as_json(one) for one in self.charges],
            "receipt": whole["receipt"],
        }


@dataclass(frozen=True)
class ChargeReport:
    """One charge.  columns: FOCUS ones first, then x_ ones, with the values of the table; columns without a value are None."""

    charge_id: str
    delivery_id: str
    source_row_id: str
    integration_id: str
    billing_period: str
    columns: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        named = {name: value for name, value in vars(self).items() if name != "columns"}
        return {**named, "columns": plain_row(self.columns)}


def charge_id(delivery_id: str, source_row_id: str) -> str:
    """What a charge is known by: it stays the same while its delivery is shown."""
    return f"{delivery_id}/{source_row_id}"


def charge_as_json(one: FoundCharge) -> dict[str, Any]:
    """For programs."""
    named = {name: plain_value(value) for name, value in vars(one).items() if name != "cost"}
    return {
        "charge_id": charge_id(one.delivery_id, one.source_row_id),
        **named,
        "cost": None if one.cost is None else plain(one.cost),
    }


def ask_charges(rt: Runtime, org_slug: str, question: ChargesQuestion) -> ChargesAnswer:
    """The largest charges of some days, with the sum of all of them.  Raises what `ask_costs` raises."""
    by_provider = CostsQuestion(
        (SHORT["provider"],), question.metric, question.days, question.filters, known_on=question.known_on
    )
    costs = ask_costs(rt, org_slug, by_provider)
    if not costs.currencies:
        return ChargesAnswer(costs, ())
    query = ChargesQuery(question.metric, question.days, question.filters, question.most)
    with asked_rows(rt, org_slug, question.known_on) as rows:
        return ChargesAnswer(costs, tuple(read_charges(rows.ask, query)))


def show_charge(rt: Runtime, org_slug: str, wanted: str) -> ChargeReport:
    """One charge that is shown.  wanted: its id, `DELIVERY/ROW`.  Raises InvalidQuestion, and NotFound that says what to look for."""
    delivery_id, row = split_id(wanted)
    with asked_rows(rt, org_slug, None) as rows:
        slices = [piece for source in rows.sources for piece in source.slices]
        shown = next((one for one in slices if one.delivery_id == delivery_id), None)
        if shown is None:
            raise NotFound(
                f"delivery {delivery_id[:60]} shows no charges; a newer one may have replaced it: costwire deliveries lists them"
            )
        found = read_charge(rows.ask, shown, row)
    if found is None:
        raise NotFound(f"delivery {delivery_id} has no charge {row[:200]}; costwire charges lists them")
    return ChargeReport(wanted, delivery_id, row, shown.integration_id, shown.billing_period, found)


def split_id(wanted: str) -> tuple[str, str]:
    """(delivery, row) of a charge's id.  Raises InvalidQuestion."""
    delivery_id, separator, row = wanted.partition("/")
    if not separator or not delivery_id or not row:
        raise InvalidQuestion(
            f"'{wanted[:100]}' is not the id of a charge, expected {ID_PARTS}, as costwire charges lists it"
        )
    return delivery_id, row
