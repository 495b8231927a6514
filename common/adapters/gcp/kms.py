"""Keys in Cloud KMS: the service itself encrypts a credential, with the context as additional authenticated data.

Checksums are sent in both directions, so that a bit flipped in transit is noticed while it can be corrected
(https://cloud.google.com/kms/docs/data-integrity-guidelines).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import google_crc32c
from google.api_core import exceptions as api
from google.cloud import kms_v1

from common.adapters.gcp.clients import CALL_SECONDS, RETRY, connect_client
from common.adapters.gcp.failures import explaining
from common.errors import BadConfiguration, DecryptionFailed, Retryable
from common.ports.keys import FAILED, Sealed, check_size

EMULATOR_VARIABLE = "KMS_EMULATOR_HOST"
ENCRYPT_ROLE = "roles/cloudkms.cryptoKeyEncrypter on the key"
DECRYPT_ROLE = "roles/cloudkms.cryptoKeyDecrypter on the key, as custodians have it"
ROTATE_ROLE = "roles/cloudkms.admin on the key"
_KEY_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/keyRings/([^/]+)/cryptoKeys/([^/]+)")
_MADE_TRIES = 20
_ENABLED = kms_v1.CryptoKeyVersion.CryptoKeyVersionState.ENABLED


class KmsKeyRing:
    """Seals and opens with one symmetric key; key_version of a Sealed is the version's full name.

    The ciphertext itself says which version opens it; the recorded one must be of this key, and is what a person is told.
    """

    def __init__(self, client: kms_v1.KeyManagementServiceClient, key_name: str) -> None:
        self._client = client
        self._key = check_key_name(key_name)

    @classmethod
    def connect(cls, key_name: str) -> KmsKeyRing:
        """The key of that full name.  Raises BadConfiguration for a name that is none, and without credentials."""
        check_key_name(key_name)
        return cls(connect_client(kms_v1.KeyManagementServiceClient, "Cloud KMS", EMULATOR_VARIABLE), key_name)

    def encrypt(self, plaintext: bytes, context: str) -> Sealed:
        """Seal with the primary key version.  Raises BadConfiguration for more than 64 KiB; Retryable."""
        check_size(plaintext)
        bound = context.encode()
        request = kms_v1.EncryptRequest(
            name=self._key,
            plaintext=plaintext,
            plaintext_crc32c=google_crc32c.value(plaintext),
            additional_authenticated_data=bound,
            additional_authenticated_data_crc32c=google_crc32c.value(bound),
        )
        with self._explained(ENCRYPT_ROLE), self._unusable("its primary version"):
            try:
                answer = self._client.encrypt(request, timeout=CALL_SECONDS, retry=RETRY)
            except api.InvalidArgument:
                raise BadConfiguration(
                    f"key {self._key} refuses to encrypt {len(plaintext):,} bytes: expected a symmetric key of purpose "
                    "ENCRYPT_DECRYPT (one in an HSM takes 8 KiB)"
                ) from None
        _check(answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c)
        _check(answer.ciphertext_crc32c == google_crc32c.value(answer.ciphertext))
        return Sealed(answer.ciphertext, answer.name)

    def decrypt(self, sealed: Sealed, context: str) -> bytes:
        """Open.  Raises DecryptionFailed for another key, another context or changed bytes, and says no more than that;

        BadConfiguration where the version is disabled or destroyed; Retryable.
        """
        if not sealed.key_version.startswith(f"{self._key}/cryptoKeyVersions/") or not sealed.ciphertext:
            raise DecryptionFailed(FAILED)
        bound = context.encode()
        request = kms_v1.DecryptRequest(
            name=self._key,
            ciphertext=sealed.ciphertext,
            ciphertext_crc32c=google_crc32c.value(sealed.ciphertext),
            additional_authenticated_data=bound,
            additional_authenticated_data_crc32c=google_crc32c.value(bound),
        )
        with self._explained(DECRYPT_ROLE), self._unusable(f"version {_number(sealed.key_version)}"):
            answer = self._open(request)
        _check(answer.plaintext_crc32c == google_crc32c.value(answer.plaintext))
        return bytes(answer.plaintext)

    def rotate(self) -> str:
        """Make a new key version for what is sealed from now on; older ones still open.  Returns the version.

        The service may go on sealing with the earlier one for a while after this
        (https://cloud.google.com/kms/docs/consistency).
        """
        with self._explained(ROTATE_ROLE):
            # made once: a second try after a lost answer would leave a version that nobody uses, and that is billed
            made = self._client.create_crypto_key_version(
                parent=self._key, crypto_key_version=kms_v1.CryptoKeyVersion(), timeout=CALL_SECONDS, retry=None
            )
            self._wait_until_made(made)
            self._client.update_crypto_key_primary_version(
                name=self._key, crypto_key_version_id=_number(made.name), timeout=CALL_SECONDS, retry=RETRY
            )
        return str(made.name)

    def _open(self, request: kms_v1.DecryptRequest) -> kms_v1.DecryptResponse:
        """One more try where the request is refused: a checksum that failed on the way looks like changed bytes."""
        for last in (False, True):
            try:
                return self._client.decrypt(request, timeout=CALL_SECONDS, retry=RETRY)
            except api.InvalidArgument:
                if last:
                    break
        raise DecryptionFailed(FAILED)

    def _wait_until_made(self, version: kms_v1.CryptoKeyVersion) -> None:
        for _ in range(_MADE_TRIES):
            if version.state == _ENABLED:
                return
            time.sleep(0.5)
            version = self._client.get_crypto_key_version(name=version.name, timeout=CALL_SECONDS, retry=RETRY)
        raise Retryable(f"{version.name} is still being created; make it the primary version once it is enabled")

    def _explained(self, role: str) -> AbstractContextManager[None]:
        return explaining(f"key {self._key}", role)

    @contextmanager
    def _unusable(self, version: str) -> Iterator[None]:
        try:
            yield
        except api.FailedPrecondition:
            project, location, ring, key = _parts(self._key)
            raise BadConfiguration(
                f"key {self._key} cannot be used: {version} is disabled or destroyed; gcloud kms keys versions list "
                f"--project {project} --location {location} --keyring {ring} --key {key} shows it, gcloud kms keys versions "
                "enable (or restore) fixes it; a destroyed version cannot be restored: connect the integration again"
            ) from None


def check_key_name(name: str) -> str:
    """The name itself.  Raises BadConfiguration where it is not a key's full name."""
    if not _KEY_NAME.fullmatch(name):
        raise BadConfiguration(
            f"COSTWIRE_KMS_KEY is '{name[:200]}', expected projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>"
        )
    return name


def _parts(name: str) -> tuple[str, ...]:
    found = _KEY_NAME.fullmatch(name)
    return found.groups() if found else ()


def _number(version_name: str) -> str:
    return version_name.rpartition("/")[2]


def _check(whole: bool) -> None:
    if not whole:
        raise Retryable("Cloud KMS: the checksum does not match, so data was corrupted in transit; it will be retried")
