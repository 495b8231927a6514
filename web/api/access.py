"""Who calls: nobody has to say on one's own machine; elsewhere a key of an organization, a session, or the operator's root key.

A role is one thing, whoever has it: `check_allowed` decides for keys and for sessions.
"""

from __future__ import annotations

from typing import Protocol

from werkzeug.datastructures import Headers

from common.domain.audit import Actor, ActorKind
from common.ports import Runtime
from common.tenancy.api_keys import KeyRefused, Refused, authenticate, same_secret
from common.tenancy.sessions import find_session, membership
from web.api.caller import SELF, Caller, Needs, Person
from web.api.people import People
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
    """Detects who calls from the headers.  Raises Problem for a key that is not valid, and where one is needed and none given.

    named: the organization that the address names, None where it names none.
    """

    def admit(self, headers: Headers, needs: Needs, named: str | None = None) -> Caller: ...


class OpenDoor:
    """No key is needed and none is looked at."""

    def admit(self, headers: Headers, needs: Needs, named: str | None = None) -> Caller:
        """The user of this machine."""
        return SELF


class KeyDoor:
    """root_key None: no request is an operator's."""

    def __init__(self, rt: Runtime, root_key: str | None) -> None:
        self._rt, self._root_key = rt, root_key

    def admit(self, headers: Headers, needs: Needs, named: str | None = None) -> Caller:
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


class PeopleDoor:
    """Sessions beside keys.  A request with a key is its holder's, whatever cookie it has."""

    def __init__(self, rt: Runtime, keys: KeyDoor, people: People) -> None:
        self._rt, self._keys, self._people = rt, keys, people

    def admit(self, headers: Headers, needs: Needs, named: str | None = None) -> Caller:
        """The holder of the key, or whoever has signed in."""
        secret = self._people.session_in(headers)
        if needs is Needs.ROOT or not secret or has_key(headers):
            return self._keys.admit(headers, needs, named)
        opened = find_session(self._rt, secret)
        if opened is None:
            raise _sign_in_again()
        organizations = tuple(sorted(opened.session.organizations))
        org_slug = named or (organizations[0] if len(organizations) == 1 else None)
        if org_slug is None:
            raise Problem("invalid_request", "you are a member of several organizations; name one in the address")
        if org_slug not in organizations:
            raise no_organization(org_slug)
        member = membership(self._rt, opened.session, org_slug)
        if member is None:
            raise _sign_in_again()
        person = Person(member.name, member.email, organizations, opened.form_token)
        counted_as = f"{org_slug}/{member.member_id}"
        actor = Actor(ActorKind.PERSON, member.email)
        role = Needs(member.role.value)
        return Caller(member.email, role, org_slug, counted_as=counted_as, actor=actor, person=person)


def has_key(headers: Headers) -> bool:
    """Whether a request presents a key, valid or not."""
    return any(name in headers for name in (KEY_HEADER, ROOT_HEADER, "Authorization"))


def no_organization(org_slug: str) -> Problem:
    """The answer about an organization of others, and about one that does not exist."""
    return Problem("not_found", f"there is no organization {org_slug[:50]}")


def _sign_in_again() -> Problem:
    return Problem("no_session", "you are not signed in any more; sign in again", _CHALLENGE)


def check_allowed(caller: Caller, needs: Needs) -> None:
    """Raises Problem for a caller whose role is too low for the route."""
    if not needs.of_tenant:
        return
    if caller.role is None or _ROLES.index(caller.role) < _ROLES.index(needs):
        had = caller.role or "none"
        whose = "yours" if caller.person else "that of this key"
        raise Problem("role_too_low", f"this needs the role {needs} or higher; {whose} is {had}")


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
