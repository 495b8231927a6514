"""The three-way match: what a tenant's own meter reports, what the provider counted and what it charged, for one model and day.

Only the provider's cost is money.  A difference is what the meter reports less what was charged; each part of it that the data can
name is a reason, and the rest is unexplained, so that

    reported - billed = sum of the reasons + unexplained

holds exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
SETTLES_AFTER = timedelta(hours=48)
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
