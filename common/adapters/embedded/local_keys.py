"""Keys in a file that only its owner can read: AES-256-GCM with the context as associated data."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.adapters.embedded.folders import make_folder
from common.errors import BadConfiguration, DecryptionFailed
from common.ports.keys import FAILED, Sealed, check_size

_NONCE_BYTES = 12
_KEY_BITS = 256


class LocalKeyRing:
    """Seals and opens with the keys of one file, which is made on first need.

    A ciphertext is the nonce, then AES-GCM's output.  The file is read at each use, so that another process's
    rotation counts at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def encrypt(self, plaintext: bytes, context: str) -> Sealed:
        """Seal with the newest key version.  Raises BadConfiguration for more than 64 KiB."""
        check_size(plaintext)
        keys = self._read() or self._add_key(only_first=True)
        version = _newest(keys)
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(nonce + AESGCM(keys[version]).encrypt(nonce, plaintext, context.encode()), version)

    def decrypt(self, sealed: Sealed, context: str) -> bytes:
        """Open.  Raises DecryptionFailed for another key, another context or changed bytes; says no more than that."""
        key = self._read().get(sealed.key_version)
        nonce, ciphertext = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
        if key is None or not ciphertext:
            raise DecryptionFailed(FAILED)
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, context.encode())
        except InvalidTag:
            raise DecryptionFailed(FAILED) from None

    def rotate(self) -> str:
        """Make a new key version for what is sealed from now on; older ones still open.  Returns the version."""
        return _newest(self._add_key(only_first=False))

    def _add_key(self, only_first: bool) -> dict[str, bytes]:
        with self._locked():
            keys = self._read()
            if keys and only_first:
                return keys
            version = str(int(_newest(keys)) + 1) if keys else "1"
            keys[version] = AESGCM.generate_key(_KEY_BITS)
            self._write(keys)
            return keys

    def _read(self) -> dict[str, bytes]:
        try:
            with self._path.open("rb") as file:
                self._check_owner_only(os.fstat(file.fileno()).st_mode)
                keys = {version: base64.b64decode(key) for version, key in json.load(file)["keys"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._damaged() from None
        if not keys or not all(version.isdigit() and len(key) * 8 == _KEY_BITS for version, key in keys.items()):
            raise self._damaged()
        return keys

    def _check_owner_only(self, mode: int) -> None:
        if mode & 0o077:
            raise BadConfiguration(
                f"key file {self._path} is accessible to other users (mode {mode & 0o777:04o}), expected its owner alone: "
                f"run chmod 600 {self._path}"
            )

    def _damaged(self) -> BadConfiguration:
        return BadConfiguration(
            f"{self._path} is not a Costwire key file or is damaged: restore it, or move it away and connect again"
        )

    def _write(self, keys: dict[str, bytes]) -> None:
        text = json.dumps({"keys": {version: base64.b64encode(key).decode() for version, key in keys.items()}})
        # mkstemp makes a file that its owner alone may read
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".key")
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self._path.parent)
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _newest(keys: dict[str, bytes]) -> str:
    return max(keys, key=int)
