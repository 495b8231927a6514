"""Bills in a container of Azure Blob Storage: all below a prefix, or one blob.  A file's version is its ETag, which guards every read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import cached_property
from typing import BinaryIO

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from common.adapters.azure.failures import code_of, explaining
from common.adapters.azure.identity import Token, container_of, signed_in_as
from common.adapters.shared.object_location import ObjectLocation, StoredObject, changed, path_of
from common.adapters.shared.ranged_file import Guard, RangedFile, buffered
from common.errors import BadConfiguration, NoSuchPlace, NotFound
from common.ports.locations import FoundObject, Probe
from common.providers.azure.credential import AzureCredential
from common.providers.azure.permissions import READER_ROLE, assignment

SCHEME = "az://"
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")


class BlobLocation(ObjectLocation):
    """`az://account/container`, `az://account/container/folder` or `az://account/container/folder/blob`."""

    def __init__(self, uri: str, credential: Callable[[], AzureCredential | None], token: Token) -> None:
        account, _, rest = uri[len(SCHEME) :].partition("/")
        container, _, path = rest.partition("/")
        self._account, self._container = account.lower(), container.lower()
        within = path_of(path)
        # the account becomes a part of a host's name
        if not _ACCOUNT.fullmatch(self._account) or not _CONTAINER.fullmatch(self._container) or within is None:
            raise BadConfiguration(
                "location is not az://<account>/<container>/<prefix>: give the names of the storage account and the container, "
                "then the export's directory"
            )
        self._credential, self._token = credential, token
        super().__init__(f"{SCHEME}{self._account}/{self._container}", within)

    def _below(self, prefix: str) -> Iterator[FoundObject]:
        # one request for each 5,000
        for item in self._client.list_blobs(name_starts_with=prefix or None, include=["metadata"]):
            if not _is_folder(item):
                modified_at = item.last_modified.astimezone(UTC)
                yield FoundObject(item.name, item.size, modified_at, _tag(item))

    def _stored(self, key: str) -> StoredObject | None:
        blob = self._client.get_blob_client(key)
        with self._listing():
            try:
                found = blob.get_blob_properties()
            except ResourceNotFoundError as error:
                if code_of(error) == "ContainerNotFound":
                    raise
                return None
        return None if _is_folder(found) else StoredObject(_tag(found), lambda: self._ranged(blob, found))

    def _ranged(self, blob: BlobClient, found: BlobProperties) -> BinaryIO:
        def fetch(first: int, behind: int) -> bytes:
            with self._listing():
                try:
                    return blob.download_blob(
                        first, behind - first, etag=found.etag, match_condition=MatchConditions.IfNotModified,
                        max_concurrency=1, decompress=False,
                    ).readall()  # fmt: skip
                except (ResourceModifiedError, ResourceNotFoundError) as error:
                    raise changed(found.name) from error

        what = f"blob {SCHEME}{self._account}/{self._container}/{found.name}"
        return buffered(RangedFile(fetch, found.size, _guard(found), what))

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run."""
        client_id = self._given.client_id if self._given else ""
        fix = assignment(self._account, self._container, client_id)
        return [
            Probe("identity", lambda: signed_in_as(self._given, self._token)),
            *self._common_probes(READER_ROLE, READER_ROLE, fix),
        ]

    @cached_property
    def _given(self) -> AzureCredential | None:
        return self._credential()

    @cached_property
    def _client(self) -> ContainerClient:
        return container_of(self._account, self._container, self._given, self._token)

    @contextmanager
    def _listing(self) -> Iterator[None]:
        """Says of a container that does not exist, or may not be read, which one it is and what to do."""
        what = f"container {self._container} of location {self.uri}"
        scope = f"on container {self._container} of storage account {self._account}"
        try:
            with explaining(what, f'the role "{READER_ROLE}" to the application {scope}'):
                yield
        except NotFound as error:
            raise NoSuchPlace(f"{what} does not exist: check its name") from error


def _is_folder(found: BlobProperties) -> bool:
    """Accounts with a hierarchical namespace list their directories, and consoles leave empty blobs as such."""
    metadata = {name.lower(): value for name, value in (found.metadata or {}).items()}
    return found.name.endswith("/") or metadata.get("hdi_isfolder") == "true"


def _tag(found: BlobProperties) -> str:
    return str(found.etag).strip('"')


def _guard(found: BlobProperties) -> Guard | None:
    """Azure knows the MD5 of a blob that was uploaded in one piece, and of others where the writer said it."""
    md5 = found.content_settings.content_md5
    return Guard("MD5", bytes(md5), hashlib.md5(usedforsecurity=False)) if md5 else None
