"""Objects in a bucket of Cloud Storage: written once under their names, their SHA-256 in their metadata as `sha256`.

Written once: an upload asks that the name be free (`ifGenerationMatch=0`), which the service decides in one step.  The adapter
also looks before it uploads: bytes that are there already are then only compared, never sent.  An upload that breaks off leaves
nothing, since a resumable upload is an object only after its last chunk.

A stream's digest is known only when it has ended, so it is written into the metadata right after the upload.  If a process died in
between, the next reader computes it from the bytes, as the folder store does: that costs time and nothing else,
since bytes never change.  Files and copies have their digest before they are written.

The service's crc32c guards every upload, every whole download, and every stream that is read from its beginning to its end.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import google_crc32c
from google.api_core import exceptions as api
from google.cloud import storage  # type: ignore[attr-defined]
from google.cloud.storage.exceptions import DataCorruption  # type: ignore[import-untyped]
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

from common.adapters.gcp.failures import explaining
from common.adapters.shared.object_names import check_name
from common.adapters.shared.ranged_file import Guard, RangedFile, buffered
from common.errors import AlreadyExists, BadConfiguration, NotFound, Retryable
from common.ports.objects import Readable, StoredObject

SCHEME = "gs://"
CHUNK_BYTES = 16 << 20
TIMEOUT_SECONDS = (10.0, 60.0)
"""To connect, and between two bytes of an answer."""
RETRY_SECONDS = 120.0
OWNER_ROLE = "roles/storage.objectUser"
_PIECE_BYTES = 1 << 20
_METADATA_DIGEST = "sha256"


class CloudStorageObjectStore:
    """Keeps objects in one bucket.  `scratch` takes the small files that `local` hands out."""

    def __init__(
        self, client: storage.Client, bucket: str, scratch: Path, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._client, self._bucket, self._scratch = client, client.bucket(bucket), scratch
        self._calls: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "retry": DEFAULT_RETRY.with_timeout(retry_seconds)}

    @classmethod
    def connect(cls, project: str, bucket: str, scratch: Path) -> CloudStorageObjectStore:
        """The bucket with this process's own credentials; nothing is asked of it yet."""
        with explaining(f"bucket {bucket}"):
            return cls(storage.Client(project=project), bucket, scratch)

    def uri(self, name: str) -> str:
        """The URI that an object of this name has."""
        return f"{SCHEME}{self._bucket.name}/{check_name(name)}"

    def put(self, name: str, content: BinaryIO) -> StoredObject:
        """Write an object, streaming.  The same bytes again change nothing; other bytes raise AlreadyExists."""
        uri = self.uri(name)
        stream = _HashingStream(content)
        if self._look(uri) is None:
            blob = self._bucket.blob(name, chunk_size=CHUNK_BYTES)
            with self._explaining(uri):
                if self._is_new(lambda: self._upload(blob, stream)):
                    return self._remember(uri, blob, stream.digest)
        stream.drain()
        return self._unless_other(uri, stream.digest)

    def put_file(self, name: str, path: Path) -> StoredObject:
        """Write an object from a finished file, which is gone afterwards.  Where the name is taken, what is there stays and is returned."""
        uri = self.uri(name)
        if self._look(uri) is None:
            blob = self._bucket.blob(name, chunk_size=CHUNK_BYTES)
            with path.open("rb") as file, self._explaining(uri):
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                blob.metadata = {_METADATA_DIGEST: digest}
                file.seek(0)
                self._is_new(lambda: self._upload(blob, file, path.stat().st_size))
        path.unlink()
        return self.stat(uri)

    def copy(self, uri: str, name: str) -> StoredObject:
        """Give an object's bytes a second name; the service copies, nothing is read here.

        Raises AlreadyExists where the name has other bytes.
        """
        there, source = self.stat(uri), self._found(uri)
        target_uri = self.uri(name)
        if self._look(target_uri) is None:
            target = self._bucket.blob(name)
            # a rewrite that is told any metadata takes none from its source
            target.metadata, target.content_type = {_METADATA_DIGEST: _hex(there.digest)}, source.content_type
            with self._explaining(target_uri):
                self._is_new(lambda: self._rewrite(target, source))
        return self._unless_other(target_uri, there.digest)

    def stat(self, uri: str) -> StoredObject:
        """What is known of an object.  Raises NotFound."""
        blob = self._found(uri)
        digest = _digest(blob)
        if not digest:
            digest = self._taken_of(blob)
            with suppress(BadConfiguration):  # who may only read takes it each time
                self._remember(uri, blob, digest)
        return StoredObject(uri, blob.size, digest)

    def open(self, uri: str) -> BinaryIO:
        """Read an object, streaming and seekable, a few MB at a time.  Raises NotFound."""
        return self.readable(uri).open()

    def readable(self, uri: str) -> Readable:
        """An object where it lies, read by ranges.  Raises NotFound."""
        blob = self._found(uri)
        return Readable(blob.size, lambda: ranged(blob, f"object {uri}", self._calls))

    @contextmanager
    def local(self, uri: str) -> Iterator[Path]:
        """A copy of a small object in the scratch folder, gone when the context ends.  Raises NotFound."""
        blob = self._found(uri)
        with tempfile.TemporaryDirectory(prefix="object-", dir=self._scratch) as folder:
            path = Path(folder) / "copy"
            with self._explaining(uri):
                blob.download_to_filename(str(path), raw_download=True, **self._calls)
            yield path

    def list(self, prefix: str) -> Sequence[StoredObject]:
        """The objects whose names start with `prefix`, by name; a digest is empty where the metadata has none."""
        check_name(prefix + "x")
        fields = "items(name,size,metadata),nextPageToken"
        with explaining(f"bucket {self._bucket.name}", OWNER_ROLE):
            found = list(self._client.list_blobs(self._bucket, prefix=prefix, fields=fields, **self._calls))
        return [StoredObject(self.uri(blob.name), blob.size, _digest(blob)) for blob in sorted(found, key=_by_name)]

    def delete(self, uri: str) -> None:
        """Remove an object; nothing happens where there is none."""
        with self._explaining(uri):
            try:
                self._bucket.blob(self._name(uri)).delete(**self._calls)
            except api.NotFound:
                return

    def _upload(self, blob: storage.Blob, stream: Any, size: int | None = None) -> None:
        blob.upload_from_file(stream, size=size, if_generation_match=0, checksum="crc32c", **self._calls)

    def _rewrite(self, target: storage.Blob, source: storage.Blob) -> None:
        token = None
        while True:  # the service copies big objects in steps
            token, _, _ = target.rewrite(source, token, if_generation_match=0, **self._calls)
            if token is None:
                return

    def _is_new(self, write: Any) -> bool:
        try:
            write()
        except api.PreconditionFailed:
            return False
        return True

    def _unless_other(self, uri: str, digest: str) -> StoredObject:
        there = self.stat(uri)
        if there.digest != digest:
            raise AlreadyExists(
                f"object {self._name(uri)} exists with other bytes, and objects are immutable: use another name"
            )
        return there

    def _remember(self, uri: str, blob: storage.Blob, digest: str) -> StoredObject:
        blob.metadata = {_METADATA_DIGEST: _hex(digest)}
        with self._explaining(uri):
            blob.patch(if_generation_match=blob.generation, **self._calls)
        return StoredObject(uri, blob.size, digest)

    def _taken_of(self, blob: storage.Blob) -> str:
        with ranged(blob, f"object {blob.name}", self._calls) as content:
            return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto

    def _look(self, uri: str) -> storage.Blob | None:
        with self._explaining(uri):
            return cast("storage.Blob | None", self._bucket.get_blob(self._name(uri), **self._calls))

    def _found(self, uri: str) -> storage.Blob:
        blob = self._look(uri)
        if blob is None:
            raise NotFound(f"there is no object {uri}")
        return blob

    def _name(self, uri: str) -> str:
        start = f"{SCHEME}{self._bucket.name}/"
        if not uri.startswith(start):
            raise BadConfiguration(f"object URI is '{uri}', expected {start}<name>")
        return check_name(uri.removeprefix(start))

    @contextmanager
    def _explaining(self, uri: str) -> Iterator[None]:
        with explaining(f"object {uri}", OWNER_ROLE):
            try:
                yield
            except DataCorruption as error:
                raise Retryable(
                    f"object {uri} was corrupted in transit, its crc32c does not match; it will be retried"
                ) from error


class _HashingStream:
    """A stream whose SHA-256 is taken while it is read; gives as many bytes as asked for until it ends, as uploads need."""

    def __init__(self, content: BinaryIO) -> None:
        self._content, self._hash, self._at = content, hashlib.sha256(), 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        taken = bytearray()
        while len(taken) < size and (piece := self._content.read(min(_PIECE_BYTES, size - len(taken)))):
            self._hash.update(piece)
            taken += piece
        self._at += len(taken)
        return bytes(taken)

    def drain(self) -> None:
        """Read what is left, for its digest alone."""
        while self.read(_PIECE_BYTES):
            pass


def ranged(blob: storage.Blob, what: str, calls: dict[str, Any]) -> BinaryIO:
    """A file over a blob whose facts are loaded; of this very generation, as its bytes are stored."""

    def fetch(first: int, behind: int) -> bytes:
        with explaining(what):
            return bytes(blob.download_as_bytes(start=first, end=behind - 1, raw_download=True, checksum=None, **calls))

    checksum = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    guard = Guard("crc32c", base64.b64decode(blob.crc32c), checksum) if blob.crc32c else None
    return buffered(RangedFile(fetch, blob.size, guard, what))


def _digest(blob: storage.Blob) -> str:
    kept = (blob.metadata or {}).get(_METADATA_DIGEST)
    return f"sha256:{kept}" if kept else ""


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _by_name(blob: storage.Blob) -> str:
    return str(blob.name)
