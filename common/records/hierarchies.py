"""The versions of an organization's hierarchy: `orgs/<org>/hierarchy/<number>`, each whole, and `orgs/<org>/hierarchy/head`, which says
from which day on which of them counts.

A version is never changed.  For a day that version counts that was made last among those that are valid from that day or before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.allocation import Condition, Rule
from common.domain.hierarchy import Hierarchy, Node
from common.domain.money import plain
from common.errors import BadConfiguration, Permanent
from common.ports import Document, DocumentStore, Transaction
from common.records.organizations import below

COLLECTION = "hierarchy"
_HEAD = "head"
MOST_BYTES = 800_000
"""Of a version's text; a document of Firestore holds 1 MiB."""
MOST_DAYS = 4_000
"""On so many different days versions may begin."""


@dataclass(frozen=True)
class Version:
    """A hierarchy and from which day on it is valid.  number: 1 for the first; at: UTC, ISO 8601; by: who; what: in words.

    `NOTHING` stands for before the first.
    """

    number: int
    valid_from: date
    at: str
    by: str
    what: str
    hierarchy: Hierarchy


NOTHING = Version(0, date.min, "", "", "", Hierarchy())
Timeline = tuple[tuple[date, int], ...]
"""(day, number): which version counts from which day on; both rise."""


def newest(documents: DocumentStore, org_slug: str) -> Version:
    """The version that was made last, which is the one of today."""
    return load(documents, org_slug, newest_number(documents, org_slug))


def newest_number(documents: DocumentStore, org_slug: str) -> int:
    """Its number; 0 before the first."""
    head = documents.get(_path(org_slug, _HEAD))
    return int(head["number"]) if head else 0


def timeline(documents: DocumentStore, org_slug: str) -> Timeline:
    """Which version counts from which day on."""
    return _timeline(documents.get(_path(org_slug, _HEAD)))


def load(documents: DocumentStore, org_slug: str, number: int) -> Version:
    """A version by its number; 0 is NOTHING."""
    document = documents.get(_path(org_slug, _name(number))) if number else None
    return _read(document) if document else NOTHING


def versions(documents: DocumentStore, org_slug: str, most: int, before: int | None = None) -> list[Version]:
    """At most so many, the newest first.  before: only those of a smaller number."""
    last = newest_number(documents, org_slug) if before is None else min(before - 1, newest_number(documents, org_slug))
    return [load(documents, org_slug, number) for number in range(last, max(0, last - most), -1)]


def change(
    documents: DocumentStore,
    org_slug: str,
    work: Callable[[Hierarchy], Hierarchy],
    valid_from: date,
    at: str,
    by: str,
    what: str,
    based_on: int | None = None,
) -> tuple[Version, bool]:
    """Make a version of what `work` makes of the newest, valid from a day on; whether one was made.

    None is made where nothing would be different on any day.  From that day on the new version counts instead of all before it.
    based_on: the number that the caller saw.  Raises Permanent where another is the newest, BadConfiguration for one that is too large.
    """

    def write(transaction: Transaction) -> tuple[Version, bool]:
        head = transaction.get(_path(org_slug, _HEAD))
        number = int(head["number"]) if head else 0
        if based_on is not None and based_on != number:
            raise Permanent(
                f"the hierarchy is at version {number}, the change was made for version {based_on}; look at it again"
            )
        document = transaction.get(_path(org_slug, _name(number))) if number else None
        before = _read(document) if document else NOTHING
        after = work(before.hierarchy)
        if after == before.hierarchy and valid_from >= before.valid_from:
            return before, False
        made = Version(number + 1, valid_from, at, by, what, after)
        days = [one for one in _timeline(head) if one[0] < valid_from]
        if len(days) == MOST_DAYS:
            raise BadConfiguration(
                f"versions of the hierarchy begin on {MOST_DAYS:,} days, which is the most; state an earlier --from"
            )
        transaction.set(_path(org_slug, _name(made.number)), _document(made))
        starts = [[day.isoformat(), one] for day, one in (*days, (valid_from, made.number))]
        transaction.set(_path(org_slug, _HEAD), {"number": made.number, "timeline": json.dumps(starts)})
        return made, True

    return documents.transact(write)


def as_plain(one: Hierarchy) -> dict[str, Any]:
    """The hierarchy of plain types, as documents, files and answers have it."""
    return {
        "nodes": [
            {"id": node.node_id, "name": node.name, "kind": node.kind, "parent": node.parent} for node in one.in_order
        ],
        "rules": [rule_as_plain(rule) for rule in one.rules],
    }


def rule_as_plain(rule: Rule) -> dict[str, Any]:
    """One rule of plain types."""
    return {
        "priority": rule.priority,
        "when": {one.column: list(one.values) for one in rule.conditions},
        "to": {node_id: plain(weight) for node_id, weight in rule.weights.items()},
    }


def _from_plain(found: Mapping[str, Any]) -> Hierarchy:
    nodes = [Node(one["id"], one["name"], one["kind"], one["parent"]) for one in found["nodes"]]
    rules = [
        Rule(
            one["priority"],
            tuple(Condition(column, tuple(values)) for column, values in one["when"].items()),
            {node_id: Decimal(weight) for node_id, weight in one["to"].items()},
        )
        for one in found["rules"]
    ]
    return Hierarchy({one.node_id: one for one in nodes}, tuple(rules))


def _document(one: Version) -> Document:
    # as text: Firestore would index every value of a map
    text = json.dumps(as_plain(one.hierarchy), ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MOST_BYTES:
        raise BadConfiguration(
            f"the hierarchy has {len(text.encode()):,} bytes as text, {MOST_BYTES:,} are the most; name fewer values"
        )
    return {
        "number": one.number,
        "valid_from": one.valid_from.isoformat(),
        "at": one.at,
        "by": one.by,
        "what": one.what,
        "hierarchy": text,
    }


def _read(document: Document) -> Version:
    return Version(
        int(document["number"]),
        date.fromisoformat(document["valid_from"]),
        document["at"],
        document["by"],
        document["what"],
        _from_plain(json.loads(document["hierarchy"])),
    )


def _timeline(head: Document | None) -> Timeline:
    return tuple((date.fromisoformat(day), int(number)) for day, number in json.loads(head["timeline"])) if head else ()


def _name(number: int) -> str:
    return f"{number:08d}"


def _path(org_slug: str, name: str) -> str:
    return below(org_slug, COLLECTION, name)
