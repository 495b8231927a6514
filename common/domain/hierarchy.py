"""The tree of an organization's departments, projects and teams, and the rules that allocate charges to its nodes.

A hierarchy never changes: each change makes another one.  Every tree that exists has no circle and at most MOST_LEVELS levels.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from common.domain.allocation import InvalidHierarchy, NodeExists, Rule, UnknownNode
from common.domain.names import identifier
from common.domain.nearest import did_you_mean

KINDS = ("department", "project", "team")
MOST_NODES = 2_000
MOST_LEVELS = 10
MOST_RULES = 1_000
MOST_VALUES = 10_000
"""Combinations of values that all rules together may name."""
_LONGEST_NAME = 200
_NODE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Node:
    """A department, a project or a team.  parent: the id of the node above, None at the top."""

    node_id: str
    name: str
    kind: str
    parent: str | None = None

    def __post_init__(self) -> None:
        if not _NODE_ID.fullmatch(self.node_id):
            raise InvalidHierarchy(
                f"node id is '{self.node_id[:70]}', expected 1 to 63 small letters, digits, - and _, as in platform-team"
            )
        if not self.name.strip() or len(self.name) > _LONGEST_NAME or not legible(self.name):
            raise InvalidHierarchy(
                f"the name of node {self.node_id} has {len(self.name)} characters, expected 1 to {_LONGEST_NAME} without control characters"
            )
        if self.kind not in KINDS:
            raise InvalidHierarchy(f"kind is '{self.kind[:40]}', expected {', '.join(KINDS)}")


@dataclass(frozen=True)
class Hierarchy:
    """A tree and its rules.  nodes: by id.  rules: by priority, the first that matches a charge allocates it."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", MappingProxyType(dict(sorted(self.nodes.items()))))
        object.__setattr__(self, "rules", tuple(sorted(self.rules, key=lambda one: one.priority)))
        if len(self.nodes) > MOST_NODES:
            raise InvalidHierarchy(f"the hierarchy has {len(self.nodes):,} nodes, {MOST_NODES:,} are the most")
        for one in self.nodes.values():
            if one.parent is not None and one.parent not in self.nodes:
                raise InvalidHierarchy(f"there is no node {one.parent[:70]}, the parent of {one.node_id}")
        for path in self.paths.values():
            if len(path) > MOST_LEVELS:
                raise InvalidHierarchy(f"node {path[-1]} would be on level {len(path)}, {MOST_LEVELS} are the most")
        _check_rules(self)

    @cached_property
    def paths(self) -> Mapping[str, tuple[str, ...]]:
        """Node -> its ancestors from the top down and itself.  Raises InvalidHierarchy for a circle."""
        found: dict[str, tuple[str, ...]] = {}
        for start in self.nodes:
            way: list[str] = []
            at: str | None = start
            while at is not None and at not in found:
                if at in way:
                    raise InvalidHierarchy(f"node {at} would lie below itself")
                way.append(at)
                at = self.nodes[at].parent
            above = found[at] if at is not None else ()
            for node_id in reversed(way):
                above = (*above, node_id)
                found[node_id] = above
        return found

    @property
    def in_order(self) -> list[Node]:
        """The nodes as a tree is read: each before those below it, those of one parent by name, then id."""
        names = {node_id: (one.name.casefold(), node_id) for node_id, one in self.nodes.items()}
        return sorted(self.nodes.values(), key=lambda one: [names[step] for step in self.paths[one.node_id]])

    def node(self, node_id: str) -> Node:
        """The node.  Raises UnknownNode that names the nearest."""
        if node_id not in self.nodes:
            raise UnknownNode(f"there is no node '{node_id[:70]}'{did_you_mean(node_id[:70], self.nodes)}")
        return self.nodes[node_id]

    def below(self, node_id: str) -> frozenset[str]:
        """The node and all below it."""
        return frozenset(one for one, path in self.paths.items() if node_id in path)

    def add(self, node: Node) -> Hierarchy:
        """With a node more.  Raises NodeExists for an id that is taken."""
        if node.node_id in self.nodes:
            raise NodeExists(f"node {node.node_id} exists already; choose another id, or move or rename it")
        return replace(self, nodes={**self.nodes, node.node_id: node})

    def rename(self, node_id: str, name: str, kind: str | None = None) -> Hierarchy:
        """With another name, or kind, of a node; the id stays."""
        known = self.node(node_id)
        return replace(self, nodes={**self.nodes, node_id: replace(known, name=name, kind=kind or known.kind)})

    def move(self, node_id: str, parent: str | None) -> Hierarchy:
        """With a node and all below it under another parent, None for the top.  Raises InvalidHierarchy for a place below itself."""
        known = self.node(node_id)
        if parent is not None and parent in self.below(node_id):
            raise InvalidHierarchy(f"node {node_id} cannot be moved below itself: {parent} is part of it")
        return replace(self, nodes={**self.nodes, node_id: replace(known, parent=parent)})

    def remove(self, node_id: str, subtree: bool = False) -> Hierarchy:
        """Without a node: what is below it goes too, or moves up to its parent.

        Raises InvalidHierarchy where a rule allocates to what would go.
        """
        known = self.node(node_id)
        gone = self.below(node_id) if subtree else frozenset((node_id,))
        used = [str(rule.priority) for rule in self.rules if gone & set(rule.shares)]
        if used:
            raise InvalidHierarchy(
                f"node {node_id} cannot be removed: rules allocate to {'it or what is below it' if subtree else 'it'} "
                f"(priority {', '.join(used[:5])}{', ...' if len(used) > 5 else ''}); change those first"
            )
        stay = {name: one for name, one in self.nodes.items() if name not in gone}
        if not subtree:
            stay = {
                name: replace(one, parent=known.parent) if one.parent == node_id else one for name, one in stay.items()
            }
        return replace(self, nodes=stay)

    def with_rules(self, rules: Iterable[Rule]) -> Hierarchy:
        """With other rules instead of all that there are."""
        return replace(self, rules=tuple(rules))

    def add_rule(self, rule: Rule) -> Hierarchy:
        """With a rule more.  Raises NodeExists for a priority that is taken."""
        if any(one.priority == rule.priority for one in self.rules):
            raise NodeExists(
                f"a rule with priority {rule.priority} exists already; choose another priority, or remove that rule"
            )
        return self.with_rules((*self.rules, rule))

    def remove_rule(self, priority: int) -> Hierarchy:
        """Without the rule of a priority.  Raises UnknownNode where there is none."""
        if all(one.priority != priority for one in self.rules):
            raise UnknownNode(f"there is no rule with priority {priority}")
        return self.with_rules(one for one in self.rules if one.priority != priority)

    def allocates_as(self, other: Hierarchy) -> bool:
        """Whether charges go to the same places in both, whatever the nodes are called."""
        parents, others = ({name: node.parent for name, node in one.nodes.items()} for one in (self, other))
        return parents == others and self.rules == other.rules


def id_of(name: str) -> str:
    """A node's id made of its name.  Raises InvalidHierarchy for a name without anything that an id may have."""
    if not any(one.isascii() and one.isalnum() for one in name):
        raise InvalidHierarchy(
            f"the name '{name[:70]}' has no letter from a to z and no digit to make an id of; give the node an id"
        )
    return identifier(name)


def legible(text: str) -> bool:
    """Whether a text has no control characters, line breaks or halves of characters."""
    return not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in text)


def _check_rules(whole: Hierarchy) -> None:
    if len(whole.rules) > MOST_RULES:
        raise InvalidHierarchy(f"there are {len(whole.rules):,} rules, {MOST_RULES:,} are the most")
    known: set[int] = set()
    for rule in whole.rules:
        if rule.priority in known:
            raise InvalidHierarchy(f"two rules have priority {rule.priority}; give each its own")
        known.add(rule.priority)
        for node_id in rule.shares:
            if node_id not in whole.nodes:
                raise InvalidHierarchy(
                    f"rule {rule.priority} allocates to node '{node_id[:70]}', which does not exist"
                    f"{did_you_mean(node_id[:70], whole.nodes)}"
                )
    values = sum(rule.combinations for rule in whole.rules)
    if values > MOST_VALUES:
        raise InvalidHierarchy(f"the rules name {values:,} combinations of values, {MOST_VALUES:,} are the most")
