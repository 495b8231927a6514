"""What `costwire connect --credential` takes for a place `https://…`: the whole address as it was signed, in one line of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from common.errors import BadConfiguration

_EXPECTED = "expected one line with the whole signed address, https://host/path?…"


@dataclass(frozen=True)
class SignedAddress:
    """location: the address without its query, as an integration's location.  query: what signs it."""

    location: str
    query: str = field(repr=False)

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "signed_url"

    @property
    def is_assumed(self) -> bool:
        """Nothing is assumed: whoever has the address may read the file."""
        return False


def read_credential(secret: bytes) -> SignedAddress:
    """The address in a file's bytes.  Raises BadConfiguration for anything else, and quotes nothing of it."""
    try:
        text = secret.decode("utf-8-sig").strip()
        parts = urlsplit(text)
    except ValueError:  # bytes that are not UTF-8 are one too
        raise BadConfiguration(f"Invalid signed address: the file is not text; {_EXPECTED}") from None
    if len(text.split()) != 1 or parts.scheme.lower() != "https" or not parts.query:
        raise BadConfiguration(f"Invalid signed address: the file holds something else; {_EXPECTED}")
    return SignedAddress(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), parts.query)
