"""Sessions of users: begun by a sign-in, found by the secret in a cookie, ended.

A session says only who somebody is.  What that user may do is read from the membership at each request, and a membership that has
changed since the session began does not count for it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from common.domain.members import State
from common.ports import Runtime
from common.records.members import Member, from_document, member_path
from common.records.sessions import Membership, Session, as_document, end_of, session_path
from common.records.sessions import from_document as session_of

_SEEN_EVERY = timedelta(minutes=5)
_RANDOM_BYTES = 32


@dataclass(frozen=True)
class Opened:
    """A session as a request presents it.  secret: of the cookie."""

    session: Session
    secret: str = field(repr=False)

    @property
    def form_token(self) -> str:
        """What proves that a form was made for this session: derived from its secret, which it does not tell."""
        return _digest(f"form {self.secret}")


def random_secret() -> str:
    """256 random bits, as a cookie and an address may hold them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_RANDOM_BYTES)).rstrip(b"=").decode()


def open_session(rt: Runtime, person: str, organizations: Mapping[str, Membership]) -> Opened:
    """Begin a session under a new secret.  organizations: by slug."""
    now, secret = rt.clock.now(), random_secret()
    session = Session(person, dict(organizations), now, now, end_of(now, now))
    rt.documents.create(session_path(_digest(secret)), as_document(session))
    return Opened(session, secret)


def find_session(rt: Runtime, secret: str) -> Opened | None:
    """The session of a cookie: one read, and one write every few minutes; None for one that has ended or never was."""
    if not secret:
        return None
    path, now = session_path(_digest(secret)), rt.clock.now()
    document = rt.documents.get(path)
    if document is None:
        return None
    session = session_of(document)
    if session.expires_at <= now:
        return None
    if now - session.seen_at >= _SEEN_EVERY:
        session = replace(session, seen_at=now, expires_at=end_of(session.began_at, now))
        # nothing happens where it was ended meanwhile
        rt.documents.update(path, {name: as_document(session)[name] for name in ("seen_at", "expires_at")})
    return Opened(session, secret)


def end_session(rt: Runtime, secret: str) -> None:
    """End a session at once, on every instance; again changes nothing."""
    if secret:
        rt.documents.delete(session_path(_digest(secret)))


def membership(rt: Runtime, session: Session, org_slug: str) -> Member | None:
    """What a session's person is in an organization now; None where it is no member, or has changed since the session began."""
    began_as = session.organizations.get(org_slug)
    if began_as is None:
        return None
    document = rt.documents.get(member_path(org_slug, began_as.member_id))
    member = from_document(document) if document else None
    if member is None or member.state is not State.ACTIVE or member.person != session.person:
        return None
    return member if member.version == began_as.version else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
