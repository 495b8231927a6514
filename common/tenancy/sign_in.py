"""Sign-in: from the address of the issuer's page to a session.

A sign-in that has begun is `processed/sign-in.<digest of its state>` for ten minutes, and is used once: by the browser that began it, which
holds a secret of its own in a cookie.  So an answer that somebody else brought about signs nobody in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from common.domain.audit import Actor, ActorKind
from common.domain.members import InvalidMember, State, read_email
from common.errors import NotFound, NotIdentified, Permanent
from common.ports import Document, Identity, Runtime, SignInAnswer, SignInRequest, Transaction
from common.records.audit import Operation, acting
from common.records.members import (
    Member,
    belonging,
    email_key,
    from_document,
    identity_path,
    member_path,
    person_key,
)
from common.records.organizations import organization_path
from common.records.sessions import Membership
from common.tenancy.members import Taken, read_token, save, seats_in
from common.tenancy.sessions import Opened, end_session, open_session, random_secret

TRIES_LAST = timedelta(minutes=10)
_FUNCTION = "sign-in"


class NoMembership(Permanent):
    """Somebody is known to the issuer and a member of nothing."""


@dataclass(frozen=True)
class Begun:
    """page: the issuer's.  browser: a secret for a cookie of the browser that began."""

    page: str
    browser: str = field(repr=False)


@dataclass(frozen=True)
class Returned:
    """What came back from the issuer.  issuer: as the answer names itself.  browser, session: of the cookies, "" without one."""

    state: str
    code: str = field(repr=False)
    issuer: str | None
    browser: str = field(repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True)
class SignedIn:
    """A new session.  target: the address on this site that was asked for."""

    opened: Opened
    target: str


def begin(rt: Runtime, redirect_uri: str, target: str, token: str = "", browser: str = "") -> Begun:
    """Begin a sign-in.  target: an address on this site.  token: of an invitation that is to be taken, "" without one.

    browser: the secret that it has already, since another window has begun too.

    Raises NotFound for what is no invitation, BadConfiguration, Retryable.
    """
    state, nonce, verifier, new = (random_secret() for _ in range(4))
    browser = browser if len(browser) == len(new) else new
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    page = rt.issuer.page(SignInRequest(state, nonce, challenge, redirect_uri))
    taken = _invitation(token) if token else None
    begun: Document = {
        "function": _FUNCTION,
        "browser": _digest(browser),
        "nonce": nonce,
        "verifier": verifier,
        "target": target,
        "redirect_uri": redirect_uri,
        "invitation": asdict(taken) if taken else None,
        "expires_at": (rt.clock.now() + TRIES_LAST).isoformat(),
    }
    rt.processed.create(_path(state), begun)
    return Begun(page, browser)


def complete(rt: Runtime, returned: Returned) -> SignedIn:
    """End a sign-in with a session; the one that the browser had before ends.

    Raises NotIdentified for an answer that proves nothing here, NoMembership, BadConfiguration, Retryable.
    """
    begun = _used(rt, returned)
    answer = SignInAnswer(returned.code, begun["verifier"], begun["nonce"], begun["redirect_uri"], returned.issuer)
    invitation = Taken(**begun["invitation"]) if begun["invitation"] is not None else None
    opened = sign_in_as(rt, rt.issuer.identify(answer), invitation)
    end_session(rt, returned.session)
    return SignedIn(opened, begun["target"])


def sign_in_as(rt: Runtime, identity: Identity, invitation: Taken | None = None) -> Opened:
    """A session of somebody whose identity is proved; open invitations of a verified address are taken, and this one.

    Raises NotFound for an invitation that is not valid, NoMembership.
    """
    person = person_key(identity.issuer, identity.subject)
    if invitation is not None:
        _take(rt, invitation, identity, person)
    for taken in _invitations_of(rt, identity):
        try:
            _take(rt, taken, identity, person)
        except Permanent:  # taken meanwhile, or by another identity of the same address: then it stays as it is
            continue
    organizations = _organizations(rt, person)
    if not organizations:
        raise NoMembership("no organization has invited you; ask one of its owners for an invitation")
    return open_session(rt, person, organizations)


def _used(rt: Runtime, returned: Returned) -> Document:
    """What was noted when the sign-in began; nobody finds it again."""
    path, now = _path(returned.state), rt.clock.now()

    def work(transaction: Transaction) -> Document:
        begun = transaction.get(path)
        if begun is None or datetime.fromisoformat(begun["expires_at"]) <= now:
            raise NotIdentified("this sign-in was completed already, or took longer than 10 minutes")
        if not hmac.compare_digest(str(begun["browser"]), _digest(returned.browser)):
            raise NotIdentified("this sign-in was begun in another browser")
        transaction.delete(path)
        return begun

    return rt.processed.transact(work)


def _invitation(token: str) -> Taken:
    taken = read_token(token)
    if taken is None:
        raise NotFound("this invitation is not valid; ask for another one")
    return taken


def _invitations_of(rt: Runtime, identity: Identity) -> list[Taken]:
    """Open invitations of the identity's own address.  An address that the issuer has not verified proves nothing."""
    if not identity.email_verified or identity.email is None or not identity.email.isascii():
        return []
    try:
        key = email_key(read_email(identity.email))
    except InvalidMember:
        return []
    found: Mapping[str, str] = (rt.documents.get(identity_path(key)) or {}).get("organizations", {})
    return [Taken(org_slug, member_id, None) for org_slug, member_id in found.items()]


def _take(rt: Runtime, taken: Taken, identity: Identity, person: str) -> None:
    """Make an invitation a membership of this person.

    Raises NotFound for one that is not, or no longer, valid; Permanent where the person is a member of that organization already.
    """
    now, org_slug = rt.clock.now(), taken.org_slug
    invalid = NotFound("this invitation is not valid any more; ask for another one")

    def work(transaction: Transaction) -> None:
        document = transaction.get(member_path(org_slug, taken.member_id))
        organization = transaction.get(organization_path(org_slug))
        people, seats = transaction.get(identity_path(person)), seats_in(transaction, org_slug)
        if document is None or organization is None or organization.get("removal_began_at"):
            raise invalid
        member = from_document(document)
        if not member.is_open(now):
            raise invalid
        if taken.sha256 is not None and not hmac.compare_digest(member.invitation_sha256 or "", taken.sha256):
            raise invalid
        if taken.sha256 is None and not _is_of(member, identity):
            raise invalid
        if org_slug in (people or {}).get("organizations", {}):
            raise Permanent("you are a member of this organization already, under another address")
        joined = replace(
            member,
            name=member.name or identity.name,
            state=State.ACTIVE,
            joined_at=now,
            person=person,
            invitation_sha256=None,
            invitation_expires_at=None,
            version=member.version + 1,
        )
        save(transaction, org_slug, joined, seats, now)
        transaction.set(identity_path(person), belonging(people, org_slug, member.member_id))

    actor = Actor(ActorKind.PERSON, identity.email or identity.name or identity.subject)
    with acting(Operation(actor, "member.join")):
        rt.documents.transact(work)


def _is_of(member: Member, identity: Identity) -> bool:
    return identity.email is not None and read_email(identity.email) == member.email


def _organizations(rt: Runtime, person: str) -> dict[str, Membership]:
    """The memberships of a person; that it signed in is noted on each."""
    known: Mapping[str, str] = (rt.documents.get(identity_path(person)) or {}).get("organizations", {})
    found = {}
    for org_slug, member_id in known.items():
        path = member_path(org_slug, member_id)
        document = rt.documents.get(path)
        member = from_document(document) if document else None
        if member is None or member.state is not State.ACTIVE or member.person != person:
            continue
        rt.documents.update(path, {"last_sign_in_at": rt.clock.now().isoformat()})
        found[org_slug] = Membership(member_id, member.version)
    return found


def _path(state: str) -> str:
    return f"processed/{_FUNCTION}.{_digest(state)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
