"""Who calls, and who may."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from common.domain.audit import PROGRAM, Actor, ActorKind


class Needs(StrEnum):
    """Who may call a route: anybody, the holder of a key with at least this role, or of the root key."""

    NOTHING = "nothing"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"
    ROOT = "root"

    @property
    def of_tenant(self) -> bool:
        """Whether the route is about one organization."""
        return self not in (Needs.NOTHING, Needs.ROOT)


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in.  organizations: all of the session, by slug.  form_token: what each form of the session holds."""

    name: str
    email: str
    organizations: tuple[str, ...]
    form_token: str = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """name: what is recorded of who did something.  org_slug: the one organization it may reach, None for every one.  role: None for none.

    counted_as: what its requests are counted by; None where they are not.  actor: whose its changes are in the audit log.
    person: who signed in; None for the holder of a key.
    """

    name: str
    role: Needs | None
    org_slug: str | None
    is_root: bool = False
    counted_as: str | None = None
    actor: Actor = PROGRAM
    person: Person | None = None


ANYBODY = Caller("", None, None)
SELF = Caller("this machine", Needs.OWNER, None, is_root=True, actor=Actor(ActorKind.MACHINE, "this machine"))
"""Whoever reaches a service that listens on loopback only is signed in on the machine."""
