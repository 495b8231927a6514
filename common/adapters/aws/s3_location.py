"""Bills in a bucket of S3: all below a prefix, or one object.  The version of a file is its ETag, which guards every read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC
from functools import cached_property
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from common.adapters.aws.failures import code_of, explaining
from common.adapters.aws.identity import CALLS, OwnRole, external_id_is_asked_for, session_of, signed_in_as
from common.adapters.shared.object_location import ObjectLocation, StoredObject, changed, path_of
from common.adapters.shared.ranged_file import Guard, RangedFile, buffered
from common.errors import BadConfiguration, NoSuchPlace, NotFound
from common.ports.locations import FoundObject, Probe
from common.providers.aws.credential import AwsCredential
from common.providers.aws.permissions import policy_text

SCHEME = "s3://"
_TRUST = "costwire integrations permissions aws --location URI --id INTEGRATION prints the trust policy of the role"
_MD5 = re.compile(r"[0-9a-f]{32}")


class S3Location(ObjectLocation):
    """`s3://bucket`, `s3://bucket/folder` or `s3://bucket/folder/object`."""

    def __init__(self, uri: str, credential: Callable[[], AwsCredential | None], own: OwnRole | None = None) -> None:
        self._bucket, _, path = uri[len(SCHEME) :].partition("/")
        within = path_of(path)
        if not self._bucket or within is None:
            raise BadConfiguration("location is not s3://<bucket>/<prefix>: give the bucket's name, then the export's")
        self._credential, self._own = credential, own
        super().__init__(SCHEME + self._bucket, within)

    def _below(self, prefix: str) -> Iterator[FoundObject]:
        # one request for each 1,000
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):  # consoles leave empty objects as folders
                    yield FoundObject(item["Key"], item["Size"], item["LastModified"].astimezone(UTC), _tag(item))

    def _stored(self, key: str) -> StoredObject | None:
        with self._reaching("s3:GetObject"):
            try:
                head = dict(self._client.head_object(Bucket=self._bucket, Key=key))
            except ClientError as error:
                if code_of(error) in {"404", "NoSuchKey", "NotFound"}:
                    return None
                raise
        return None if key.endswith("/") else StoredObject(_tag(head), lambda: self._ranged(key, head))

    def _ranged(self, key: str, head: dict[str, Any]) -> BinaryIO:
        def fetch(first: int, behind: int) -> bytes:
            with self._reaching("s3:GetObject"):
                try:
                    answer = self._client.get_object(
                        Bucket=self._bucket, Key=key, IfMatch=head["ETag"], Range=f"bytes={first}-{behind - 1}"
                    )
                    return bytes(answer["Body"].read())
                except ClientError as error:
                    if code_of(error) in {"PreconditionFailed", "412", "NoSuchKey"}:
                        raise changed(key) from error
                    raise

        return buffered(RangedFile(fetch, head["ContentLength"], _guard(head), f"object {SCHEME}{self._bucket}/{key}"))

    def _listing(self) -> AbstractContextManager[None]:
        return self._reaching("s3:ListBucket")

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run; that the role asks for its external id is tried last."""
        found = [
            Probe("identity", lambda: signed_in_as(self._session), fix=_TRUST),
            *self._common_probes("s3:ListBucket", "s3:GetObject", policy_text(self.uri)),
        ]
        given = self._given
        if given is not None and given.is_assumed:
            found.append(
                Probe("external id", lambda: external_id_is_asked_for(given, self._own), fix=_TRUST, needed=False)
            )
        return found

    @cached_property
    def _given(self) -> AwsCredential | None:
        return self._credential()

    @cached_property
    def _session(self) -> Any:
        return session_of(self._given, self._own)

    @cached_property
    def _client(self) -> Any:
        return self._session.client("s3", config=CALLS)

    @contextmanager
    def _reaching(self, action: str) -> Iterator[None]:
        """Says of a bucket that is not there, or not open to us, which one it is and what to do."""
        on = f"arn:aws:s3:::{self._bucket}" + (f"/{self._folder}*" if action == "s3:GetObject" else "")
        try:
            with explaining(f"bucket {self._bucket} of location {self.uri}", f"{action} on {on}"):
                yield
        except NotFound as error:
            raise NoSuchPlace(f"bucket {self._bucket} of location {self.uri} does not exist: check its name") from error


def _tag(facts: dict[str, Any]) -> str:
    return str(facts["ETag"]).strip('"')


def _guard(head: dict[str, Any]) -> Guard | None:
    """The ETag is an MD5 of the bytes, save of what was uploaded in parts or encrypted with a key of its own."""
    tag = _tag(head)
    if not _MD5.fullmatch(tag) or head.get("ServerSideEncryption", "AES256") != "AES256":
        return None
    return Guard("MD5", bytes.fromhex(tag), hashlib.md5(usedforsecurity=False))
