"""Who sent a call: signatures and tokens of providers, checked with the keys that the providers publish."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.errors import Permanent


class NotGenuine(Permanent):
    """A call that nobody sent who may send it.  The message is for the log; its caller learns nothing of it."""


@dataclass(frozen=True)
class Signed:
    """A message with an RSA signature (PKCS1v15).  certificate_url: whose host was checked.  digest: SHA1 or SHA256."""

    certificate_url: str
    text: bytes
    signature: bytes
    digest: str


class Senders(Protocol):
    """Checks who sent a call.  Every method raises NotGenuine, and Retryable while a provider's keys cannot be fetched."""

    def check_signature(self, message: Signed) -> None:
        """Check a signature with the certificate at its address, which is fetched once and stored in memory."""
        ...

    def google_claims(self, token: str, audience: str) -> Mapping[str, Any]:
        """The claims of a token that Google issued for this audience and that is valid now."""
        ...

    def entra_claims(self, token: str, tenant: str, audience: str) -> Mapping[str, Any]:
        """The claims of a token that Entra ID issued in this tenant for this audience and that is valid now."""
        ...

    def visit(self, url: str) -> None:
        """Call an address whose host was checked, without following a redirect."""
        ...
