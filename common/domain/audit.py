"""Who changed what: the actor of a request, a message or a command, and the difference of two states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LONGEST_VALUE = 2_000
"""In characters of JSON: a longer value is cut, so that a record stays small."""

Fields = dict[str, Any]


class ActorKind(StrEnum):
    """What an actor is authenticated by."""

    KEY = "key"
    ROOT = "root key"
    PERSON = "person"
    MACHINE = "this machine"
    COMMAND_LINE = "command line"
    WEBHOOK = "provider webhook"
    STRIPE = "stripe"
    JOB = "job"
    PROGRAM = "program"


BY_HAND = frozenset({ActorKind.KEY, ActorKind.ROOT, ActorKind.PERSON, ActorKind.MACHINE, ActorKind.COMMAND_LINE})
"""Kinds behind which a user is; what others do is done by the platform itself."""


@dataclass(frozen=True)
class Actor:
    """Who does something.  name: of the key, the user or the function.  key_id, fingerprint: of a key; the key itself is nowhere."""

    kind: ActorKind
    name: str
    key_id: str | None = None
    fingerprint: str | None = None

    @property
    def by_hand(self) -> bool:
        """Whether a user is behind it."""
        return self.kind in BY_HAND

    def as_document(self) -> Fields:
        """Plain types only."""
        return {"kind": self.kind.value, "name": self.name, "key_id": self.key_id, "fingerprint": self.fingerprint}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Actor:
        """The actor of a document."""
        return cls(ActorKind(document["kind"]), document["name"], document.get("key_id"), document.get("fingerprint"))


PROGRAM = Actor(ActorKind.PROGRAM, "")
"""Of what no request, message or command asked for, as a script of an operator."""


def difference(
    before: Fields | None, after: Fields | None, together: frozenset[str] = frozenset()
) -> tuple[Fields | None, Fields | None] | None:
    """What differs of two states; None for no difference.

    Of one that is created or removed all that has a value; no difference where nothing has.  together: fields that are all shown where
    one of them differs.
    """
    old, new = before or {}, after or {}
    differing = {name for name in {**old, **new} if old.get(name) != new.get(name)}
    if not differing:
        return None
    shown = differing | together if differing & together else differing
    names = [name for name in {**old, **new} if name in shown]
    return tuple(None if one is None else _cut({name: one.get(name) for name in names}) for one in (before, after))  # type: ignore[return-value]


def _cut(fields: Fields) -> Fields:
    return {name: _short(value) for name, value in fields.items()}


def _short(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} [cut]"
