"""The three-way match: what a tenant's own meter reports, what the provider counted and what it charged, for one model and day.

Only the provider's cost is money.  A difference is what the meter reports less what was charged; each part of it that the data can
name is a reason, and the rest is unexplained, so that

    reported - billed = sum of the reasons + unexplained

holds exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from common.domain.money import add, subtract

INPUT, CACHE_READ, CACHE_WRITE, OUTPUT = "input", "cache_read", "cache_write", "output"
KINDS = (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT)
"""Kinds of tokens.  input: without those of the cache."""

CACHED_IN_FULL = "cached tokens priced in full"
CACHED_TWICE = "cached tokens counted twice"
BATCH = "batch discount"
TIER = "service tier priced otherwise"
CONTRACT = "own contract prices"
OLD_PRICES = "price table out of date"
MISSING_LINES = "missing log lines"
UNKNOWN_KEY = "key unknown to the meter"
NO_KEY = "usage without a key"
NOT_COUNTED = "calls that the provider does not count"
DAY_BOUNDARY = "day boundary"
FREE_TIER = "tier without cost"
NOT_METERED = "charges that are not metered"
ROUNDING = "rounding"
REASONS = (
    CACHED_IN_FULL, CACHED_TWICE, BATCH, TIER, CONTRACT, OLD_PRICES, MISSING_LINES, UNKNOWN_KEY, NO_KEY, NOT_COUNTED, DAY_BOUNDARY,
    FREE_TIER, NOT_METERED, ROUNDING,
)  # fmt: skip

GREEN, YELLOW, RED = "green", "yellow", "red"
_GREEN_FRACTION, _YELLOW_FRACTION, _SMALL = Decimal("0.005"), Decimal("0.03"), Decimal("0.01")
_TOKENS_FRACTION = Decimal("0.001")
_FITS, _NOISE = Decimal("0.0005"), Decimal("0.000000001")
"""A candidate explains what prices leave where it is this share of it; less than the noise is rounding: meters report binary floats."""
_DIGITS = Decimal("0.000000000001")
SETTLES_AFTER = timedelta(hours=48)
NO_COST_TIERS = frozenset({"priority", "priority_on_demand", "scale"})
ZERO = Decimal(0)
_VERSION = re.compile(r"[-@]([0-9]{4}-[0-9]{2}-[0-9]{2}|20[0-9]{6})$")

Tokens = Mapping[str, Decimal]


@dataclass(frozen=True)
class Cell:
    """What is compared.  model: None for charges without one.  api_key_id: None for usage without a key, "*" where costs have no keys."""

    provider: str
    day: date
    model: str | None
    api_key_id: str | None


@dataclass(frozen=True)
class Metered:
    """What the meter saw.  cost: of the calls that it put a cost on; uncosted: the tokens of the others."""

    tokens: Tokens
    requests: int
    cost: Decimal = ZERO
    uncosted: Tokens = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """What the provider counted.  requests: None where it does not count them.  batch: whether all, or no part, was batch; None: mixed."""

    tokens: Tokens
    requests: Decimal | None = None
    tiers: frozenset[str] = frozenset()
    batch: bool | None = None


@dataclass(frozen=True)
class Billed:
    """What the provider charged, by kind of token; other: charges for no tokens.  tokens: those charged, where the bill has them."""

    costs: Mapping[str, Decimal]
    tokens: Tokens
    other: Decimal = ZERO
    tiers: frozenset[str] = frozenset()
    batch: bool | None = None

    @property
    def total(self) -> Decimal:
        """All of it."""
        return add((*self.costs.values(), self.other))


@dataclass(frozen=True)
class Prices:
    """Of one token, by kind.  paid: of that day's charges.  standard: the list's.  contract: whether the tenant has its own.

    earlier: lists that were valid before, the newest first.
    """

    paid: Mapping[str, Decimal]
    standard: Mapping[str, Decimal] = field(default_factory=dict)
    contract: bool = False
    earlier: Sequence[Mapping[str, Decimal]] = ()


@dataclass(frozen=True)
class Line:
    """One cell compared.  reported: None where neither the meter nor a price gives a cost.  reasons: name -> amount."""

    cell: Cell
    metered: Metered | None
    counted: Counted | None
    billed: Billed | None
    reported: Decimal | None
    reasons: Mapping[str, Decimal]
    unexplained: Decimal

    @property
    def billed_cost(self) -> Decimal:
        """What was charged, 0 without a charge."""
        return self.billed.total if self.billed else ZERO

    @property
    def difference(self) -> Decimal | None:
        """Reported less charged."""
        return None if self.reported is None else subtract(self.reported, self.billed_cost)

    @property
    def tokens_agree(self) -> bool | None:
        """Whether meter and provider saw the same tokens, to 0.1 %; None where one of them saw nothing."""
        theirs = provider_tokens(self.counted, self.billed)
        if self.metered is None or theirs is None:
            return None
        ours, expected = total(self.metered.tokens), total(theirs)
        return abs(ours - expected) <= _TOKENS_FRACTION * expected

    @property
    def requests_agree(self) -> bool | None:
        """Whether both counted the same requests; None where one of them did not."""
        if self.metered is None or self.counted is None or self.counted.requests is None:
            return None
        return self.counted.requests == self.metered.requests


def is_settled(day: date, now: datetime) -> bool:
    """Whether a day (UTC) has been over for 48 hours."""
    return datetime.combine(day + timedelta(days=1), time(), UTC) + SETTLES_AFTER <= now


def band(reported: Decimal, billed: Decimal) -> str:
    """How far apart a model's day is: green to 0.5 % or 0.01, yellow to 3 %."""
    apart = abs(reported - billed)
    if apart <= max(_GREEN_FRACTION * abs(billed), _SMALL):
        return GREEN
    return YELLOW if apart <= _YELLOW_FRACTION * abs(billed) else RED


def model_family(model: str) -> str:
    """A model's name without the date of its version, as mappings make x_ModelFamily."""
    return _VERSION.sub("", model)


def total(tokens: Tokens) -> Decimal:
    """All kinds together."""
    return sum(tokens.values(), ZERO)


def provider_tokens(counted: Counted | None, billed: Billed | None) -> Tokens | None:
    """What the provider counted: by its usage, else by its bill."""
    if counted is not None:
        return counted.tokens
    return billed.tokens if billed is not None and billed.tokens else None


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
