"""An answer about costs as flat rows: one per group and currency, and one for the groups beyond the top."""

from __future__ import annotations

from typing import Any

from common.reporting.amounts import Amounts
from common.reporting.costs import CostsAnswer, CurrencyCosts
from common.reporting.flat import COST, COUNT, DAY, TEXT, Flat
from common.warehouse.dimensions import Dimension


def flat_costs(answer: CostsAnswer) -> Flat:
    """Columns: each dimension (and its name), currency, the metric, charges, what a comparison adds, the period and its as-of.

    others: how many groups the row stands for, 0 for a group of its own.
    """
    asked = answer.question
    columns: dict[str, str] = {}
    for one in asked.group:
        columns |= {name: TEXT for name in _headings(one)}
    columns |= {"currency": TEXT, asked.metric.value: COST, "charges": COUNT, "unknown": COUNT}
    if asked.compare:
        columns |= {"complete": COST, "previous": COST, "previous_charges": COUNT, "change": COST}
    columns |= {"others": COUNT, "from": DAY, "to": DAY, "as_of": TEXT}
    as_of = max((one.as_of for one in answer.sources), default=None)
    tail = [asked.days.first, asked.days.last, as_of]
    rows = [[*row, *tail] for found in answer.currencies for row in _rows(found, asked.group, asked.compare)]
    return Flat(columns, rows)


def _headings(one: Dimension) -> list[str]:
    return [one.name, f"{one.name}_name"] if one.label else [one.name]


def _rows(found: CurrencyCosts, group: tuple[Dimension, ...], compare: bool) -> list[list[Any]]:
    rows = []
    for each in found.groups:
        cells: list[Any] = []
        for one, key, name in zip(group, each.keys, each.names, strict=True):
            cells += [key, name] if one.label else [key]
        rows.append([*cells, *_amounts(found.currency, each.amounts, compare), 0])
    if found.others_count:
        nothing = [None for one in group for _ in _headings(one)]
        rows.append([*nothing, *_amounts(found.currency, found.others, compare), found.others_count])
    return rows


def _amounts(currency: str, one: Amounts, compare: bool) -> list[Any]:
    compared = [one.complete, one.previous, one.previous_charges, one.change] if compare else []
    return [currency, one.total, one.charges, one.unknown, *compared]
