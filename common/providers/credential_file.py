"""Credential files: a JSON object of texts, whose shape is checked before anything is sent or stored."""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass

from common.errors import BadConfiguration


@dataclass(frozen=True)
class Shape:
    """What a file may hold.  what: for people, as `AWS credential`; fields: all that are known; example: how it may look.

    ignored: fields that may be there, with whatever in them, and are not read.
    """

    what: str
    fields: Set[str]
    example: str
    ignored: Set[str] = frozenset()

    def fault(self, found: str) -> str:
        """One line about a file that does not fit; it quotes nothing of the file."""
        return f"Invalid {self.what} JSON format: the file {found}; expected {self.example}"


def read_shape(secret: bytes, shape: Shape) -> dict[str, str]:
    """The fields of a credential file.  Raises BadConfiguration for anything but one JSON object of known fields with texts in them."""
    try:
        found = json.loads(secret)
    except (ValueError, RecursionError):  # bytes that are not UTF-8 are a ValueError too
        raise BadConfiguration(shape.fault("is not JSON")) from None
    if not isinstance(found, dict):
        raise BadConfiguration(shape.fault("is not a JSON object"))
    texts = {name: value for name, value in found.items() if value is not None and name not in shape.ignored}
    if any(name not in shape.fields for name in texts):
        # an unknown name may be a misplaced secret
        raise BadConfiguration(
            shape.fault(f"has a field that is not known, expected only {', '.join(sorted(shape.fields))}")
        )
    wrong = sorted(name for name, value in texts.items() if not isinstance(value, str) or not value.strip())
    if wrong:
        raise BadConfiguration(shape.fault(f"has no text in {', '.join(wrong)}"))
    return {name: str(value).strip() for name, value in texts.items()}
