"""Sums by nodes of the hierarchy: the warehouse adds up whole charges by rule, the shares of nodes are multiplied here, exactly.

Each charge is allocated by the version of its day.  A share has a finite number of digits and the shares of a rule add up to 1, so the
parts of every sum are the sum again, whatever it is grouped by, and in either warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.hierarchy import Node
from common.domain.money import EXACT
from common.domain.nearest import did_you_mean
from common.ports import DocumentStore, Runtime
from common.records import hierarchies
from common.records.hierarchies import Version
from common.reporting.arguments import InvalidQuestion
from common.warehouse.allocation import UNALLOCATED, Allocation, Period
from common.warehouse.cost_report import CostsQuery, CostSum, Days
from common.warehouse.dimensions import WITHIN, Dimension, Filter, Operator

Path = tuple[str, ...]
"""Nodes from the top down to the one that charges are allocated to; empty for unallocated ones."""
_WHOLE = Decimal(1)
_Keys = tuple[tuple[str | None, ...], tuple[str | None, ...]]
"""(keys, names)."""


@dataclass(frozen=True)
class UsedVersion:
    """A version of the hierarchy that an answer rests on, and from which day on it counts."""

    number: int
    valid_from: date

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"version": self.number, "from": self.valid_from.isoformat()}


@dataclass(frozen=True)
class Allocated:
    """How sums of a question are allocated.  versions: of each period of `allocation`; used: all that count in the days.

    names: of nodes, by id; those that exist today have today's.
    """

    group: tuple[Dimension, ...]
    filters: tuple[Filter, ...]
    allocation: Allocation
    versions: tuple[Version, ...]
    used: tuple[UsedVersion, ...]
    names: dict[str, Node]

    def query(self, query: CostsQuery) -> CostsQuery:
        """The question as the warehouse is asked it: by rules instead of nodes."""
        return replace(
            query,
            group=tuple(one for one in query.group if not one.of_nodes),
            filters=tuple(one for one in query.filters if not one.dimension.of_nodes),
            allocation=replace(self.allocation, wanted=self._wanted()),
        )

    def whole(self, sums: Iterable[CostSum]) -> list[CostSum]:
        """The sums without nodes: of each what the conditions on nodes leave of it, with its charges counted once."""
        return [_part(one, sum((share for _, share in self._shares(one)), Decimal(0))) for one in sums]

    def parts(self, sums: Iterable[CostSum]) -> list[CostSum]:
        """The sums by the question's dimensions.  A charge that a rule splits counts once in each of its groups."""
        found = []
        for one in sums:
            by_keys: dict[_Keys, Decimal] = {}
            for path, share in self._shares(one):
                named = self._keys(one, path)
                by_keys[named] = by_keys.get(named, Decimal(0)) + share
            found += [replace(_part(one, share), keys=keys, names=names) for (keys, names), share in by_keys.items()]
        return found

    def _wanted(self) -> frozenset[int] | None:
        if not self.filters:
            return None
        outcomes = (*range(len(self.allocation.outcomes)), UNALLOCATED)
        return frozenset(one for one in outcomes if self._paths(one))

    def _shares(self, one: CostSum) -> list[tuple[Path, Decimal]]:
        return self._paths(UNALLOCATED if one.outcome is None else one.outcome)

    def _paths(self, outcome: int) -> list[tuple[Path, Decimal]]:
        """Where charges of an outcome go, as far as the conditions let them."""
        if outcome == UNALLOCATED:
            found: list[tuple[Path, Decimal]] = [((), _WHOLE)]
        else:
            known = self.allocation.outcomes[outcome]
            paths = self.versions[known.period].hierarchy.paths
            found = [(paths[node_id], share) for node_id, share in known.rule.shares.items()]
        return [(path, share) for path, share in found if all(self._holds(one, path) for one in self.filters)]

    def _holds(self, condition: Filter, path: Path) -> bool:
        level = condition.dimension.level or WITHIN
        asked = path if level == WITHIN else path[min(level, len(path)) - 1 : min(level, len(path))]
        if condition.operator is Operator.IS_EMPTY:
            return not path
        if condition.operator is Operator.IS_NOT_EMPTY:
            return bool(path)
        if condition.operator is Operator.CONTAINS:
            part = condition.values[0].casefold()
            return any(part in one or part in self.names[one].name.casefold() for one in asked)
        return any(one in condition.values for one in asked) == (condition.operator is Operator.IS)

    def _keys(self, one: CostSum, path: Path) -> _Keys:
        keys, names = iter(one.keys), iter(one.names)
        made: list[tuple[str | None, str | None]] = []
        for each in self.group:
            if each.level is None:
                made.append((next(keys), next(names)))
            else:
                node_id = path[min(each.level, len(path)) - 1] if path else None
                made.append((node_id, self.names[node_id].name if node_id else None))
        return tuple(key for key, _ in made), tuple(name for _, name in made)


def allocated_of(
    documents: DocumentStore, org_slug: str, group: Sequence[Dimension], filters: Sequence[Filter], days: Days
) -> Allocated | None:
    """How a question is allocated; None where it names no nodes.  days: all that are asked for, also those to compare with.

    Raises InvalidQuestion for a node that exists neither in the days nor now.
    """
    own = tuple(one for one in filters if one.dimension.of_nodes)
    if not own and not any(one.of_nodes for one in group):
        return None
    turns = hierarchies.timeline(documents, org_slug)
    first = max((day for day, _ in turns if day <= (days.first or date.min)), default=date.min)
    counting = [(day, number) for day, number in turns if first <= day <= (days.last or date.max)]
    versions = [hierarchies.load(documents, org_slug, number) for _, number in counting]
    return allocated_by(group, own, versions, _names(documents, org_slug, versions, own))


def allocated_by(
    group: Sequence[Dimension], filters: Sequence[Filter], versions: Sequence[Version], names: dict[str, Node]
) -> Allocated:
    """The same by some versions.  versions: by the day from which they count."""
    distinct: list[Version] = []
    for one in versions:
        if not distinct or not one.hierarchy.allocates_as(distinct[-1].hierarchy):
            distinct.append(one)
    periods = tuple(Period(one.valid_from, one.hierarchy.rules) for one in distinct)
    used = tuple(UsedVersion(one.number, one.valid_from) for one in versions)
    return Allocated(tuple(group), tuple(filters), Allocation(periods), tuple(distinct), used, names)


def allocation_mark(rt: Runtime, org_slug: str, group: Sequence[Dimension], filters: Sequence[Filter]) -> str:
    """What an answer's version has beside the charges': the hierarchy's, where it is asked for."""
    if any(one.of_nodes for one in (*group, *(one.dimension for one in filters))):
        return f"hierarchy {hierarchies.newest_number(rt.documents, org_slug)}"
    return ""


def refuse_nodes(filters: Sequence[Filter], what: str) -> None:
    """Raises InvalidQuestion for conditions on nodes, where whole charges are listed: a rule may split a charge."""
    named = next((one for one in filters if one.dimension.of_nodes), None)
    if named is not None:
        raise InvalidQuestion(
            f"{what} cannot be chosen by {named.as_text()}, since a rule may split a charge among nodes; use the conditions of the "
            "node's rules, as service, account, region or tag:KEY; costwire hierarchy rules list shows them"
        )


def _names(
    documents: DocumentStore, org_slug: str, versions: Sequence[Version], filters: Sequence[Filter]
) -> dict[str, Node]:
    latest = hierarchies.newest(documents, org_slug)
    names = {name: node for one in (*versions, latest) for name, node in one.hierarchy.nodes.items()}
    wanted = [name for one in filters if one.operator in (Operator.IS, Operator.IS_NOT) for name in one.values]
    for name in wanted:
        if name not in names:
            raise InvalidQuestion(
                f"there is no node '{name[:70]}' in these days; costwire hierarchy show lists them{did_you_mean(name[:70], names)}"
            )
    return names


def _part(one: CostSum, share: Decimal) -> CostSum:
    return one if share == _WHOLE or one.cost is None else replace(one, cost=EXACT.multiply(one.cost, share))
