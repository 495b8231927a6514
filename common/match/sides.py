"""The three sides of a match under the same names: models as the provider has them, keys only where its costs have keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TypeVar

from common.domain.match import ZERO, Billed, Cell, Counted, Metered, model_family
from common.match.gathering import Charges

Side = TypeVar("Side")
ALL_KEYS = "*"
"""Instead of a key where a provider's costs have none."""
Sides = tuple[dict[Cell, Metered], dict[Cell, Counted], dict[Cell, Billed]]


def named_alike(seen: Mapping[Cell, Metered], used: Mapping[Cell, Counted], charges: Charges) -> Sides:
    """Cells of the three sides under the same names: models as the provider has them, keys only where its costs have keys."""
    billed = charges.cells
    models: dict[tuple[str, date], set[str]] = defaultdict(set)
    for cell in (*used, *billed):
        if cell.model:
            models[cell.provider, cell.day].add(cell.model)
    renamed = {
        cell: replace(cell, model=_provider_name(cell, models[cell.provider, cell.day], charges.families))
        for cell in seen
    }
    keyless = _without_keys({*renamed.values(), *used}, billed)

    def place(cell: Cell) -> Cell:
        return replace(cell, api_key_id=ALL_KEYS) if (cell.provider, cell.day, cell.model) in keyless else cell

    return (
        _added({cell: place(renamed[cell]) for cell in seen}, seen, _add_metered),
        _added({cell: place(cell) for cell in used}, used, _add_counted),
        _added({cell: place(cell) for cell in billed}, billed, _add_billed),
    )


def _provider_name(cell: Cell, models: Iterable[str], families: Mapping[str, str]) -> str | None:
    """A meter may have a model by another version or spelling: then the only model of its family which the provider has that day."""
    known = set(models)
    if cell.model is None or cell.model in known:
        return cell.model
    own = model_family(cell.model)
    family = sorted(one for one in known if own in (families.get(one), model_family(one)))
    return family[0] if len(family) == 1 else cell.model


def _without_keys(keyed: Iterable[Cell], billed: Mapping[Cell, Billed]) -> set[tuple[str, date, str | None]]:
    """Models of a day of which some cost has no key while usage has one that no cost has."""
    of_costs: dict[tuple[str, date, str | None], set[str | None]] = defaultdict(set)
    for cell in billed:
        of_costs[cell.provider, cell.day, cell.model].add(cell.api_key_id)
    found = set()
    for cell in keyed:
        keys = of_costs.get((cell.provider, cell.day, cell.model), set())
        if None in keys and cell.api_key_id is not None and cell.api_key_id not in keys:
            found.add((cell.provider, cell.day, cell.model))
    return found


def _added(
    places: Mapping[Cell, Cell], sides: Mapping[Cell, Side], added: Callable[[Side, Side], Side]
) -> dict[Cell, Side]:
    made: dict[Cell, Side] = {}
    for cell, place in places.items():
        made[place] = added(made[place], sides[cell]) if place in made else sides[cell]
    return made


def _add_metered(one: Metered, other: Metered) -> Metered:
    return Metered(
        _summed(one.tokens, other.tokens),
        one.requests + other.requests,
        one.cost + other.cost,
        _summed(one.uncosted, other.uncosted),
    )


def _add_counted(one: Counted, other: Counted) -> Counted:
    requests = None if one.requests is None or other.requests is None else one.requests + other.requests
    same = one.batch if one.batch == other.batch else None
    return Counted(_summed(one.tokens, other.tokens), requests, one.tiers | other.tiers, same)


def _add_billed(one: Billed, other: Billed) -> Billed:
    same = one.batch if one.batch == other.batch else None
    return Billed(
        _summed(one.costs, other.costs),
        _summed(one.tokens, other.tokens),
        one.other + other.other,
        one.tiers | other.tiers,
        same,
    )


def _summed(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {kind: one.get(kind, ZERO) + other.get(kind, ZERO) for kind in {**one, **other}}
