"""The platform's own bill: a line per day, organization and kind, at list prices, as CSV.

The same days give the same bytes.  Amounts are exact, rounded once to the 24 digits that a cost column has.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, localcontext
from functools import cache

from common.domain.money import EXACT, plain, round_cost
from common.ports import DocumentStore
from common.records.platform_usage import TakenDay, days_of, month_of
from common.running_costs.prices import Price, load_prices
from common.running_costs.world import HERE

COLUMNS = (
    "line_id", "billing_month", "usage_day", "day_end", "organization", "usage_kind", "kind_title", "service_category",
    "service_subcategory", "currency", "estimated_cost", "billing_account", "units", "counts", "not_known", "prices_as_of",
)  # fmt: skip
CURRENCY = "USD"


@dataclass(frozen=True)
class Kind:
    """What a line is about."""

    name: str
    title: str
    category: str
    subcategory: str
    units: tuple[str, ...]


@cache
def kinds() -> tuple[Kind, ...]:
    """The kinds of lines, in the order of the table."""
    data = tomllib.loads((HERE / "kinds.toml").read_text(encoding="utf-8"))
    return tuple(Kind(name, **{**one, "units": tuple(one["units"])}) for name, one in data.items())


def bills_of(documents: DocumentStore, operator: str, account: str, months: Sequence[str]) -> dict[str, bytes]:
    """Name -> content of the bills of months, of those that have lines.  account: the deployment, as the lines name it."""
    found = {month: days_of(documents, operator, month) for month in sorted(set(months))}
    return {f"{month}.csv": bill_of(days, account) for month, days in found.items() if days}


def bill_of(days: Iterable[TakenDay], account: str) -> bytes:
    """The lines of a month, by day, organization and kind."""
    prices, _ = load_prices()
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    for one in sorted(days, key=lambda each: (each.day, each.org_slug)):
        table.writerows(_lines(one, account, prices))
    return written.getvalue().encode()


def cost_of(units: Mapping[str, Decimal], prices: Mapping[str, Price]) -> Decimal:
    """In US dollars at list price, rounded once."""
    with localcontext(EXACT):
        return round_cost(sum((prices[name].of(quantity) for name, quantity in units.items()), Decimal(0)))


def _lines(taken: TakenDay, account: str, prices: Mapping[str, Price]) -> Iterator[dict[str, str]]:
    """Those of kinds that were taken; each day at least one, so that what was counted is said."""
    for kind in kinds():
        units = {name: taken.units[name] for name in kind.units if taken.units.get(name)}
        if not units:
            continue
        yield {
            "line_id": f"{taken.day}/{taken.org_slug}/{kind.name}",
            "billing_month": f"{month_of(taken.day)}-01",
            "usage_day": taken.day.isoformat(),
            "day_end": (taken.day + timedelta(days=1)).isoformat(),
            "organization": taken.org_slug,
            "usage_kind": kind.name,
            "kind_title": kind.title,
            "service_category": kind.category,
            "service_subcategory": kind.subcategory,
            "currency": CURRENCY,
            "estimated_cost": plain(cost_of(units, prices)),
            "billing_account": account,
            "units": _json({name: plain(quantity) for name, quantity in units.items()}),
            "counts": _json(taken.counts),
            "not_known": ", ".join(taken.unknown),
            "prices_as_of": max(prices[name].as_of for name in units),
        }


def _json(table: Mapping[str, object]) -> str:
    return json.dumps(dict(sorted(table.items())), ensure_ascii=False)
