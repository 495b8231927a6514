"""Cloud KMS in memory: symmetric keys, versions with states, checksums verified
(https://cloud.google.com/kms/docs/reference/rpc/google.cloud.kms.v1)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import google_crc32c
import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud import kms_v1 as api

from tests.emulators.grpc_answers import Method, Refused

SERVICE = "google.cloud.kms.v1.KeyManagementService"
MAX_BYTES = 64 * 1024
_State = api.CryptoKeyVersion.CryptoKeyVersionState
_NONCE_BYTES = 12
_INVALID = grpc.StatusCode.INVALID_ARGUMENT


@dataclass
class _Key:
    secrets: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, _State] = field(default_factory=dict)
    primary: str = ""


class Keys:
    """Keys by their full names.  A ciphertext begins with a digest that names its version, then nonce and AES-GCM's output."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}

    def methods(self) -> dict[str, Method]:
        """What the service answers, by method."""
        return {
            "Encrypt": (self.encrypt, api.EncryptRequest, api.EncryptResponse),
            "Decrypt": (self.decrypt, api.DecryptRequest, api.DecryptResponse),
            "CreateCryptoKey": (self.create_key, api.CreateCryptoKeyRequest, api.CryptoKey),
            "CreateCryptoKeyVersion": (self.create_version, api.CreateCryptoKeyVersionRequest, api.CryptoKeyVersion),
            "GetCryptoKeyVersion": (self.get_version, api.GetCryptoKeyVersionRequest, api.CryptoKeyVersion),
            "UpdateCryptoKeyVersion": (self.update_version, api.UpdateCryptoKeyVersionRequest, api.CryptoKeyVersion),
            "UpdateCryptoKeyPrimaryVersion": (
                self.set_primary,
                api.UpdateCryptoKeyPrimaryVersionRequest,
                api.CryptoKey,
            ),
        }

    def encrypt(self, request: api.EncryptRequest) -> api.EncryptResponse:
        key = self._key(request.name)
        aad = request.additional_authenticated_data
        if max(len(request.plaintext), len(aad)) > MAX_BYTES:
            raise Refused(_INVALID, "plaintext and additional_authenticated_data have at most 65536 bytes")
        _verify(request.plaintext, request.plaintext_crc32c)
        _verify(aad, request.additional_authenticated_data_crc32c)
        version = key.primary
        _demand_enabled(version, key.states[version])
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = _mark(version) + nonce + AESGCM(key.secrets[version]).encrypt(nonce, request.plaintext, aad)
        return api.EncryptResponse(
            name=version,
            ciphertext=ciphertext,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            verified_plaintext_crc32c=request.plaintext_crc32c is not None,
            verified_additional_authenticated_data_crc32c=request.additional_authenticated_data_crc32c is not None,
        )

    def decrypt(self, request: api.DecryptRequest) -> api.DecryptResponse:
        key = self._key(request.name)
        _verify(request.ciphertext, request.ciphertext_crc32c)
        _verify(request.additional_authenticated_data, request.additional_authenticated_data_crc32c)
        mark, rest = request.ciphertext[:32], request.ciphertext[32:]
        version = next((one for one in key.secrets if _mark(one) == mark), None)
        if version is None or len(rest) <= _NONCE_BYTES:
            raise Refused(_INVALID, "Decryption failed: the ciphertext is invalid.")
        _demand_enabled(version, key.states[version])
        try:
            plaintext = AESGCM(key.secrets[version]).decrypt(
                rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], request.additional_authenticated_data
            )
        except InvalidTag:
            raise Refused(_INVALID, "Decryption failed: verify that 'name' refers to the correct CryptoKey.") from None
        return api.DecryptResponse(
            plaintext=plaintext, plaintext_crc32c=google_crc32c.value(plaintext), used_primary=version == key.primary
        )

    def create_key(self, request: api.CreateCryptoKeyRequest) -> api.CryptoKey:
        name = f"{request.parent}/cryptoKeys/{request.crypto_key_id}"
        if name in self._keys:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"CryptoKey {name} already exists.")
        self._keys[name] = _Key()
        self._keys[name].primary = self._add_version(name)
        return self._shown(name)

    def create_version(self, request: api.CreateCryptoKeyVersionRequest) -> api.CryptoKeyVersion:
        self._key(request.parent)
        version = self._add_version(request.parent)
        return api.CryptoKeyVersion(name=version, state=_State.ENABLED)

    def get_version(self, request: api.GetCryptoKeyVersionRequest) -> api.CryptoKeyVersion:
        return api.CryptoKeyVersion(name=request.name, state=self._state(request.name))

    def update_version(self, request: api.UpdateCryptoKeyVersionRequest) -> api.CryptoKeyVersion:
        version = request.crypto_key_version
        self._state(version.name)
        self._key(_key_of(version.name)).states[version.name] = version.state
        return version

    def set_primary(self, request: api.UpdateCryptoKeyPrimaryVersionRequest) -> api.CryptoKey:
        version = f"{request.name}/cryptoKeyVersions/{request.crypto_key_version_id}"
        _demand_enabled(version, self._state(version))
        self._key(request.name).primary = version
        return self._shown(request.name)

    def _add_version(self, name: str) -> str:
        key = self._keys[name]
        version = f"{name}/cryptoKeyVersions/{len(key.secrets) + 1}"
        key.secrets[version], key.states[version] = AESGCM.generate_key(256), _State.ENABLED
        return version

    def _shown(self, name: str) -> api.CryptoKey:
        primary = self._keys[name].primary
        return api.CryptoKey(name=name, primary=api.CryptoKeyVersion(name=primary, state=self._state(primary)))

    def _key(self, name: str) -> _Key:
        if name not in self._keys:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"CryptoKey {name} not found.")
        return self._keys[name]

    def _state(self, version: str) -> _State:
        states = self._key(_key_of(version)).states
        if version not in states:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"CryptoKeyVersion {version} not found.")
        return states[version]


def _key_of(version: str) -> str:
    return version.partition("/cryptoKeyVersions/")[0]


def _mark(version: str) -> bytes:
    return hashlib.sha256(version.encode()).digest()


def _verify(content: bytes, checksum: int | None) -> None:
    if checksum is not None and checksum != google_crc32c.value(content):
        raise Refused(_INVALID, "The checksum in the request did not match.")


def _demand_enabled(version: str, state: _State) -> None:
    if state != _State.ENABLED:
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{version} is not enabled, current state is: {state.name}.")
