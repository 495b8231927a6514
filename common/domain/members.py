"""Members of an organization: what an address and a name may be, and where a membership stands."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from common.domain.channels import InvalidChannel, read_addresses

INVITATION_LIFE = timedelta(days=7)
_LONGEST_NAME = 100


class InvalidMember(ValueError):
    """What makes no member; the message says what was found and what was expected."""


class State(StrEnum):
    """Where a membership stands."""

    INVITED = "invited"
    ACTIVE = "active"
    REMOVED = "removed"


def read_email(text: str) -> str:
    """A mail address in the one form that it is stored and compared in: ASCII letters in lower case.  Raises InvalidMember."""
    try:
        (address,) = read_addresses([text])
    except InvalidChannel as error:
        raise InvalidMember(str(error)) from None
    # other letters stay as they are: some have an ASCII letter as their lower case, which would be somebody else's address
    return "".join(one.lower() if one.isascii() else one for one in address)


def read_name(text: str) -> str:
    """What a member is called; may be empty.  Raises InvalidMember."""
    name = text.strip()
    if len(name) > _LONGEST_NAME or (name and not name.isprintable()):
        raise InvalidMember(f"the name has {len(name)} characters, expected at most {_LONGEST_NAME} printable ones")
    return name
