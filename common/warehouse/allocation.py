"""Which rule of which version of the hierarchy allocates a charge, decided in the question itself, in BigQuery SQL.

Charges are first added up by the columns that rules look at; these sums, a few thousand, are joined with the rules, which are parameters of
the question.  Rules that look at the same columns make one relation with one row per combination of values, so that no join makes a sum
twice.  The warehouse only adds up whole charges by rule; the shares of nodes are exact decimals that Python multiplies
(common/reporting/allocated.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from itertools import product
from typing import Any

from common.domain.allocation import ACCOUNT, REGION, SERVICE, TAG, Rule
from common.errors import BadConfiguration
from common.warehouse.dimensions import Dimension

UNALLOCATED = 1_000_000_000
"""The outcome of a charge that no rule matches; behind all others."""
MOST_ROWS = 50_000
MOST_SHAPES = 40
MOST_BYTES = 6_000_000
_COLUMNS = {ACCOUNT: "SubAccountId", SERVICE: "ServiceName", REGION: "RegionId"}


@dataclass(frozen=True)
class Period:
    """Rules by priority that count from the start of a day (UTC) until the next period begins."""

    first_day: date
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Outcome:
    """One rule of one period."""

    period: int
    rule: Rule


@dataclass(frozen=True)
class Allocation:
    """periods: by their first day; charges before the first are unallocated.  wanted: outcomes that are asked for, None for all."""

    periods: tuple[Period, ...]
    wanted: frozenset[int] | None = None

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What a sum's outcome, its place here, means."""
        return tuple(Outcome(number, rule) for number, one in enumerate(self.periods) for rule in one.rules)

    @cached_property
    def _shapes(self) -> Mapping[tuple[str, ...], dict[tuple[str, ...], int]]:
        """Columns that rules look at -> period and values -> the outcome."""
        found: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}
        for place, one in enumerate(self.outcomes):
            rows = found.setdefault(tuple(each.column for each in one.rule.conditions), {})
            for values in product(*(each.values for each in one.rule.conditions)):
                rows.setdefault((str(one.period), *values), place)
        if sum(map(len, found.values())) > MOST_ROWS:
            raise BadConfiguration(
                f"the rules of the hierarchy's versions in these days name more than {MOST_ROWS:,} combinations of values; "
                "ask for fewer days"
            )
        if len(found) > MOST_SHAPES:
            raise BadConfiguration(
                f"rules look at {len(found)} different sets of columns, {MOST_SHAPES} are the most in one question; ask for fewer days, or "
                "merge rules"
            )
        return found

    @property
    def _columns(self) -> list[str]:
        return sorted({column for shape in self._shapes for column in shape})

    @property
    def grouped(self) -> list[str]:
        """What charges are added up by, for the first step of the question."""
        sql = [f"{self._period_sql} as allocated_in"]
        sql += [f"{_COLUMNS[one]} as allocated_{one}" for one in self._columns if one in _COLUMNS]
        return [*sql, "Tags as allocated_tags"] if self._keys else sql

    @property
    def source(self) -> str:
        """`charges` with the outcome of each sum."""
        if not self._shapes:
            return f"(select added_up.*, {UNALLOCATED} as outcome from charges as added_up) as allocated"
        joins = []
        for number, shape in enumerate(self._shapes):
            read = [f"json_value(rule, '$[{place + 2}]') as value_{place}" for place in range(len(shape))]
            on = [f"{self._value_sql(column)} = rules_{number}.value_{place}" for place, column in enumerate(shape)]
            joins.append(
                f"left join (select cast(json_value(rule, '$[0]') as int64) as outcome, "
                f"cast(json_value(rule, '$[1]') as int64) as period, {', '.join(read)} "
                f"from unnest(@allocated_rules_{number}) as rule) as rules_{number} "
                f"on added_up.allocated_in = rules_{number}.period and {' and '.join(on)}"
            )
        outcomes = ", ".join(f"coalesce(rules_{number}.outcome, {UNALLOCATED})" for number in range(len(self._shapes)))
        least = f"least({outcomes})" if len(self._shapes) > 1 else outcomes
        return f"(select added_up.*, {least} as outcome from charges as added_up {' '.join(joins)}) as allocated"

    @property
    def condition(self) -> str:
        """Which sums are asked for."""
        return "true" if self.wanted is None else "outcome in unnest(@allocated_outcomes)"

    @property
    def parameters(self) -> dict[str, Any]:
        """What all of this names."""
        named: dict[str, Any] = {
            f"allocated_from_{number}": datetime.combine(one.first_day, time(), UTC)
            for number, one in enumerate(self.periods)
        }
        if self.wanted is not None:
            named["allocated_outcomes"] = sorted(self.wanted) or [-1]
        for number, rows in enumerate(self._shapes.values()):
            named[f"allocated_rules_{number}"] = [
                json.dumps([str(place), *values], ensure_ascii=False) for values, place in rows.items()
            ]
        size = sum(
            len(one) for rows in named.values() if isinstance(rows, list) for one in rows if isinstance(one, str)
        )
        if size > MOST_BYTES:
            raise BadConfiguration(
                "the rules of the hierarchy's versions in these days are too many for one question; ask for fewer days"
            )
        for number, key in enumerate(self._keys):
            named[f"allocated_path_{number}"] = Dimension("", "Tags", tag_key=key).tag_path
        return named

    @property
    def _keys(self) -> list[str]:
        return [one.removeprefix(TAG) for one in self._columns if one not in _COLUMNS]

    @property
    def _period_sql(self) -> str:
        if not self.periods:
            return "-1"
        turns = [
            f"when ChargePeriodStart < @allocated_from_{number} then {number - 1}"
            for number in range(len(self.periods))
        ]
        return f"case {' '.join(turns)} else {len(self.periods) - 1} end"

    def _value_sql(self, column: str) -> str:
        if column in _COLUMNS:
            return f"added_up.allocated_{column}"
        return f"json_value(added_up.allocated_tags, @allocated_path_{self._keys.index(column.removeprefix(TAG))})"
