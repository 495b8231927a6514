"""Bills in OCI Object Storage: all below a prefix, or one object.  The version of a file is its ETag, which guards every read.

Source: https://docs.oracle.com/en-us/iaas/api/#/en/objectstorage/20160918/ (ListObjects, GetObject, HeadObject).
"""

from __future__ import annotations

import base64
import hashlib
import os
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from common.adapters.oci.signing import Signer
from common.adapters.shared.object_location import ObjectLocation, StoredObject, changed, path_of
from common.adapters.shared.ranged_file import Guard, RangedFile, buffered
from common.errors import AGAIN, BadConfiguration, NotAllowed, NotSignedIn, Retryable, Throttled
from common.ports.locations import FoundObject, Probe
from common.providers.oci.credential import OciCredential
from common.providers.oci.permissions import POLICY, READS

SCHEME = "oci://"
ENDPOINT = "COSTWIRE_OCI_ENDPOINT"
"""Tests: where a peer of Object Storage answers."""
PAGE = 1_000
_TRIES = 4
_FIELDS = "name,size,etag,timeModified"
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_POLICY = f"its tenancy needs the policies {' and '.join(f'`{line}`' for line in POLICY)}"


class ObjectStorageLocation(ObjectLocation):
    """`oci://namespace/bucket/folder`.  Cost reports lie at `oci://bling/<tenancy OCID>`."""

    def __init__(self, uri: str, credential: Callable[[], OciCredential | None]) -> None:
        namespace, _, rest = uri[len(SCHEME) :].partition("/")
        bucket, _, path = rest.partition("/")
        within = path_of(path)
        if not (namespace and bucket) or within is None:
            raise BadConfiguration(
                "location is not oci://<namespace>/<bucket>/<prefix>: cost reports lie at oci://bling/<tenancy OCID>/reports"
            )
        self._namespace, self._bucket = namespace, bucket
        self._credential = credential
        super().__init__(f"{SCHEME}{namespace}/{bucket}", within)

    def _below(self, prefix: str) -> Iterator[FoundObject]:
        # one request for each 1,000
        start = None
        while True:
            asked = {"prefix": prefix, "fields": _FIELDS, "limit": str(PAGE), **({"start": start} if start else {})}
            page = self._ask("GET", f"{self._root}/o", params=asked).json()
            # consoles leave empty objects as folders
            yield from (_found(item) for item in page["objects"] if not item["name"].endswith("/"))
            start = page.get("nextStartWith")
            if not start:
                return

    def _stored(self, key: str) -> StoredObject | None:
        answer = self._ask("HEAD", self._object(key), passing={404})
        if answer.status_code == 404 or key.endswith("/"):
            return None
        head = answer.headers
        return StoredObject(head["etag"], lambda: self._ranged(key, head))

    def _ranged(self, key: str, head: Mapping[str, str]) -> BinaryIO:
        def fetch(first: int, behind: int) -> bytes:
            asked = {"if-match": head["etag"], "range": f"bytes={first}-{behind - 1}"}
            answer = self._ask("GET", self._object(key), headers=asked, passing={404, 412})
            if answer.status_code in {404, 412}:
                raise changed(key)
            return answer.content

        what = f"object {SCHEME}{self._namespace}/{self._bucket}/{key}"
        return buffered(RangedFile(fetch, int(head["content-length"]), _guard(head), what))

    def _listing(self) -> AbstractContextManager[None]:
        return nullcontext()  # each request explains its own refusal

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run.  The namespace of the tenancy is told to every user of it, whatever the policies are."""
        return [Probe("identity", self._signed_in_as), *self._common_probes(READS, READS, "\n".join(POLICY))]

    def _signed_in_as(self) -> str:
        namespace = self._ask("GET", "/n").json()
        given = self._given
        return f"user {given.user} of tenancy {given.tenancy} ({namespace})"

    def _ask(self, method: str, path: str, passing: Collection[int] = (), **more: Any) -> httpx.Response:
        again = Retrying(
            retry=retry_if_exception_type(Retryable),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.5, max=8),
            reraise=True,
        )
        return again(self._once, method, path, passing, **more)

    def _once(self, method: str, path: str, passing: Collection[int], **more: Any) -> httpx.Response:
        what = f"bucket {self._bucket} of location {self.uri}"
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise Retryable(f"{what}: temporarily unavailable, {type(error).__name__}; {AGAIN}") from error
        status = answer.status_code
        if answer.is_success or status in passing:
            return answer
        if status == 401:
            raise NotSignedIn(
                f"{what}: OCI does not accept the credential (401); check the fingerprint and this machine's clock, or give another "
                "one: costwire connect oci --credential FILE"
            )
        if status in {403, 404}:
            # OCI tells a missing policy from a missing bucket in neither
            raise NotAllowed(f"{what} does not exist, or may not be read ({status}); check its name; {_POLICY}", READS)
        if status == 429:
            raise Throttled(f"{what}: too many requests ({status}); {AGAIN}")
        if status in {408, 409} or status >= 500:
            raise Retryable(f"{what}: temporarily unavailable ({status}); {AGAIN}")
        raise BadConfiguration(f"{what}: OCI refuses the request ({status}); check the location")

    @cached_property
    def _given(self) -> OciCredential:
        credential = self._credential()
        if credential is None:
            raise NotSignedIn("bills of OCI are read with a user's API key: costwire connect oci --credential FILE")
        return credential

    @cached_property
    def _client(self) -> httpx.Client:
        credential = self._given
        address = os.environ.get(ENDPOINT) or f"https://objectstorage.{credential.region}.oraclecloud.com"
        client = httpx.Client(base_url=address, auth=Signer(credential), timeout=_TIMEOUT)
        weakref.finalize(self, client.close)  # nobody closes a location
        return client

    @property
    def _root(self) -> str:
        return f"/n/{quote(self._namespace, safe='')}/b/{quote(self._bucket, safe='')}"

    def _object(self, key: str) -> str:
        return f"{self._root}/o/{quote(key, safe='')}"


def _found(item: Mapping[str, Any]) -> FoundObject:
    modified = datetime.fromisoformat(item["timeModified"]).astimezone(UTC)
    return FoundObject(item["name"], int(item["size"]), modified, str(item["etag"]))


def _guard(head: Mapping[str, str]) -> Guard | None:
    """The MD5 of the bytes, which objects that were uploaded in parts do not have."""
    digest = head.get("content-md5")
    return Guard("MD5", base64.b64decode(digest), hashlib.md5(usedforsecurity=False)) if digest else None
