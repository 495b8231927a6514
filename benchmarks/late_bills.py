"""Daily costs by seed, and what a bill delivered on one of their days knows of them: late lines arrive by a stated pattern.

The pattern of arrivals is an assumption, no provider publishes one: the share of a day's cost that a delivery made so many
days later holds, each share with a jitter of its own.  Costs are positive, with two fractional digits.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

ARRIVED = {"aws": (0.20, 0.65, 0.92), "gcp": (0.15, 0.50, 0.80, 0.95)}
"""Provider -> share of a day's cost known at the delivery on that day, a day later, and so on; all of it after that."""
JITTER = 0.05
MONTH_START, MONTH_DAYS = date(2026, 3, 1), 31
_WEEK = (1.0, 1.1, 1.15, 1.1, 1.0, 0.4, 0.3)

Rates = Callable[[random.Random, int], list[float]]


def steady(generator: random.Random, days: int) -> list[float]:
    """The same every day, with 8 % of noise."""
    return [1000 + generator.gauss(0, 80) for _ in range(days)]


def weekly(generator: random.Random, days: int) -> list[float]:
    """Working days and week ends, with noise."""
    return [800 * _WEEK[day % 7] + generator.gauss(0, 60) for day in range(days)]


def trend(generator: random.Random, days: int) -> list[float]:
    """Up or down by at most 0.8 % a day, with noise."""
    slope = generator.uniform(-0.008, 0.008)
    return [1000 * math.exp(slope * day) + generator.gauss(0, 60) for day in range(days)]


def wandering(generator: random.Random, days: int) -> list[float]:
    """A level that drifts."""
    level, values = 1000.0, []
    for _ in range(days):
        level += generator.gauss(0, 20)
        values.append(level + generator.gauss(0, 40))
    return values


def spikes(generator: random.Random, days: int) -> list[float]:
    """One day in twenty costs two to five times the usual."""
    return [
        (1000 + generator.gauss(0, 50)) * (generator.uniform(2, 5) if generator.random() < 0.05 else 1)
        for _ in range(days)
    ]


def skewed(generator: random.Random, days: int) -> list[float]:
    """Many small days and a few large ones."""
    return [generator.lognormvariate(5, 0.4) for _ in range(days)]


KINDS: Mapping[str, Rates] = {one.__name__: one for one in (steady, weekly, trend, wandering, spikes, skewed)}


@dataclass(frozen=True)
class LateBill:
    """What a delivery on a day of March knows.

    known: cost by day, up to the day of the delivery.  whole: what the same days cost in the end, and the rest of the month.
    """

    provider: str
    delivered_on: date
    known: Mapping[date, Decimal]
    whole: Mapping[date, Decimal]

    @property
    def spend(self) -> Decimal:
        """What is billed of March so far."""
        return sum((cost for day, cost in self.known.items() if day >= MONTH_START), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What March costs in the end."""
        return sum((cost for day, cost in self.whole.items() if day >= MONTH_START), Decimal(0))

    def cost_from(self, first: date) -> Decimal:
        """What March costs from a day on."""
        return sum((cost for day, cost in self.whole.items() if day >= first), Decimal(0))


def late_bill(kind: str, seed: int, provider: str, day_of_month: int, history: int) -> LateBill:
    """A bill of March delivered on a day of it, after so many days of history."""
    generator = random.Random(f"{kind} {seed} {provider} {history}")  # noqa: S311 - figures that repeat, no secret
    start = MONTH_START - timedelta(days=history)
    costs = KINDS[kind](generator, history + MONTH_DAYS)
    days = [start + timedelta(days=number) for number in range(history + MONTH_DAYS)]
    whole = {day: _cents(max(cost, 0.0)) for day, cost in zip(days, costs, strict=True)}
    delivered_on = MONTH_START + timedelta(days=day_of_month - 1)
    known = {
        day: _arrived(cost, ARRIVED[provider], (delivered_on - day).days, generator)
        for day, cost in whole.items()
        if day <= delivered_on
    }
    return LateBill(provider, delivered_on, known, whole)


def _arrived(cost: Decimal, shares: Sequence[float], age: int, generator: random.Random) -> Decimal:
    if age >= len(shares):
        return cost
    return _cents(float(cost) * min(max(shares[age] + generator.gauss(0, JITTER), 0.0), 1.0))


def _cents(cost: float) -> Decimal:
    return Decimal(round(cost * 100)).scaleb(-2)
