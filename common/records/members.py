"""Members: `orgs/<org>/members/<member id>`, one per mail address; `orgs/<org>/usage/seats` names those that hold a seat.

`identities/<digest>` finds the organizations of a mail address, or of an identity: an issuer and a subject there.  It holds
nothing but their slugs.  An invitation's token is stored nowhere, only its SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.domain.api_keys import Role
from common.domain.members import State
from common.ports import Document, DocumentStore, Transaction
from common.records.names import key_of
from common.records.organizations import below

MEMBERS, IDENTITIES, SEATS = "members", "identities", "seats"
_MOMENTS = ("invited_at", "invitation_expires_at", "joined_at", "last_sign_in_at", "removed_at")


@dataclass(frozen=True)
class Member:
    """One member.  person: who it is, once known (`person_key`).  version: another one ends the sessions that began before.

    invitation_sha256: of the token that joins; None once it was used.
    """

    member_id: str
    email: str
    name: str
    role: Role
    state: State
    invited_at: datetime
    invited_by: str
    invitation_sha256: str | None = None
    invitation_expires_at: datetime | None = None
    joined_at: datetime | None = None
    person: str | None = None
    last_sign_in_at: datetime | None = None
    removed_at: datetime | None = None
    version: int = 1

    def shown_state(self, now: datetime) -> str:
        """invited, expired (an invitation that nobody took), active or removed."""
        return "expired" if self.state is State.INVITED and not self.is_open(now) else self.state.value

    def is_open(self, now: datetime) -> bool:
        """Whether its invitation can be taken."""
        ends = self.invitation_expires_at
        return self.state is State.INVITED and ends is not None and ends > now

    def as_json(self, now: datetime) -> dict[str, Any]:
        """For programs and users: nothing that helps to take an invitation, or says who somebody is at the issuer."""
        hidden = ("invitation_sha256", "person", "version")
        shown = {name: value for name, value in as_document(self).items() if name not in hidden}
        return shown | {"state": self.shown_state(now)}


def member_id_of(email: str) -> str:
    """The id of the member with this address: one address, one member."""
    return key_of("member", email)


def member_path(org_slug: str, member_id: str) -> str:
    """Where a member's document lies."""
    return below(org_slug, MEMBERS, member_id)


def seats_path(org_slug: str) -> str:
    """Where those are named that hold a seat, so that a transaction reads one document: id -> role and, of an invited one, until when."""
    return below(org_slug, "usage", SEATS)


def email_key(email: str) -> str:
    """Under which the organizations of an address are found."""
    return _digest("email", email)


def person_key(issuer: str, subject: str) -> str:
    """Under which the organizations of a person are found: an identity is the issuer's subject, never an address."""
    return _digest("person", issuer, subject)


def identity_path(key: str) -> str:
    """The document of an address or a person."""
    return f"{IDENTITIES}/{key}"


def as_document(member: Member) -> Document:
    """The member in plain types."""
    found = dict(vars(member))
    for name in _MOMENTS:
        found[name] = found[name].isoformat() if found[name] else None
    return {**found, "role": member.role.value, "state": member.state.value}


def from_document(document: Mapping[str, Any]) -> Member:
    """The member of a document."""
    read = {name: datetime.fromisoformat(document[name]) if document.get(name) else None for name in _MOMENTS}
    return Member(**{**document, **read, "role": Role(document["role"]), "state": State(document["state"])})


def belonging(found: Document | None, org_slug: str, member_id: str) -> Document:
    """The document of an address or a person, with an organization more."""
    return {"organizations": {**(found or {}).get("organizations", {}), org_slug: member_id}}


def forget(transaction: Transaction, path: str, found: Document | None, org_slug: str) -> None:
    """Take an organization out of the document of an address or a person, as it was read before."""
    left = {slug: one for slug, one in (found or {}).get("organizations", {}).items() if slug != org_slug}
    if left:
        transaction.set(path, {"organizations": left})
    elif found is not None:
        transaction.delete(path)


def is_past(member: Member, before: datetime) -> bool:
    """Whether a membership ended, or was never taken, before a moment."""
    ended = member.removed_at or member.invitation_expires_at
    return member.state is not State.ACTIVE and ended is not None and ended < before


def forget_past(documents: DocumentStore, org_slug: str, member_id: str, before: datetime) -> None:
    """Remove what is stored of such a membership, unless somebody has invited the member again."""
    path = member_path(org_slug, member_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        member = from_document(document) if document else None
        if member is None or not is_past(member, before):
            return
        place = identity_path(email_key(member.email))
        forget(transaction, place, transaction.get(place), org_slug)
        transaction.delete(path)

    documents.transact(work)


def _digest(*words: str) -> str:
    # each with its length, so that no two lists of words are alike
    return hashlib.sha256("".join(f"{len(word)}:{word}" for word in words).encode(errors="surrogatepass")).hexdigest()
