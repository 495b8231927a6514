"""Rules of allocation: which charges a rule is for, and the shares that nodes get of them.

Shares are exact decimals that add up to 1, so that the parts of any sum are the sum again, whatever it was grouped by.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import prod
from types import MappingProxyType

from common.domain.money import read_number
from common.domain.nearest import did_you_mean

SHARE_DIGITS = 12
"""Fractional digits of a share."""
ACCOUNT, SERVICE, REGION, TAG = "account", "service", "region", "tag:"
COLUMNS = (ACCOUNT, SERVICE, REGION)
MOST_PRIORITY = 1_000_000
MOST_SHARES = 100
MOST_CONDITIONS = 8
_LONGEST_VALUE = 1_000
_UNITS = 10**SHARE_DIGITS
_MOST_WEIGHT = 1_000_000
_WEIGHT_DIGITS = 6
_WHOLE = re.compile(r"[0-9]{1,9}")


class InvalidHierarchy(ValueError):
    """A tree or rules that cannot be; the message says what was found and what was expected."""


class UnknownNode(InvalidHierarchy):
    """A node that is to be changed and does not exist."""


class NodeExists(InvalidHierarchy):
    """A node's id, or a rule's priority, that is taken."""


@dataclass(frozen=True)
class Condition:
    """What one column of a charge must be.  column: account, service, region or `tag:KEY`; values: alternatives, compared exactly."""

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.column not in COLUMNS and not (self.column.startswith(TAG) and len(self.column) > len(TAG)):
            raise InvalidHierarchy(
                f"a rule has a condition on '{self.column[:60]}', expected {', '.join(COLUMNS)} or tag:KEY"
                f"{did_you_mean(self.column[:60], COLUMNS)}"
            )
        if not self.values or len(set(self.values)) < len(self.values):
            raise InvalidHierarchy(f"the condition on {self.column[:60]} has no values, or one twice")
        for text in (self.column, *self.values):
            if not text or len(text) > _LONGEST_VALUE or any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
                raise InvalidHierarchy(
                    f"the condition on {self.column[:60]!a} has a value that is empty, longer than {_LONGEST_VALUE} characters, or has "
                    "control characters"
                )


@dataclass(frozen=True)
class Rule:
    """Charges for which all conditions hold go to the nodes of `weights`.  priority: the rule with the least that matches counts.

    weights: node -> its part; they need not add up to anything.
    """

    priority: int
    conditions: tuple[Condition, ...]
    weights: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", tuple(sorted(self.conditions, key=lambda one: one.column)))
        object.__setattr__(self, "weights", MappingProxyType(dict(sorted(self.weights.items()))))
        if isinstance(self.priority, bool) or not 1 <= self.priority <= MOST_PRIORITY:
            raise InvalidHierarchy(f"priority is {self.priority}, expected a whole number from 1 to {MOST_PRIORITY:,}")
        named = [one.column for one in self.conditions]
        if not 1 <= len(named) <= MOST_CONDITIONS or len(set(named)) < len(named):
            raise InvalidHierarchy(
                f"rule {self.priority} has {len(named)} conditions, expected 1 to {MOST_CONDITIONS}, each on another column"
            )
        if not 1 <= len(self.weights) <= MOST_SHARES:
            raise InvalidHierarchy(
                f"rule {self.priority} allocates to {len(self.weights)} nodes, expected 1 to {MOST_SHARES}"
            )
        for node_id, weight in self.weights.items():
            if not 0 < weight <= _MOST_WEIGHT or weight != round(weight, _WEIGHT_DIGITS):
                raise InvalidHierarchy(
                    f"rule {self.priority}: the weight of {node_id[:70]} is {str(weight)[:40]}, expected more than 0, "
                    f"at most {_MOST_WEIGHT:,}, and at most {_WEIGHT_DIGITS} fractional digits"
                )
        if not all(self.shares.values()):
            raise InvalidHierarchy(f"rule {self.priority}: a weight is less than 1 in {_UNITS:,} of all; leave it out")

    @cached_property
    def shares(self) -> Mapping[str, Decimal]:
        """Node -> its part of each charge; together exactly 1."""
        return shares_of(self.weights)

    @property
    def combinations(self) -> int:
        """How many combinations of values it is for."""
        return prod(len(one.values) for one in self.conditions)

    def matches(self, charge: Mapping[str, str | None]) -> bool:
        """Whether all conditions hold for a charge, given by column."""
        return all(charge.get(one.column) in one.values for one in self.conditions)

    def __hash__(self) -> int:
        return hash((self.priority, self.conditions, tuple(self.weights.items())))


def shares_of(weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Each weight as a part of all, at SHARE_DIGITS digits; together exactly 1.

    Parts are rounded down; the units that this leaves go to the largest remainders, of equal ones to the first id in the order of
    the alphabet.  weights: at least one, each above 0.
    """
    whole = sum(map(Fraction, weights.values()))
    exact = {name: Fraction(weight) / whole * _UNITS for name, weight in sorted(weights.items())}
    units = {name: int(one) for name, one in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (units[name] - exact[name], name))
    for name in by_remainder[: _UNITS - sum(units.values())]:
        units[name] += 1
    return {name: Decimal(one).scaleb(-SHARE_DIGITS) for name, one in units.items()}


def first_match(rules: Sequence[Rule], charge: Mapping[str, str | None]) -> Rule | None:
    """The rule that allocates a charge; None where it stays unallocated.  rules: by priority."""
    return next((one for one in rules if one.matches(charge)), None)


def read_weight(text: str) -> Decimal:
    """A weight as somebody wrote it.  Raises InvalidHierarchy."""
    found = read_number(text)
    if found is None:
        raise InvalidHierarchy(f"weight is '{text[:40]}', expected a plain number such as 1 or 2.5")
    return found


def read_priority(text: str) -> int:
    """A priority as somebody wrote it.  Raises InvalidHierarchy."""
    if not _WHOLE.fullmatch(text.strip()):
        raise InvalidHierarchy(f"priority is '{text[:40]}', expected a whole number from 1 to {MOST_PRIORITY:,}")
    return int(text)
