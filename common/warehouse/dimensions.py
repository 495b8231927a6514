"""What charges can be grouped and filtered by: short names, every FOCUS column, tags, and nodes of the hierarchy.

All SQL here is made of column names of the schema; what a user typed is a parameter, never text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from common.domain.hierarchy import MOST_LEVELS
from common.domain.money import plain
from common.domain.nearest import did_you_mean, folded
from common.errors import BadConfiguration
from common.focus import SUBSCRIPTION_CATEGORY, TEXT_TYPE, TIME_TYPE, storage_schema
from common.formats.source import literal

TAG = "tag:"
TAG_SET = r"""case
    when AllocatedTags is null or regexp_contains(AllocatedTags, r'^\s*\{\s*\}\s*$') then Tags
    when Tags is null or regexp_contains(Tags, r'^\s*\{\s*\}\s*$') then AllocatedTags
    else concat(regexp_replace(Tags, r'\}\s*$', ''), ',', regexp_replace(AllocatedTags, r'^\s*\{', ''))
end"""
"""The tags of a charge, in BigQuery SQL: its own, and of a share of one those of who receives it, which have other keys."""
NODE = "node"
WITHIN = 0
"""The level of a condition on a node wherever it lies on the way to the charge."""
_DAY, _MONTH = "day", "month"
_TIMES = {_DAY: "%Y-%m-%d", _MONTH: "%Y-%m", TIME_TYPE: "%Y-%m-%dT%H:%M:%SZ"}
"""Kind of a dimension of time -> how its values are written."""


@dataclass(frozen=True)
class Dimension:
    """One thing that charges are grouped or filtered by.

    name: as answers call it.  column: the SQL that groups; of a tag that of the tag set.  label: the column of the name that users
    know it by.  kind: a storage type, or `day` or `month`.  tag_key: of a tag.
    level: of nodes of the hierarchy, 1 at the top: the ancestor on that level, or the node itself where it lies above; the rules decide
    (common/reporting/allocated.py), no column.
    """

    name: str
    column: str
    label: str | None = None
    kind: str = TEXT_TYPE
    tag_key: str | None = None
    level: int | None = None

    @property
    def of_nodes(self) -> bool:
        """Whether its values are nodes of the hierarchy."""
        return self.level is not None

    @property
    def of_time(self) -> bool:
        """Whether its values are moments, so that they are listed in their order."""
        return self.kind in _TIMES

    @property
    def filterable(self) -> bool:
        """Whether it can be compared with a typed text: everything but numbers."""
        return self.of_time or self.kind == TEXT_TYPE

    @property
    def tag_path(self) -> str:
        """The JSONPath of the tag's key, quoted, since keys hold dots, colons and slashes."""
        escaped = (self.tag_key or "").replace("\\", "\\\\").replace('"', '\\"')
        return f'$."{escaped}"'

    def key(self, value: Any) -> str | None:
        """A value of the warehouse as answers have it: text, days as ISO 8601, decimals as digits; None for none."""
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, datetime):
            value = value.astimezone(UTC)
        if isinstance(value, date):
            return value.strftime(_TIMES.get(self.kind, "%Y-%m-%d"))
        return plain(value) if isinstance(value, Decimal) else str(value)

    def text_sql(self, path_parameter: str) -> str:
        """The dimension as text in SQL, to be compared with typed values."""
        if self.tag_key is not None:
            return f"json_value({self.column}, @{path_parameter})"
        if self.kind in (_DAY, _MONTH):
            return f"format_date({literal(_TIMES[self.kind])}, {self.column})"
        if self.kind == TIME_TYPE:
            return f"format_timestamp({literal(_TIMES[TIME_TYPE])}, {self.column})"
        return self.column


SHORT: Mapping[str, Dimension] = {
    one.name: one
    for one in (
        Dimension("service", "ServiceName"),
        Dimension("provider", "x_Provider"),
        Dimension("account", "SubAccountId", "SubAccountName"),
        Dimension("region", "RegionId", "RegionName"),
        Dimension("resource", "ResourceId", "ResourceName"),
        Dimension("integration", "x_IntegrationId"),
        Dimension("cluster", "x_Cluster"),
        Dimension("namespace", "x_Namespace"),
        Dimension("subscription-category", SUBSCRIPTION_CATEGORY),
        Dimension("day", "date(ChargePeriodStart)", kind=_DAY),
        Dimension("month", "date_trunc(date(ChargePeriodStart), month)", kind=_MONTH),
    )
}
"""The dimensions with a name of their own; every column of the schema is one too."""


def dimension(text: str) -> Dimension:
    """A short name, a column in any case with or without underscores, `tag:KEY`, `node` or `node:LEVEL`.

    Raises BadConfiguration that names the nearest one.
    """
    if text[: len(TAG)].lower() == TAG:
        if len(text) == len(TAG):
            raise BadConfiguration("the tag has no key, expected tag:KEY, as in tag:environment")
        return Dimension(TAG + text[len(TAG) :], TAG_SET, tag_key=text[len(TAG) :])
    if text[: len(NODE)].lower() == NODE and (len(text) == len(NODE) or text[len(NODE)] == ":"):
        return _of_nodes(text[len(NODE) :])
    found = _by_folded_name().get(folded(text))
    if found is None:
        hint = did_you_mean(text, [*SHORT, NODE, *storage_schema()])
        raise BadConfiguration(
            f"'{text}' is not a dimension, expected {', '.join(SHORT)}, {NODE}, {NODE}:LEVEL, a FOCUS column or tag:KEY{hint}"
        )
    return found


@cache
def _by_folded_name() -> Mapping[str, Dimension]:
    known = {folded(name): Dimension(name, name, kind=kind) for name, kind in storage_schema().items()}
    return known | {folded(name): one for name, one in SHORT.items()}


def _of_nodes(rest: str) -> Dimension:
    level = rest.removeprefix(":")
    if not rest:
        return Dimension(NODE, "", NODE, level=MOST_LEVELS)
    if level not in map(str, range(1, MOST_LEVELS + 1)):
        raise BadConfiguration(
            f"'{NODE}:{level[:20]}' is not a level, expected {NODE}:1 at the top to {NODE}:{MOST_LEVELS}"
        )
    return Dimension(f"{NODE}:{level}", "", NODE, level=int(level))


class Operator(StrEnum):
    """How a dimension is compared.  Charges that have no value are not one of any values, so `is not` includes them."""

    IS = "is"
    IS_NOT = "is not"
    CONTAINS = "contains"
    IS_EMPTY = "is empty"
    IS_NOT_EMPTY = "is not empty"


@dataclass(frozen=True)
class Filter:
    """One condition; several hold together.  values: alternatives, none for the two of emptiness; `contains` ignores case."""

    dimension: Dimension
    operator: Operator
    values: tuple[str, ...] = ()

    def sql(self, number: int) -> str:
        """The condition, with the parameters `where_<number>` and `where_path_<number>`."""
        text = self.dimension.text_sql(f"where_path_{number}")
        if self.operator is Operator.IS_EMPTY:
            return f"{text} is null"
        if self.operator is Operator.IS_NOT_EMPTY:
            return f"{text} is not null"
        if self.operator is Operator.CONTAINS:
            return f"coalesce(strpos(lower({text}), lower(@where_{number})) > 0, false)"
        within = f"coalesce({text} in unnest(@where_{number}), false)"
        return within if self.operator is Operator.IS else f"not {within}"

    def parameters(self, number: int) -> dict[str, Any]:
        """What its condition names."""
        named: dict[str, Any] = {}
        if self.dimension.tag_key is not None:
            named[f"where_path_{number}"] = self.dimension.tag_path
        if self.operator is Operator.CONTAINS:
            named[f"where_{number}"] = self.values[0]
        elif self.values:
            named[f"where_{number}"] = list(self.values)
        return named

    def as_text(self) -> str:
        """The condition in words, as `--where` takes it."""
        if self.operator is Operator.IS_EMPTY:
            return f"{self.dimension.name}="
        if self.operator is Operator.IS_NOT_EMPTY:
            return f"{self.dimension.name}!="
        if self.operator is Operator.CONTAINS:
            return f"{self.dimension.name}~{self.values[0]}"
        if len(self.values) == 1:
            return f"{self.dimension.name}{'=' if self.operator is Operator.IS else '!='}{self.values[0]}"
        inside = ", ".join(self.values)
        return f"{self.dimension.name} {'in' if self.operator is Operator.IS else 'not in'} ({inside})"
