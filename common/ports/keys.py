"""Keys: encryption bound to a tenant and an integration (Cloud KMS; embedded: a key file)."""

from dataclasses import dataclass
from typing import Protocol

from common.errors import BadConfiguration

FAILED = "Failed to decrypt credentials"
"""All that DecryptionFailed says: which of its causes it was would help who guesses."""

MAX_PLAINTEXT_BYTES = 64 * 1024
"""What Cloud KMS seals (https://cloud.google.com/kms/quotas), and so what every key ring does."""


@dataclass(frozen=True)
class Sealed:
    """A ciphertext and the version of the key that made it."""

    ciphertext: bytes
    key_version: str


class KeyRing(Protocol):
    """Seals and opens credentials; `context` (tenant and integration) is authenticated with each."""

    def encrypt(self, plaintext: bytes, context: str) -> Sealed:
        """Seal with the newest key version.  Raises BadConfiguration for more than 64 KiB."""
        ...

    def decrypt(self, sealed: Sealed, context: str) -> bytes:
        """Open.  Raises DecryptionFailed for another key, another context or changed bytes; says no more than that.

        Raises BadConfiguration where a person has disabled the key version; Retryable.
        """
        ...

    def rotate(self) -> str:
        """Make a new key version for what is sealed from now on; older ones still open.  Returns the version."""
        ...


def check_size(plaintext: bytes) -> bytes:
    """The plaintext itself.  Raises BadConfiguration where it is too large for a key ring."""
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise BadConfiguration(
            f"a credential of {len(plaintext):,} bytes is too large: at most {MAX_PLAINTEXT_BYTES:,} can be encrypted; "
            "give a file that contains only the credential"
        )
    return plaintext
