"""The hierarchy of an organization: each change makes a version of the whole tree and its rules, valid from a day on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from common.domain.allocation import InvalidHierarchy, Rule
from common.domain.hierarchy import Hierarchy, Node, id_of
from common.domain.period import BillingPeriod
from common.errors import NotFound
from common.ports import Runtime
from common.records import hierarchies
from common.records.hierarchies import Version, as_plain


@dataclass(frozen=True)
class Change:
    """What is common to all changes.  by: who; valid_from: the first day, None for today; based_on: the version that they saw, or None.

    Raises InvalidHierarchy for a day that is neither today nor the first of a month that has begun.
    """

    by: str
    valid_from: date | None = None
    based_on: int | None = None

    def first_day(self, now: datetime) -> date:
        """The first day that it is valid for."""
        today = now.astimezone(UTC).date()
        if self.valid_from is None or self.valid_from == today:
            return today
        if self.valid_from.day != 1 or self.valid_from > today:
            raise InvalidHierarchy(
                f"the first day is {self.valid_from}, expected today, {today}, or the first day of a month that has begun"
            )
        return self.valid_from


@dataclass(frozen=True)
class Changed:
    """The version that counts now.  made: whether the change made it; False where nothing would be different."""

    version: Version
    made: bool

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**version_as_json(self.version), "changed": self.made}


def show_hierarchy(rt: Runtime, org_slug: str, on: date | None = None) -> Version:
    """The version that counts on a day, by default today's; an empty one before the first."""
    if on is None:
        return hierarchies.newest(rt.documents, org_slug)
    counting = [number for day, number in hierarchies.timeline(rt.documents, org_slug) if day <= on]
    return hierarchies.load(rt.documents, org_slug, counting[-1] if counting else 0)


def show_version(rt: Runtime, org_slug: str, number: int) -> Version:
    """A version by its number.  Raises NotFound."""
    if not 1 <= number <= hierarchies.newest_number(rt.documents, org_slug):
        raise NotFound(f"the hierarchy has no version {number}; costwire hierarchy versions lists them")
    return hierarchies.load(rt.documents, org_slug, number)


def list_versions(rt: Runtime, org_slug: str, most: int, before: int | None = None) -> list[Version]:
    """At most so many versions, the newest first.  before: only those of a smaller number."""
    return hierarchies.versions(rt.documents, org_slug, most, before)


def add_node(
    rt: Runtime, org_slug: str, change: Change, name: str, kind: str, parent: str | None, node_id: str | None = None
) -> Changed:
    """Add a node.  node_id: by default made of the name.  Raises InvalidHierarchy, NodeExists."""
    node = Node(node_id or id_of(name), name.strip(), kind, parent)
    return _change(rt, org_slug, change, lambda one: one.add(node), f"{kind} {node.node_id} added")


TOP = ""
"""Stands for no parent where None stands for no change."""


def change_node(
    rt: Runtime,
    org_slug: str,
    change: Change,
    node_id: str,
    name: str | None = None,
    kind: str | None = None,
    parent: str | None = None,
) -> Changed:
    """Give a node another name, kind or parent in one version; its id stays.  None leaves what it is, TOP as the parent is the top.

    What is below it goes with it.  Raises UnknownNode, InvalidHierarchy for a place below itself.
    """
    moved = "" if parent is None else f"{node_id} moved to {parent or 'the top'}"
    renamed = "" if name is None and kind is None else f"{node_id} renamed"

    def work(one: Hierarchy) -> Hierarchy:
        made = one.rename(node_id, one.node(node_id).name if name is None else name.strip(), kind)
        return made if parent is None else made.move(node_id, parent or None)

    return _change(rt, org_slug, change, work, " and ".join(filter(None, (moved, renamed))) or f"{node_id} changed")


def remove_node(rt: Runtime, org_slug: str, change: Change, node_id: str, subtree: bool = False) -> Changed:
    """Remove a node; what is below it goes too, or moves up.  Raises InvalidHierarchy where rules allocate to it."""
    what = f"{node_id} removed{' with what is below it' if subtree else ''}"
    return _change(rt, org_slug, change, lambda one: one.remove(node_id, subtree), what)


def put_rules(rt: Runtime, org_slug: str, change: Change, rules: list[Rule]) -> Changed:
    """Set all rules instead of those before."""
    return _change(rt, org_slug, change, lambda one: one.with_rules(rules), f"{len(rules)} rules set")


def add_rule(rt: Runtime, org_slug: str, change: Change, rule: Rule) -> Changed:
    """Add a rule.  Raises NodeExists for a priority that is taken."""
    return _change(rt, org_slug, change, lambda one: one.add_rule(rule), f"rule {rule.priority} added")


def remove_rule(rt: Runtime, org_slug: str, change: Change, priority: int) -> Changed:
    """Remove a rule.  Raises UnknownNode where there is none."""
    return _change(rt, org_slug, change, lambda one: one.remove_rule(priority), f"rule {priority} removed")


def put_hierarchy(rt: Runtime, org_slug: str, change: Change, wanted: Hierarchy) -> Changed:
    """Make the whole hierarchy what a file says."""
    return _change(rt, org_slug, change, lambda _: wanted, "set by a file")


def version_as_json(one: Version) -> dict[str, Any]:
    """For programs; of the empty one before the first, when and by whom are null."""
    return {
        "version": one.number,
        "valid_from": one.valid_from.isoformat() if one.number else None,
        "changed_at": one.at or None,
        "changed_by": one.by or None,
        "change": one.what or None,
        **as_plain(one.hierarchy),
    }


def summary_as_json(one: Version) -> dict[str, Any]:
    """The same with numbers of nodes and rules instead of these."""
    return {**version_as_json(one), "nodes": len(one.hierarchy.nodes), "rules": len(one.hierarchy.rules)}


def month_start(month: BillingPeriod) -> date:
    """The first day of a month, as changes take it."""
    return month.start.date()


def _change(rt: Runtime, org_slug: str, change: Change, work: Callable[[Hierarchy], Hierarchy], what: str) -> Changed:
    now = rt.clock.now()
    version, made = hierarchies.change(
        rt.documents, org_slug, work, change.first_day(now), now.isoformat(), change.by, what, change.based_on
    )
    return Changed(version, made)
