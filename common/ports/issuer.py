"""Sign-in of users: an OpenID provider, by the authorization code flow with PKCE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class SignInRequest:
    """What the provider's page is asked with.  challenge: the SHA-256 of the verifier, as RFC 7636 writes it (S256)."""

    state: str
    nonce: str
    challenge: str
    redirect_uri: str


@dataclass(frozen=True)
class SignInAnswer:
    """What came back, with what the provider is to prove by it.  issuer: as the answer names it (RFC 9207), None where it does not."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str
    redirect_uri: str
    issuer: str | None = None


@dataclass(frozen=True)
class Identity:
    """Who somebody is.  issuer and subject together name a person; an address does not.

    email: None where the provider says none.  email_verified: whether the provider says that it is that person's.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str


class Issuer(Protocol):
    """Every call raises BadConfiguration where the provider is not configured or refuses the client, Retryable where it is away."""

    def page(self, request: SignInRequest) -> str:
        """The address of the page on which somebody signs in."""
        ...

    def identify(self, answer: SignInAnswer) -> Identity:
        """Who has signed in.  Raises NotIdentified for an answer that does not prove it."""
        ...
