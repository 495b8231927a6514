"""Values of a dimension that begin with what was typed, for suggestions; never all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.ports import Runtime
from common.reporting.arguments import InvalidQuestion, read_dimensions
from common.warehouse.dimensions import SHORT, Dimension

MOST_VALUES = 100
LONGEST_PREFIX = 200
_TABLE = "cost_data_standard_1_3"


@dataclass(frozen=True)
class DimensionValue:
    """One value.  name: what users know it by, None where the dimension has no names.  charges: how many have it."""

    value: str
    name: str | None
    charges: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return dict(vars(self))


@dataclass(frozen=True)
class Values:
    """more: whether there are others that begin so."""

    dimension: Dimension
    values: tuple[DimensionValue, ...]
    more: bool

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "dimension": self.dimension.name,
            "values": [one.as_json() for one in self.values],
            "more": self.more,
        }


def names() -> list[str]:
    """The dimensions that have a short name; any FOCUS column and tag:KEY is one too."""
    return list(SHORT)


def ask_values(rt: Runtime, org_slug: str, name: str, prefix: str = "", limit: int = 20) -> Values:
    """The values, or their names, that begin with the prefix in any case, those of the most charges first.

    Raises InvalidQuestion for what is no dimension of text, and for a limit or a prefix out of bounds.
    """
    found = read_dimensions(name)
    if len(found) != 1 or not found[0].filterable:
        raise InvalidQuestion(f"'{name[:60]}' is not one dimension whose values are text")
    if not 1 <= limit <= MOST_VALUES or len(prefix) > LONGEST_PREFIX:
        raise InvalidQuestion(
            f"expected at most {MOST_VALUES} values and {LONGEST_PREFIX} characters, got {limit} and {len(prefix)}"
        )
    one = found[0]
    parameters: dict[str, Any] = {"prefix": prefix} if prefix else {}
    if one.tag_key is not None:
        parameters["path"] = one.tag_path
    rows = rt.warehouse.query(org_slug, _sql(one, bool(prefix), limit + 1), parameters)
    values = tuple(DimensionValue(row["value"], row["name"], int(row["charges"])) for row in rows)
    return Values(one, values[:limit], len(values) > limit)


def _sql(one: Dimension, filtered: bool, limit: int) -> str:
    """Text of the schema's names alone; what was typed is a parameter."""
    name = one.label or "cast(null as string)"
    begins = "strpos(lower(value), lower(@prefix)) = 1 or coalesce(strpos(lower(name), lower(@prefix)) = 1, false)"
    condition = f"and ({begins})" if filtered else ""
    return f"""
select value, max(name) as name, count(*) as charges
from (select {one.text_sql("path")} as value, {name} as name from {_TABLE})
where value is not null {condition}
group by value
order by charges desc, value
limit {limit}
"""
