"""Members of an organization: invited, listed, given another role, removed.

Each change is one transaction on the member, on the list of those that hold a seat, and on what finds an address or an identity, so that
neither the last seat nor the last owner is given away twice.  A change of a role and a removal end the member's sessions of this
organization in the same transaction: they began with another `version`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from common.domain.api_keys import Role
from common.domain.members import INVITATION_LIFE, State, read_email, read_name
from common.domain.names import org_slug_fault
from common.domain.quotas import refused_seat
from common.errors import AlreadyExists, NotFound, Permanent
from common.ports import Document, Runtime, Transaction
from common.records import organizations
from common.records.batches import delete_all
from common.records.members import (
    MEMBERS,
    Member,
    as_document,
    belonging,
    email_key,
    forget,
    from_document,
    identity_path,
    member_id_of,
    member_path,
    seats_path,
)
from common.records.names import one_of
from common.records.organizations import below, organization_path
from common.records.sessions import SESSIONS, session_path
from common.records.usage import check, limits_now

_MARK = "_invitation_"
_TOKEN = re.compile(r"([0-9a-f]{20})_([a-z2-7]{32})")
_RANDOM_BYTES = 20
Seats = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Invitation:
    """Somebody who is to be invited.  Raises InvalidMember for an address or a name that is not valid."""

    email: str
    role: Role = Role.VIEWER
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", read_email(self.email))
        object.__setattr__(self, "name", read_name(self.name))


@dataclass(frozen=True)
class Invited:
    """An invited member with the token that joins, which is known only now."""

    member: Member
    token: str = field(repr=False)


@dataclass(frozen=True)
class SeatUse:
    """Seats of members and of open invitations.  limit: None where there is none."""

    used: int
    limit: int | None

    def as_json(self) -> dict[str, int | None]:
        """For programs."""
        return {"used": self.used, "limit": self.limit}


@dataclass(frozen=True)
class Taken:
    """An invitation that somebody takes.  sha256: of the token that was presented; None where the verified address is to prove it."""

    org_slug: str
    member_id: str
    sha256: str | None


def invite(rt: Runtime, org_slug: str, invitation: Invitation, by: str) -> Invited:
    """Invite somebody, or invite again with a new token and role.  by: who does it.

    Raises NotFound for an organization that does not exist, AlreadyExists for a member, QuotaExceeded without a free seat.
    """
    now = rt.clock.now()
    member_id = member_id_of(invitation.email)
    token = f"{org_slug}{_MARK}{member_id}_{_random()}"
    path, people = member_path(org_slug, member_id), identity_path(email_key(invitation.email))

    def work(transaction: Transaction) -> Invited:
        organization = transaction.get(organization_path(org_slug))
        if organization is None:
            raise NotFound(f"there is no organization {org_slug}; costwire tenants list shows them")
        before, seats, found = transaction.get(path), _seats(transaction, org_slug), transaction.get(people)
        known = from_document(before) if before else None
        if known is not None and known.state is State.ACTIVE:
            raise AlreadyExists(f"{invitation.email} is a member already, with the role {known.role}")
        _check_seat(organization, rt.settings.plans, seats, member_id, now)
        made = Member(
            member_id,
            invitation.email,
            invitation.name or (known.name if known else ""),
            invitation.role,
            State.INVITED,
            now,
            by,
            digest(token),
            now + INVITATION_LIFE,
            version=known.version + 1 if known else 1,
        )
        transaction.set(path, as_document(made))
        transaction.set(seats_path(org_slug), _with(seats, made, now))
        transaction.set(people, belonging(found, org_slug, member_id))
        return Invited(made, token)

    return rt.documents.transact(work)


def list_members(rt: Runtime, org_slug: str, removed: bool = False) -> list[Member]:
    """Members and invitations, by address.  removed: those too that were removed."""
    found = [from_document(document) for _, document in rt.documents.list(below(org_slug, MEMBERS))]
    return sorted((one for one in found if removed or one.state is not State.REMOVED), key=lambda one: one.email)


def seats_of(rt: Runtime, org_slug: str) -> SeatUse:
    """How many seats are taken."""
    now = rt.clock.now()
    organization = organizations.shown(rt.documents.get(organization_path(org_slug)) or {}, rt.settings.plans)
    held = (rt.documents.get(seats_path(org_slug)) or {}).get("members", {})
    return SeatUse(sum(_holds(one, now) for one in held.values()), limits_now(organization).seats)


def change_role(rt: Runtime, org_slug: str, who: str, role: Role) -> Member:
    """Give a member another role; the same again changes nothing.  who: an address, or an id or the beginning of it.

    Raises NotFound, Permanent where no owner would be left.
    """

    def change(member: Member, now: datetime) -> Member:
        if member.role is role:
            return member
        return replace(member, role=role, version=member.version + 1)

    return _changed(rt, org_slug, who, change)


def remove_member(rt: Runtime, org_slug: str, who: str) -> Member:
    """Remove a member, or withdraw an invitation; again changes nothing.  Raises NotFound, Permanent where no owner would be left."""

    def change(member: Member, now: datetime) -> Member:
        if member.state is State.REMOVED:
            return member
        return replace(
            member,
            state=State.REMOVED,
            removed_at=now,
            invitation_sha256=None,
            invitation_expires_at=None,
            version=member.version + 1,
        )

    return _changed(rt, org_slug, who, change)


def forget_people(rt: Runtime, org_slug: str) -> None:
    """Before all members go with their organization: what finds it by an address or an identity, and the sessions that name it.

    Safe to repeat.
    """
    for _, document in rt.documents.list(below(org_slug, MEMBERS)):
        member = from_document(document)
        for key in filter(None, (email_key(member.email), member.person)):
            place = identity_path(key)

            def work(transaction: Transaction, place: str = place) -> None:
                forget(transaction, place, transaction.get(place), org_slug)

            rt.documents.transact(work)
        if member.person:
            found = rt.documents.list(SESSIONS, {"person": member.person})
            delete_all(rt.documents, [session_path(name) for name, one in found if org_slug in one["organizations"]])


def invitation_address(rt: Runtime, token: str) -> str | None:
    """Where somebody takes an invitation; None where the deployment has no address for people."""
    public_url = rt.settings.public_url
    return f"{public_url.rstrip('/')}/sign-in?invitation={token}" if public_url else None


def read_token(token: str) -> Taken | None:
    """What an invitation's token says; None for what does not have the form of one."""
    org_slug, mark, rest = token.rpartition(_MARK)
    found = _TOKEN.fullmatch(rest)
    if not mark or found is None or org_slug_fault(org_slug) is not None:
        return None
    return Taken(org_slug, found[1], digest(token))


def digest(token: str) -> str:
    """What is stored of a token.  A slow hash would protect nothing: 160 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def save(transaction: Transaction, org_slug: str, member: Member, seats: Seats, now: datetime) -> None:
    """Write a member and its seat.  seats: those of the transaction, as `seats_in` read them."""
    transaction.set(member_path(org_slug, member.member_id), as_document(member))
    transaction.set(seats_path(org_slug), _with(seats, member, now))


def seats_in(transaction: Transaction, org_slug: str) -> Seats:
    """Those that hold a seat, as of a transaction."""
    return _seats(transaction, org_slug)


def _changed(rt: Runtime, org_slug: str, who: str, change: Callable[[Member, datetime], Member]) -> Member:
    now, member_id = rt.clock.now(), _find(rt, org_slug, who)
    path = member_path(org_slug, member_id)

    def work(transaction: Transaction) -> Member:
        document, seats = transaction.get(path), _seats(transaction, org_slug)
        if document is None:
            raise _gone(who)
        before = from_document(document)
        after = change(before, now)
        if after == before:
            return before
        if before.state is State.ACTIVE and before.role is Role.OWNER:
            _check_owner_left(seats, after)
        leaving = after.state is State.REMOVED
        keys = [email_key(before.email), *([before.person] if before.person else [])] if leaving else []
        found = {identity_path(key): transaction.get(identity_path(key)) for key in keys}
        save(transaction, org_slug, after, seats, now)
        for place, known in found.items():
            forget(transaction, place, known, org_slug)
        return after

    return rt.documents.transact(work)


def _find(rt: Runtime, org_slug: str, who: str) -> str:
    """The id of the member that has this address or id."""
    known = list_members(rt, org_slug, removed=True)
    for one in known:
        if one.email == who.strip().lower():
            return one.member_id
    return one_of(who, (one.member_id for one in known), "member", "costwire members list")


def _check_owner_left(seats: Mapping[str, Mapping[str, Any]], after: Member) -> None:
    """Raises Permanent where the organization would have no owner any more who has joined."""
    if after.state is State.ACTIVE and after.role is Role.OWNER:
        return
    left = [
        name
        for name, one in seats.items()
        if name != after.member_id and one["until"] is None and one["role"] == Role.OWNER.value
    ]
    if not left:
        raise Permanent(f"{after.email} is the last owner; make another member an owner before")


def _check_seat(organization: Document, plans: bool, seats: Seats, member_id: str, now: datetime) -> None:
    if plans:
        used = sum(_holds(one, now) for name, one in seats.items() if name != member_id)
        check(refused_seat(str(organization["plan"]), limits_now(organization), used))


def _seats(transaction: Transaction, org_slug: str) -> Seats:
    found: Seats = (transaction.get(seats_path(org_slug)) or {}).get("members", {})
    return found


def _holds(seat: Mapping[str, Any], now: datetime) -> bool:
    return seat["until"] is None or datetime.fromisoformat(seat["until"]) > now


def _with(seats: Seats, member: Member, now: datetime) -> Document:
    """The document of seats with a member as it is now; invitations that have ended go."""
    left = {name: one for name, one in seats.items() if name != member.member_id and _holds(one, now)}
    if member.state is State.ACTIVE:
        left[member.member_id] = {"role": member.role.value, "until": None}
    elif member.is_open(now) and member.invitation_expires_at is not None:
        left[member.member_id] = {"role": member.role.value, "until": member.invitation_expires_at.isoformat()}
    return {"members": left}


def _random() -> str:
    return base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()


def _gone(who: str) -> NotFound:
    return NotFound(f"there is no member {who[:80]}; costwire members list shows them")
