"""Bills in a bucket of Cloud Storage: all below a prefix, or one object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from google.cloud import storage  # type: ignore[attr-defined]
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

from common.adapters.gcp.failures import explaining
from common.adapters.gcp.identity import credentials_of, signed_in_as, signing_in
from common.adapters.gcp.storage import RETRY_SECONDS, SCHEME, TIMEOUT_SECONDS, ranged
from common.errors import BadConfiguration, Changed, NoSuchPlace, NotFound, NotReady
from common.ports.locations import FoundObject, Probe
from common.providers.gcp.credential import GoogleCredential
from common.providers.gcp.permissions import BUCKET_ROLE, grant_on_bucket

_PAGE = 1_000
_FIELDS = "items(name,size,updated,generation),nextPageToken"


class CloudStorageLocation:
    """`gs://bucket`, `gs://bucket/folder` or `gs://bucket/folder/object`; names stand as they are, without percent signs."""

    def __init__(
        self,
        client: storage.Client,
        uri: str,
        retry_seconds: float = RETRY_SECONDS,
        credential: GoogleCredential | None = None,
    ) -> None:
        """credential: whose the client is, where it is not this process's own."""
        bucket, _, path = uri[len(SCHEME) :].partition("/")
        if not bucket or any(step in {"", ".", ".."} for step in path.rstrip("/").split("/") if path):
            raise BadConfiguration("location is not gs://<bucket>/<folder>: give the bucket's name, then the folder's")
        self._bucket, self._path = client.bucket(bucket), path.rstrip("/")
        self._client, self._credential = client, credential
        self._calls: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "retry": DEFAULT_RETRY.with_timeout(retry_seconds)}
        self.uri = SCHEME + "/".join(filter(None, (bucket, self._path)))

    @classmethod
    def connect(cls, uri: str, credential: GoogleCredential | None = None) -> CloudStorageLocation:
        """The location, read with the credential, or else this process's own; nothing is asked of it yet."""
        with explaining(f"location {uri}"):
            client = storage.Client(project=None, credentials=credentials_of(credential, "STORAGE_EMULATOR_HOST"))
        return cls(client, uri, credential=credential)

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The objects below, by name.  A location that is one object lists that one.

        Raises BadConfiguration where there is no such bucket, nothing lies there, or it may not be read, naming the bucket.
        """
        with self._reaching():
            one = self._one()
            if one is not None:
                return [found for found in [_found(one, one.name.rpartition("/")[2])] if found.name.startswith(prefix)]
            listed = self._client.list_blobs(self._bucket, prefix=self._folder + prefix, fields=_FIELDS, **self._calls)
            found = [_found(blob, blob.name.removeprefix(self._folder)) for blob in listed if _is_file(blob.name)]
            if not found and self._path and not self._is_there():
                raise BadConfiguration(
                    f"location {self.uri} does not exist or is empty; check the path, or wait for the first export"
                )
        return sorted(found, key=lambda item: item.name)

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one object, streaming and seekable; without a version of the one that is there now.

        Raises NotFound, Changed as the port says, and BadConfiguration as `list`.
        """
        if not name or name.endswith("/") or any(step in {"", ".", ".."} for step in name.split("/")):
            raise NotFound(f"there is no object {name} at {self.uri}")
        with self._reaching():
            blob = self._one()
            if blob is None:
                blob = self._bucket.get_blob(self._folder + name, **self._calls)
            elif name != blob.name.rpartition("/")[2]:
                blob = None
        if blob is None:
            raise NotFound(f"there is no object {name} at {self.uri}")
        if version is not None and str(blob.generation) != version:
            raise Changed(f"{name} changed since it was listed; it is read again")
        return ranged(blob, f"object {SCHEME}{self._bucket.name}/{blob.name}", self._calls)

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run: one request lists, one reads a byte."""
        fix = grant_on_bucket(str(self._bucket.name), self._credential.email if self._credential else None)
        return [
            Probe("identity", lambda: signed_in_as(self._credential, self._client._credentials)),
            Probe(
                "listing", lambda: f"{len(self._first_page())} object(s) on its first page", "storage.objects.list", fix
            ),
            Probe("reading", self._read_a_byte, "storage.objects.get", fix),
        ]

    def _first_page(self) -> Sequence[storage.Blob]:
        with self._reaching():
            listed = self._client.list_blobs(
                self._bucket, prefix=self._path, max_results=_PAGE, fields=_FIELDS, **self._calls
            )
            below = (blob for blob in listed if blob.name == self._path or blob.name.startswith(self._folder))
            found = [blob for blob in below if _is_file(blob.name)]
        if not found:
            raise NotReady(
                f"nothing lies at {self.uri}; check the path, or wait for the first export: a new export takes up to 48 hours"
            )
        return found

    def _read_a_byte(self) -> str:
        smallest = min(self._first_page(), key=lambda blob: (blob.size == 0, blob.size))
        with self._reaching():
            if smallest.size:
                smallest.download_as_bytes(start=0, end=0, raw_download=True, **self._calls)
        return f"{smallest.name} can be read"

    @property
    def _folder(self) -> str:
        return self._path + "/" if self._path else ""

    def _one(self) -> storage.Blob | None:
        """The object that the location itself names, where it names one."""
        return self._bucket.get_blob(self._path, **self._calls) if self._path else None

    def _is_there(self) -> bool:
        return any(
            True for _ in self._client.list_blobs(self._bucket, prefix=self._folder, max_results=1, **self._calls)
        )

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Says of a bucket that is not there, or not open to us, which one it is and what to do."""
        name = self._bucket.name
        try:
            with (
                explaining(f"bucket {name} of location {self.uri}", f"{BUCKET_ROLE} on it"),
                signing_in(self._credential),
            ):
                yield
        except NotFound as error:
            raise NoSuchPlace(f"bucket {name} of location {self.uri} does not exist: check its name") from error


def _is_file(name: str) -> bool:
    return not name.endswith("/")  # consoles leave such empty objects as folders


def _found(blob: storage.Blob, name: str) -> FoundObject:
    return FoundObject(name, blob.size, blob.updated, str(blob.generation))
