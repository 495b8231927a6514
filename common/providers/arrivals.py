"""How each source delivers by what its owner says (`arrivals.toml`): assumed until enough of an integration's deliveries are known."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

from common.domain.freshness import Pattern

OTHERS = "others"
"""What stands for every source without an entry of its own."""


@dataclass(frozen=True)
class Stated:
    """What is stated of one source.  published: in a sentence or two; reference: where, "" where nobody does."""

    pattern: Pattern
    published: str
    reference: str


@cache
def stated() -> Mapping[str, Stated]:
    """Every source that something is stated of, by the provider's name."""
    known = tomllib.loads(files(__package__).joinpath("arrivals.toml").read_text(encoding="utf-8"))
    return {name: _read(**entry) for name, entry in known.items()}


def stated_pattern(provider: str | None) -> Pattern:
    """How a provider's sources deliver."""
    return (stated().get(provider or "") or stated()[OTHERS]).pattern


def _read(
    lag_hours: int,
    published: str,
    reference: str,
    interval_hours: int | None = None,
    longest_interval_hours: int | None = None,
) -> Stated:
    lag = timedelta(hours=lag_hours)
    pattern = Pattern(_hours(interval_hours), _hours(longest_interval_hours), lag, lag)
    return Stated(pattern, published, reference)


def _hours(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(hours=count)
