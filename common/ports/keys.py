"""Keys: encryption bound to a tenant and an integration (Cloud KMS; a key file on the laptop)."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Sealed:
    """A ciphertext and the version of the key that made it."""

    ciphertext: bytes
    key_version: str


class KeyRing(Protocol):
    """Seals and opens credentials; `context` (tenant and integration) is authenticated with each."""

    def encrypt(self, plaintext: bytes, context: str) -> Sealed:
        """Seal with the newest key version."""
        ...

    def decrypt(self, sealed: Sealed, context: str) -> bytes:
        """Open.  Raises DecryptionFailed for another key, another context or changed bytes; says no more than that."""
        ...

    def rotate(self) -> str:
        """Make a new key version for what is sealed from now on; older ones still open.  Returns the version."""
        ...
