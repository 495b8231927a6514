"""Who calls: nobody has to say on one's own machine; elsewhere a key of an organization, or the operator's root key."""

from __future__ import annotations

from typing import Protocol

from werkzeug.datastructures import Headers

from common.domain.audit import Actor, ActorKind
from common.ports import Runtime
from common.tenancy.api_keys import KeyRefused, Refused, authenticate, same_secret
from web.api.caller import SELF, Caller, Needs
from web.api.problems import Problem

ROOT_HEADER, KEY_HEADER = "X-CA-Root-Key", "X-API-Key"
_ROLES = (Needs.VIEWER, Needs.EDITOR, Needs.OWNER)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="costwire"'}
_LONGEST_KEY = 200
_REFUSALS = {
    Refused.INVALID: ("invalid_key", "the key is not valid"),
    Refused.EXPIRED: ("expired_key", "the key has expired; an owner of the organization can make another one"),
    Refused.REVOKED: ("revoked_key", "the key was revoked; an owner of the organization can make another one"),
}


class Door(Protocol):
    """Detects who calls from the headers.  Raises Problem for a key that is not valid, and where one is needed and none given."""

    def admit(self, headers: Headers, needs: Needs) -> Caller: ...


class OpenDoor:
    """No key is needed and none is looked at."""

    def admit(self, headers: Headers, needs: Needs) -> Caller:
        """The user of this machine."""
        return SELF


class KeyDoor:
    """root_key None: no request is an operator's."""

    def __init__(self, rt: Runtime, root_key: str | None) -> None:
        self._rt, self._root_key = rt, root_key

    def admit(self, headers: Headers, needs: Needs) -> Caller:
        """The holder of the key that the route needs."""
        if needs is Needs.ROOT:
            return self._operator(headers.get(ROOT_HEADER))
        presented = _presented(headers)
        try:
            holder = authenticate(self._rt, presented)
        except KeyRefused as refused:
            raise Problem(*_REFUSALS[refused.reason], _CHALLENGE) from None
        key = holder.key
        name = f"{key.name} (key {key.key_id})"
        actor = Actor(ActorKind.KEY, key.name, key.key_id, key.fingerprint)
        return Caller(
            name, Needs(key.role.value), holder.org_slug, counted_as=f"{holder.org_slug}/{key.key_id}", actor=actor
        )

    def _operator(self, presented: str | None) -> Caller:
        if not presented:
            raise Problem("no_key", f"this needs the root key in the header {ROOT_HEADER}", _CHALLENGE)
        # without a root key the comparison is made too, so that the time does not tell
        same = same_secret(presented[:_LONGEST_KEY], self._root_key or "")
        if not self._root_key or not same:
            raise Problem(*_REFUSALS[Refused.INVALID], _CHALLENGE)
        return Caller("root key", None, None, is_root=True, counted_as="root", actor=Actor(ActorKind.ROOT, "root key"))


def check_allowed(caller: Caller, needs: Needs) -> None:
    """Raises Problem for a caller whose role is too low for the route."""
    if not needs.of_tenant:
        return
    if caller.role is None or _ROLES.index(caller.role) < _ROLES.index(needs):
        had = caller.role or "none"
        raise Problem("role_too_low", f"this needs a key of the role {needs} or higher; the role of this one is {had}")


def _presented(headers: Headers) -> str:
    """The key of a request.  Raises Problem for none, and for two that differ."""
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    given = {one.strip() for one in (headers.get(KEY_HEADER), bearer if scheme.lower() == "bearer" else None) if one}
    if not given:
        raise Problem(
            "no_key", f"send a key of the organization, in the header {KEY_HEADER} or as a bearer token", _CHALLENGE
        )
    if len(given) > 1:
        raise Problem("invalid_request", f"{KEY_HEADER} and Authorization hold two different keys; send one")
    return given.pop()[:_LONGEST_KEY]
