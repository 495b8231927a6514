"""Keys: encryption bound to a tenant and an integration (Cloud KMS; a key file on the laptop)."""

from dataclasses import dataclass
from typing import Protocol

FAILED = "Failed to decrypt credentials"
"""All that DecryptionFailed says: which of its causes it was would help who guesses."""


@dataclass(frozen=True)
class Sealed:
    """A ciphertext and the version of the key that made it."""

    ciphertext: bytes
    key_version: str


class KeyRing(Protocol):
    """Seals and opens credentials; `context` (tenant and integration) is authenticated with each."""

    def encrypt(self, plaintext: bytes, context: str) -> Sealed:
        """Seal with the newest key version.  Raises BadConfiguration for more than the key may seal (64 KiB in the cloud)."""
        ...

    def decrypt(self, sealed: Sealed, context: str) -> bytes:
        """Open.  Raises DecryptionFailed for another key, another context or changed bytes; says no more than that.

        Raises BadConfiguration where a person has disabled the key version; Retryable.
        """
        ...

    def rotate(self) -> str:
        """Make a new key version for what is sealed from now on; older ones still open.  Returns the version."""
        ...
