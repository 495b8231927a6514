"""A hierarchy in a file: TOML with `[[nodes]]` and `[[rules]]`.  Numbers are read as they are written, never as binary floats."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from common.domain.allocation import Condition, InvalidHierarchy, Rule, read_weight
from common.domain.hierarchy import Hierarchy, Node, id_of
from common.domain.money import plain
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration

MOST_BYTES = 4 << 20
_NODE = ("id", "name", "kind", "parent")
_RULE = ("priority", "when", "to")


def read_hierarchy(text: str, name: str = "the file") -> Hierarchy:
    """The hierarchy that a text declares.  Raises BadConfiguration that names the entry and what is wrong with it."""
    try:
        top = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise BadConfiguration(f"{name} is not valid TOML: {str(error).splitlines()[0][:200]}") from None
    try:
        _known(top, ("nodes", "rules"))
        if not top:  # an empty file, perhaps one that was cut off, is not to remove everything
            raise InvalidHierarchy(
                "it declares nothing; add [[nodes]], or write nodes = [] for a hierarchy without any"
            )
        nodes: dict[str, Node] = {}
        for number, entry in enumerate(_tables(top, "nodes"), 1):
            node = _at(f"[[nodes]] number {number}", node_of, entry)
            if node.node_id in nodes:
                raise InvalidHierarchy(f"[[nodes]] number {number}: id {node.node_id} is there twice")
            nodes[node.node_id] = node
        rules = [_at(f"[[rules]] number {number}", rule_of, one) for number, one in enumerate(_tables(top, "rules"), 1)]
        return Hierarchy(nodes, tuple(rules))
    except InvalidHierarchy as error:
        raise BadConfiguration(f"{name}: {error}") from None


def hierarchy_text(one: Hierarchy) -> str:
    """The text of a file that declares a hierarchy."""
    lines = []
    for node in one.in_order:
        parent = f", parent = {_quoted(node.parent)}" if node.parent else ""
        lines.append(
            f"  {{ id = {_quoted(node.node_id)}, name = {_quoted(node.name)}, kind = {_quoted(node.kind)}{parent} }},"
        )
    made = ["nodes = [", *lines, "]", "rules = ["]
    for rule in one.rules:
        when = ", ".join(
            f"{_quoted(each.column)} = [{', '.join(map(_quoted, each.values))}]" for each in rule.conditions
        )
        to = ", ".join(f"{_quoted(node_id)} = {plain(weight)}" for node_id, weight in rule.weights.items())
        made.append(f"  {{ priority = {rule.priority}, when = {{ {when} }}, to = {{ {to} }} }},")
    return "\n".join([*made, "]", ""])


def _quoted(text: str) -> str:
    """As TOML writes a text; texts of a hierarchy have no control characters."""
    return json.dumps(text, ensure_ascii=False)


def node_of(entry: Mapping[str, Any]) -> Node:
    """One node from plain values.  Raises InvalidHierarchy."""
    _known(entry, _NODE)
    name = _text(entry, "name")
    node_id = _text(entry, "id") if "id" in entry else id_of(name)
    return Node(node_id, name.strip(), _text(entry, "kind"), _text(entry, "parent") if entry.get("parent") else None)


def rule_of(entry: Mapping[str, Any]) -> Rule:
    """One rule from plain values: `when` column -> value or values, `to` a node or node -> weight.  Raises InvalidHierarchy."""
    _known(entry, _RULE)
    priority, when, to = (entry.get(one) for one in _RULE)
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise InvalidHierarchy(f"priority is '{str(priority)[:40]}', expected a whole number")
    if not isinstance(when, Mapping):
        raise InvalidHierarchy("when is missing, expected a table such as { account = '1234' }")
    conditions = []
    for column, given in when.items():
        values = [given] if isinstance(given, str) else given
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise InvalidHierarchy(f"the condition on {column[:60]} has another type than text or a list of texts")
        conditions.append(Condition(column, tuple(values)))
    weights = {to: Decimal(1)} if isinstance(to, str) else to
    if not isinstance(weights, Mapping):
        raise InvalidHierarchy("to is missing, expected a node's id, or a table such as { platform = 2, shop = 1 }")
    return Rule(priority, tuple(conditions), {node_id: _weight(one) for node_id, one in weights.items()})


def _weight(given: Any) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        raise InvalidHierarchy("a weight has another type than a number")
    return read_weight(str(given))


def _tables(top: Mapping[str, Any], key: str) -> Iterable[Mapping[str, Any]]:
    found = top.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise InvalidHierarchy(f"{key} is not a list of tables, write [[{key}]]")
    return found


def _at(where: str, read: Any, entry: Mapping[str, Any]) -> Any:
    try:
        return read(entry)
    except InvalidHierarchy as error:
        raise InvalidHierarchy(f"{where}: {error}") from None


def _known(entry: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for one in entry:
        if one not in names:
            raise InvalidHierarchy(
                f"'{one[:40]}' is not known, expected {', '.join(names)}{did_you_mean(one[:40], names)}"
            )


def _text(entry: Mapping[str, Any], name: str) -> str:
    found = entry.get(name)
    if not isinstance(found, str):
        raise InvalidHierarchy(f"{name} is {'missing' if found is None else 'another type than text'}")
    return found
