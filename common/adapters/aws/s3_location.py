"""Bills in a bucket of S3: all below a prefix, or one object.  The version of a file is its ETag, which guards every read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import cached_property
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from common.adapters.aws.failures import code_of, explaining
from common.adapters.aws.identity import CALLS, session_of
from common.adapters.shared.ranged_file import Guard, RangedFile, buffered
from common.errors import BadConfiguration, Changed, NotFound
from common.ports.locations import FoundObject
from common.providers.aws.credential import AwsCredential

SCHEME = "s3://"
_MD5 = re.compile(r"[0-9a-f]{32}")


class S3Location:
    """`s3://bucket`, `s3://bucket/folder` or `s3://bucket/folder/object`; names stand as they are, without percent signs."""

    def __init__(self, uri: str, credential: Callable[[], AwsCredential | None]) -> None:
        self._bucket, _, path = uri[len(SCHEME) :].partition("/")
        if not self._bucket or any(step in {"", ".", ".."} for step in path.rstrip("/").split("/") if path):
            raise BadConfiguration("location is not s3://<bucket>/<prefix>: give the bucket's name, then the export's")
        self._path = path.rstrip("/")
        self._credential = credential
        self.uri = SCHEME + "/".join(filter(None, (self._bucket, self._path)))

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The objects below, by name; one request for each 1,000 of them.  A location that is one object lists that one.

        Raises BadConfiguration where there is no such bucket, nothing lies there, or it may not be read, naming bucket and permission.
        """
        with self._reaching("s3:ListBucket"):
            found = [*self._below(self._folder + prefix)]
            if not found and self._path:
                one = [item for item in self._below(self._path) if item["Key"] == self._path]
                if not one and not (prefix and any(True for _ in self._below(self._folder))):
                    raise BadConfiguration(
                        f"location {self.uri} does not exist or is empty; check the prefix, or wait for the first export, "
                        "which takes up to 24 hours"
                    )
                name = self._path.rpartition("/")[2]
                return [_found(item, name) for item in one if name.startswith(prefix)]
        listed = [_found(item, item["Key"].removeprefix(self._folder)) for item in found]
        return sorted(listed, key=lambda item: item.name)

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one object, streaming and seekable; without a version the one that is there now.

        Raises NotFound, Changed as the port says, and BadConfiguration as `list`.
        """
        if not name or name.endswith("/") or any(step in {"", ".", ".."} for step in name.split("/")):
            raise NotFound(f"there is no object {name} at {self.uri}")
        is_one = self._path.rpartition("/")[2] == name and self._head(self._path) is not None
        key = self._path if is_one else self._folder + name
        head = self._head(key)
        if head is None:
            raise NotFound(f"there is no object {name} at {self.uri}")
        tag = _tag(head)
        if version is not None and tag != version:
            raise Changed(_changed(name))
        return self._ranged(key, name, head)

    def _ranged(self, key: str, name: str, head: dict[str, Any]) -> BinaryIO:
        tag = head["ETag"]

        def fetch(first: int, behind: int) -> bytes:
            with self._reaching("s3:GetObject"):
                try:
                    answer = self._client.get_object(
                        Bucket=self._bucket, Key=key, IfMatch=tag, Range=f"bytes={first}-{behind - 1}"
                    )
                    return bytes(answer["Body"].read())
                except ClientError as error:
                    if code_of(error) in {"PreconditionFailed", "412", "NoSuchKey"}:
                        raise Changed(_changed(name)) from error
                    raise

        return buffered(RangedFile(fetch, head["ContentLength"], _guard(head), f"object {SCHEME}{self._bucket}/{key}"))

    def _head(self, key: str) -> dict[str, Any] | None:
        with self._reaching("s3:GetObject"):
            try:
                return dict(self._client.head_object(Bucket=self._bucket, Key=key))
            except ClientError as error:
                if code_of(error) in {"404", "NoSuchKey", "NotFound"}:
                    return None
                raise

    def _below(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            # consoles leave empty objects as folders
            yield from (item for item in page.get("Contents", ()) if not item["Key"].endswith("/"))

    @property
    def _folder(self) -> str:
        return self._path + "/" if self._path else ""

    @cached_property
    def _client(self) -> Any:
        return session_of(self._credential()).client("s3", config=CALLS)

    @contextmanager
    def _reaching(self, action: str) -> Iterator[None]:
        """Says of a bucket that is not there, or not open to us, which one it is and what to do."""
        on = f"arn:aws:s3:::{self._bucket}" + (f"/{self._folder}*" if action == "s3:GetObject" else "")
        try:
            with explaining(f"bucket {self._bucket} of location {self.uri}", f"{action} on {on}"):
                yield
        except NotFound as error:
            raise BadConfiguration(
                f"bucket {self._bucket} of location {self.uri} does not exist: check its name"
            ) from error


def _found(item: dict[str, Any], name: str) -> FoundObject:
    return FoundObject(name, item["Size"], item["LastModified"].astimezone(UTC), _tag(item))


def _tag(facts: dict[str, Any]) -> str:
    return str(facts["ETag"]).strip('"')


def _guard(head: dict[str, Any]) -> Guard | None:
    """The ETag is an MD5 of the bytes, save of what was uploaded in parts or encrypted with a key of its own."""
    tag = _tag(head)
    if not _MD5.fullmatch(tag) or head.get("ServerSideEncryption", "AES256") != "AES256":
        return None
    return Guard("MD5", bytes.fromhex(tag), hashlib.md5(usedforsecurity=False))


def _changed(name: str) -> str:
    return f"{name} changed since it was listed; it is read again"
