"""The parts of a difference between a meter and a provider's charges: which cause the data gives each of them.

Differences in tokens are priced at what was paid that day.  What is left of the meter's cost must be the amount of one cause: one that
could merely apply explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from common.domain.match import (
    BATCH,
    CACHE_READ,
    CACHED_IN_FULL,
    CACHED_TWICE,
    CONTRACT,
    DAY_BOUNDARY,
    FREE_TIER,
    INPUT,
    KINDS,
    MISSING_LINES,
    NO_KEY,
    NOT_COUNTED,
    NOT_METERED,
    OLD_PRICES,
    ROUNDING,
    TIER,
    UNKNOWN_KEY,
    ZERO,
    Billed,
    Cell,
    Counted,
    Line,
    Metered,
    Prices,
    Tokens,
    provider_tokens,
    total,
)
from common.domain.money import add, subtract

_FITS, _NOISE = Decimal("0.0005"), Decimal("0.000000001")
"""A candidate explains what prices leave where it is this share of it; less than the noise is rounding: meters report binary floats."""
_DIGITS = Decimal("0.000000000001")
NO_COST_TIERS = frozenset({"priority", "priority_on_demand", "scale"})


def compare(
    cell: Cell,
    metered: Metered | None,
    counted: Counted | None,
    billed: Billed | None,
    prices: Prices,
    known_keys: frozenset[str],
    moved: Decimal = ZERO,
) -> Line:
    """The line of a cell.

    known_keys: those that the meter has anywhere in the period.  moved: tokens that a neighbouring day has too many (negative: too few)
    of what this one lacks.
    """
    reported = _reported(metered, prices)
    line = Line(cell, metered, counted, billed, reported, {}, ZERO)
    difference = line.difference
    if difference is None:
        return line
    found: dict[str, Decimal] = {}
    for name, amount in (
        *_of_tokens(cell, metered, provider_tokens(counted, billed), prices, known_keys, moved),
        *_of_prices(metered, counted, billed, prices),
        *_of_charges(counted, billed, prices),
    ):
        rounded = amount.quantize(_DIGITS)
        if rounded:
            found[name] = found.get(name, ZERO) + rounded
    rest = subtract(difference, add(found.values()))
    if rest and abs(rest) <= _NOISE:
        found[ROUNDING] = found.get(ROUNDING, ZERO) + rest
        rest = ZERO
    return Line(cell, metered, counted, billed, reported, found, rest)


def _reported(metered: Metered | None, prices: Prices) -> Decimal | None:
    """What the meter puts on its calls; what it puts no cost on counts at the prices paid.  None where those are not known."""
    if metered is None:
        return ZERO
    if any(count and kind not in prices.paid for kind, count in metered.uncosted.items()):
        return None
    return metered.cost + _priced(metered.uncosted, prices.paid)


def _of_tokens(
    cell: Cell,
    metered: Metered | None,
    theirs: Tokens | None,
    prices: Prices,
    known_keys: frozenset[str],
    moved: Decimal,
) -> Iterable[tuple[str, Decimal]]:
    """Tokens that one side has and the other lacks, at the prices paid."""
    if theirs is None:
        theirs = {}
    ours = dict(metered.tokens) if metered else {}
    # a log without the detail of the cache has those tokens as input
    seen_as_input = min(
        theirs.get(CACHE_READ, ZERO) - ours.get(CACHE_READ, ZERO), ours.get(INPUT, ZERO) - theirs.get(INPUT, ZERO)
    )
    if seen_as_input > 0 and INPUT in prices.paid and CACHE_READ in prices.paid:
        ours[INPUT] -= seen_as_input
        ours[CACHE_READ] = ours.get(CACHE_READ, ZERO) + seen_as_input
        yield CACHED_IN_FULL, seen_as_input * (prices.paid[INPUT] - prices.paid[CACHE_READ])
    apart = {kind: ours.get(kind, ZERO) - theirs.get(kind, ZERO) for kind in KINDS}
    amount = _priced(apart, prices.paid)
    if not amount:
        return
    if moved and moved == -total(apart):
        yield DAY_BOUNDARY, amount
    elif amount > 0:
        yield NOT_COUNTED, amount
    elif cell.api_key_id is None:
        yield NO_KEY, amount
    elif metered is None and cell.api_key_id not in known_keys:
        yield UNKNOWN_KEY, amount
    else:
        yield MISSING_LINES, amount


def _of_prices(
    metered: Metered | None, counted: Counted | None, billed: Billed | None, prices: Prices
) -> Iterable[tuple[str, Decimal]]:
    """What is left of a reported cost once its own tokens are priced as the provider did: the first cause that gives that amount."""
    if metered is None or not metered.cost:
        return
    costed = {kind: count - metered.uncosted.get(kind, ZERO) for kind, count in metered.tokens.items()}
    if any(count and kind not in prices.paid for kind, count in costed.items()):
        return
    rest = metered.cost - _priced(costed, prices.paid)
    if abs(rest) <= _NOISE:
        return
    for name, amount in _causes(costed, counted, billed, prices):
        if amount and abs(rest - amount) <= max(_FITS * abs(amount), _NOISE):
            yield name, rest
            return


def _causes(
    costed: Tokens, counted: Counted | None, billed: Billed | None, prices: Prices
) -> Iterable[tuple[str, Decimal]]:
    paid = prices.paid
    cached = costed.get(CACHE_READ, ZERO)
    if cached and INPUT in paid:
        yield CACHED_IN_FULL, cached * (paid[INPUT] - paid[CACHE_READ])
        yield CACHED_TWICE, cached * paid[INPUT]
    known = counted or billed
    if _covers(prices.standard, costed):
        at_list = _priced(costed, prices.standard) - _priced(costed, paid)
        if known is not None and known.batch:
            yield BATCH, at_list
        if known is not None and known.tiers - {"default", "standard"}:
            yield TIER, at_list
        if prices.contract:
            yield CONTRACT, at_list
    for table in prices.earlier:
        if _covers(table, costed):
            yield OLD_PRICES, _priced(costed, table) - _priced(costed, paid)


def _of_charges(counted: Counted | None, billed: Billed | None, prices: Prices) -> Iterable[tuple[str, Decimal]]:
    """What the provider counted and did not charge, and what it charged for no tokens."""
    if billed is not None and billed.other:
        yield NOT_METERED, -billed.other
    if counted is None:
        return
    charged = billed.tokens if billed else {}
    uncharged = {kind: counted.tokens.get(kind, ZERO) - charged.get(kind, ZERO) for kind in KINDS}
    amount = _priced(uncharged, prices.paid)
    if amount and counted.tiers & NO_COST_TIERS:
        yield FREE_TIER, amount


def _covers(table: Mapping[str, Decimal], tokens: Tokens) -> bool:
    return all(kind in table for kind, count in tokens.items() if count)


def _priced(tokens: Tokens, prices: Mapping[str, Decimal]) -> Decimal:
    return sum((count * prices[kind] for kind, count in tokens.items() if count and kind in prices), ZERO)
