"""Who calls: nobody has to say on one's own machine; elsewhere a key of an organization, or the operator's root key."""

from __future__ import annotations

from typing import Protocol

from werkzeug.datastructures import Headers

from web.api.caller import SELF, Caller, Needs
from web.api.problems import Problem

_ROLES = (Needs.VIEWER, Needs.EDITOR, Needs.OWNER)


class Door(Protocol):
    """Tells who calls by the headers.  Raises Problem for a key that is not valid, and for none where one is needed."""

    def admit(self, headers: Headers, needs: Needs) -> Caller: ...


class OpenDoor:
    """No key is needed and none is looked at."""

    def admit(self, headers: Headers, needs: Needs) -> Caller:
        """The user of this machine."""
        return SELF


def check_allowed(caller: Caller, needs: Needs) -> None:
    """Raises Problem for a caller whose role is too low for the route."""
    if needs is Needs.NOTHING:
        return
    if needs is Needs.ROOT:
        if not caller.is_root:
            raise Problem("role_too_low", "this needs the root key in the header X-CA-Root-Key")
        return
    if caller.role is None or _ROLES.index(caller.role) < _ROLES.index(needs):
        raise Problem(
            "role_too_low", f"this needs a key of the role {needs} or higher, the key's role is {caller.role or 'none'}"
        )
