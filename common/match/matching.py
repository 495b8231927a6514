"""`costwire match`: a tenant's own meter against what providers counted and what they charged, settled days only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any, TypeVar

from common.domain.match import (
    RED,
    ZERO,
    Billed,
    Cell,
    Counted,
    Line,
    Metered,
    Prices,
    band,
    compare,
    is_settled,
    model_family,
    provider_tokens,
    total,
)
from common.domain.money import EXACT, add, plain, subtract
from common.match.gathering import CURRENCY, Charges, charged, counted, days_of, files_within, metered
from common.match.prices import prices_of
from common.ports import Runtime
from common.records.contract_prices import ContractPrice, saved_prices
from common.warehouse.cost_report import ALL_DAYS, Days

Side = TypeVar("Side")
ALL_KEYS = "*"
"""Instead of a key where a provider's costs have none."""
_PRECISION = 100


@dataclass(frozen=True)
class ModelDay:
    """One model on one day, all keys.  colour: of `common.domain.match`; None without a model or where the meter gives no cost."""

    provider: str
    day: date
    model: str | None
    reported: Decimal | None
    billed: Decimal
    colour: str | None


@dataclass(frozen=True)
class Match:
    """The answer.  days: those looked at; None where the meter has no calls in the days asked for.  open_days: not settled yet.

    unbilled: settled days of a provider that has neither charges nor usage on them, which are not compared.  other_currencies: charges that
    are not compared, since meters know US dollars only.
    """

    days: Days | None
    open_days: tuple[date, ...]
    unbilled: tuple[tuple[str, date], ...]
    lines: tuple[Line, ...]
    model_days: tuple[ModelDay, ...]
    other_currencies: Mapping[str, Decimal]

    @property
    def reported(self) -> Decimal:
        """What the meter reports, of the lines that have a cost."""
        return add(one.reported for one in self.lines if one.reported is not None)

    @property
    def billed(self) -> Decimal:
        """What was charged for the same lines: the only money here."""
        return add(one.billed_cost for one in self.lines if one.reported is not None)

    @property
    def reasons(self) -> dict[str, Decimal]:
        """The named parts of the difference, the largest first."""
        found: dict[str, list[Decimal]] = defaultdict(list)
        for line in self.lines:
            for name, amount in line.reasons.items():
                found[name].append(amount)
        sums = {name: add(amounts) for name, amounts in found.items()}
        return dict(sorted(sums.items(), key=lambda one: (-abs(one[1]), one[0])))

    @property
    def unexplained(self) -> Decimal:
        """The rest of the difference."""
        return add(one.unexplained for one in self.lines)

    @property
    def unpriced(self) -> int:
        """Lines without a cost on the meter's side: neither it nor a price has one."""
        return sum(one.reported is None for one in self.lines)

    def share_percent(self, amount: Decimal) -> Decimal | None:
        """An amount as a share of what the meter reports, one digit behind the point."""
        return round(amount * 100 / self.reported, 1) if self.reported else None

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return {
            "first_day": self.days.first if self.days else None,
            "last_day": self.days.last if self.days else None,
            "open_days": list(self.open_days),
            "unbilled_days": [{"provider": provider, "day": day} for provider, day in self.unbilled],
            "currency": CURRENCY,
            "reported": plain(self.reported),
            "billed": plain(self.billed),
            "difference": plain(subtract(self.reported, self.billed)),
            "reasons": [
                {"reason": name, "amount": plain(amount), "share_percent": _text(self.share_percent(amount))}
                for name, amount in self.reasons.items()
            ],
            "unexplained": plain(self.unexplained),
            "unpriced_lines": self.unpriced,
            "other_currencies": [
                {"currency": name, "billed": plain(amount)} for name, amount in self.other_currencies.items()
            ],
            "model_days": [_model_day_as_json(one) for one in self.model_days],
            "lines": [_line_as_json(one) for one in self.lines],
        }


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
        sides = _named_alike({cell: one for cell, one in seen.items() if cell.provider in providers}, used, charges)
        unbilled = _unbilled(*sides, settled)
        lines = _compared(*sides, settled, unbilled, saved_prices(rt.documents, org_slug))
        model_days = _by_model(lines)
    return Match(
        within, tuple(day for day in asked if day not in settled), tuple(sorted(unbilled)), tuple(lines), tuple(model_days),
        charges.other_currencies,
    )  # fmt: skip


def _around(days: Days) -> Days:
    """With the day before and after, where calls at midnight may stand."""
    one = timedelta(days=1)
    return Days(days.first - one if days.first else None, days.last + one if days.last else None)


_Sides = tuple[dict[Cell, Metered], dict[Cell, Counted], dict[Cell, Billed]]


def _named_alike(seen: Mapping[Cell, Metered], used: Mapping[Cell, Counted], charges: Charges) -> _Sides:
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


def _added(places: Mapping[Cell, Cell], sides: Mapping[Cell, Side], added: Any) -> dict[Cell, Side]:
    made: dict[Cell, Side] = {}
    for cell, place in places.items():
        made[place] = added(made[place], sides[cell]) if place in made else sides[cell]
    return made


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


def red_days(found: Match) -> dict[tuple[str, date], list[ModelDay]]:
    """Provider and day -> its red models."""
    red: dict[tuple[str, date], list[ModelDay]] = defaultdict(list)
    for one in found.model_days:
        if one.colour == RED:
            red[one.provider, one.day].append(one)
    return red


def _order(cell: Cell) -> tuple[str, date, str, str]:
    return cell.provider, cell.day, cell.model or "", cell.api_key_id or ""


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


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _model_day_as_json(one: ModelDay) -> dict[str, Any]:
    return {**vars(one), "reported": _text(one.reported), "billed": plain(one.billed)}


def _line_as_json(line: Line) -> dict[str, Any]:
    theirs = provider_tokens(line.counted, line.billed)
    return {
        **vars(line.cell),
        "metered_requests": line.metered.requests if line.metered else None,
        "counted_requests": _text(line.counted.requests) if line.counted else None,
        "metered_tokens": _tokens(line.metered.tokens if line.metered else None),
        "counted_tokens": _tokens(theirs),
        "requests_agree": line.requests_agree,
        "tokens_agree": line.tokens_agree,
        "reported": _text(line.reported),
        "billed": plain(line.billed_cost),
        "reasons": [{"reason": name, "amount": plain(amount)} for name, amount in line.reasons.items()],
        "unexplained": plain(line.unexplained),
    }


def _tokens(found: Mapping[str, Decimal] | None) -> dict[str, str] | None:
    return None if found is None else {kind: plain(count) for kind, count in found.items()}
