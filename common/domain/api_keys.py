"""API keys of an organization: `{org_slug}_api_<random>`, the roles that they have, and when one is valid."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

from common.domain.names import org_slug_fault

MARK = "_api_"
_RANDOM = re.compile(r"[a-z2-7]{32}")
_LONGEST_NAME = 100


class Role(StrEnum):
    """What a key may do: a viewer reads; an editor also changes budgets, alerts and integrations; an owner also keys."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


class InvalidKeyRequest(ValueError):
    """A key that cannot be made so; the message says what was found and what was expected."""


def compose(org_slug: str, random: str) -> str:
    """A key.  random: 32 characters of base 32, lower case: 160 bits."""
    return f"{org_slug}{MARK}{random}"


def organization_of(key: str) -> str | None:
    """The organization that a key names; None for what does not have the form of a key.  Whether the key is valid is another question."""
    org_slug, mark, random = key.rpartition(MARK)
    return org_slug if mark and _RANDOM.fullmatch(random) and org_slug_fault(org_slug) is None else None


def digest(key: str) -> str:
    """What is stored of a key: its SHA-256.  A slow hash would protect nothing: 160 random bits cannot be guessed."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(key: str) -> str:
    """What may be shown of a key: its last 4 characters."""
    return key[-4:]


def read_role(text: str) -> Role:
    """A role.  Raises InvalidKeyRequest."""
    try:
        return Role(text)
    except ValueError:
        raise InvalidKeyRequest(f"'{text[:40]}' is not a role, expected {', '.join(Role)}") from None


def check_name(name: str) -> str:
    """What a key is called.  Raises InvalidKeyRequest."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidKeyRequest(f"the name has {len(name)} characters, expected 1 to {_LONGEST_NAME} printable ones")
    return name.strip()
