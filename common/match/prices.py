"""Prices of a token on a day: what was paid, and what lists say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from common.domain.match import Billed, Cell, Prices, model_family
from common.records.contract_prices import ContractPrice
from common.records.own_services import reference_rows


@dataclass(frozen=True)
class _Listed:
    """One line of the table of list prices."""

    pattern: re.Pattern[str]
    match_order: int
    kind: str
    price: Decimal
    valid_from: date
    valid_to: date


def prices_of(cell: Cell, billed: Mapping[Cell, Billed], own: Sequence[ContractPrice] = ()) -> Prices:
    """The prices of a model on a day.  billed: the charges of that model and day, whatever key.  own: those that the tenant agreed on."""
    found = _listed(cell.provider, cell.model or "")
    standard = {one.kind: one.price for one in found if one.valid_from <= cell.day < one.valid_to}
    starts = sorted({one.valid_from for one in found if one.valid_to <= cell.day}, reverse=True)
    earlier = [{one.kind: one.price for one in found if one.valid_from <= start < one.valid_to} for start in starts]
    names = (cell.model or "", model_family(cell.model or ""))
    agreed = any(
        one.provider == cell.provider and one.model in names and one.valid_from <= cell.day < one.valid_to
        for one in own
    )
    return Prices({**standard, **_paid(billed)}, standard, agreed, tuple(earlier))


def _paid(billed: Mapping[Cell, Billed]) -> dict[str, Decimal]:
    costs: dict[str, Decimal] = defaultdict(Decimal)
    tokens: dict[str, Decimal] = defaultdict(Decimal)
    for one in billed.values():
        for kind, count in one.tokens.items():
            costs[kind] += one.costs.get(kind, Decimal(0))
            tokens[kind] += count
    return {kind: costs[kind] / count for kind, count in tokens.items() if count > 0}


@cache
def _listed(provider: str, model: str) -> tuple[_Listed, ...]:
    """The list prices of a model, all validities: of the first pattern that fits its name."""
    fitting = [one for one in _table(provider) if one.pattern.fullmatch(model.lower())]
    first = min((one.match_order for one in fitting), default=0)
    return tuple(one for one in fitting if one.match_order == first)


@cache
def _table(provider: str) -> tuple[_Listed, ...]:
    return tuple(
        _Listed(
            re.compile(row["pattern"]),
            int(row["match_order"]),
            row["kind"],
            Decimal(row["price"]) / Decimal(row["per"]),
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]),
        )
        for row in reference_rows("genai_prices")
        if row["provider"] == provider and row["variant"] == "standard" and row["context_from"] == "0"
    )
