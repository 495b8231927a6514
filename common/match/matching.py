"""`costwire match`: a tenant's own meter against what providers counted and what they charged, settled days only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext

from common.domain.comparing import compare
from common.domain.match import (
    ZERO,
    Billed,
    Cell,
    Counted,
    Line,
    Metered,
    Prices,
    band,
    is_settled,
    provider_tokens,
    total,
)
from common.domain.money import EXACT, add
from common.match.answer import Match, ModelDay
from common.match.gathering import charged, counted, days_of, files_within, metered
from common.match.prices import prices_of
from common.match.sides import named_alike
from common.ports import Runtime
from common.records.contract_prices import ContractPrice, saved_prices
from common.warehouse.cost_report import ALL_DAYS, Days

_PRECISION = 100


def match(
    rt: Runtime, org_slug: str, days: Days = ALL_DAYS, meter: str | None = None, provider: str | None = None
) -> Match:
    """Compare the days that the meter has calls of.  meter, provider: only this kind, this provider."""
    files = files_within(rt, org_slug, meter)
    within = days_of(files, days)
    if within is None:
        return Match(None, (), (), (), (), {})
    seen = metered(rt, org_slug, files, _around(within))
    providers = sorted({cell.provider for cell in seen if provider in (None, cell.provider)})
    used = counted(rt, org_slug, providers, _around(within))
    charges = charged(rt.warehouse, org_slug, providers, _around(within))
    now = rt.clock.now()
    asked = [within.start.date() + timedelta(days=number) for number in range(within.count or 0)]
    settled = {day for day in asked if is_settled(day, now)}
    with localcontext(EXACT) as context:
        context.prec = _PRECISION
        sides = named_alike({cell: one for cell, one in seen.items() if cell.provider in providers}, used, charges)
        unbilled = _unbilled(*sides, settled)
        lines = _compared(*sides, settled, unbilled, saved_prices(rt.documents, org_slug))
        model_days = _by_model(lines)
    return Match(
        within, tuple(day for day in asked if day not in settled), tuple(sorted(unbilled)), tuple(lines), tuple(model_days),
        charges.other_currencies, tuple(providers), charges.rows,
    )  # fmt: skip


def _around(days: Days) -> Days:
    """With the day before and after, where calls at midnight may stand."""
    one = timedelta(days=1)
    return Days(days.first - one if days.first else None, days.last + one if days.last else None)


def _unbilled(
    seen: Mapping[Cell, Metered], used: Mapping[Cell, Counted], billed: Mapping[Cell, Billed], settled: set[date]
) -> set[tuple[str, date]]:
    known = {(cell.provider, cell.day) for cell in (*used, *billed)}
    return {(cell.provider, cell.day) for cell in seen if cell.day in settled} - known


def _compared(
    seen: Mapping[Cell, Metered],
    used: Mapping[Cell, Counted],
    billed: Mapping[Cell, Billed],
    settled: set[date],
    unbilled: set[tuple[str, date]],
    own_prices: Sequence[ContractPrice],
) -> list[Line]:
    known_keys = frozenset(cell.api_key_id for cell in seen if cell.api_key_id is not None)
    apart = {cell: _apart(cell, seen, used, billed) for cell in {*seen, *used, *billed}}
    by_model: dict[tuple[str, date, str | None], dict[Cell, Billed]] = defaultdict(dict)
    for cell, one in billed.items():
        by_model[cell.provider, cell.day, cell.model][cell] = one
    lines = []
    for cell in sorted(apart, key=_order):
        if cell.day not in settled or (cell.provider, cell.day) in unbilled:
            continue
        of_model = by_model[cell.provider, cell.day, cell.model]
        prices = prices_of(cell, of_model, own_prices) if cell.model else Prices({})
        moved = _moved(cell, apart)
        lines.append(compare(cell, seen.get(cell), used.get(cell), billed.get(cell), prices, known_keys, moved))
    return lines


def _apart(
    cell: Cell, seen: Mapping[Cell, Metered], used: Mapping[Cell, Counted], billed: Mapping[Cell, Billed]
) -> Decimal:
    """Tokens that the meter has too many."""
    theirs = provider_tokens(used.get(cell), billed.get(cell))
    return (total(seen[cell].tokens) if cell in seen else ZERO) - (total(theirs) if theirs else ZERO)


def _moved(cell: Cell, apart: Mapping[Cell, Decimal]) -> Decimal:
    """Of a neighbouring day, the tokens that are exactly those which this day has too few, or too many."""
    for step in (1, -1):
        other = apart.get(replace(cell, day=cell.day + timedelta(days=step)), ZERO)
        if other and other == -apart[cell]:
            return other
    return ZERO


def _by_model(lines: Sequence[Line]) -> list[ModelDay]:
    found: dict[tuple[str, date, str | None], list[Line]] = defaultdict(list)
    for line in lines:
        found[line.cell.provider, line.cell.day, line.cell.model].append(line)
    made = []
    for (provider, day, model), own in found.items():
        billed = add(one.billed_cost for one in own)
        reported = [one.reported for one in own]
        if None in reported:
            made.append(ModelDay(provider, day, model, None, billed, None))
        else:
            whole = add(one for one in reported if one is not None)
            made.append(ModelDay(provider, day, model, whole, billed, band(whole, billed) if model else None))
    return made


def _order(cell: Cell) -> tuple[str, date, str, str]:
    return cell.provider, cell.day, cell.model or "", cell.api_key_id or ""
