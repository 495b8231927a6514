"""S3 and STS on this machine: moto's server, and a server that refuses every request in AWS's words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from common.adapters.locations import open_source
from common.ports import Location, Source
from tests.serving import Answer, Quiet, serving

KEYS = b'{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "planted-secret-of-a-test"}'


@cache
def server() -> str:
    """The address of moto's server, which lasts as long as this process."""
    started = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    return f"http://{host}:{port}"


def client(service: str = "s3", address: str | None = None) -> Any:
    """A client of the peer."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=address or server(), **keys)


def bucket_of(place: Path) -> str:
    """A bucket for each place."""
    name = "place-" + hashlib.sha256(str(place).encode()).hexdigest()[:16]
    client().create_bucket(Bucket=name)  # again, in the region of the client, changes nothing
    return name


def write(place: Path, name: str, content: bytes) -> None:
    client().put_object(Bucket=bucket_of(place.parent), Key=f"{place.name}/{name}", Body=content)


def open_place(place: Path, name: str) -> Location:
    uri = "/".join(filter(None, (f"s3://{bucket_of(place.parent)}", place.name, name)))
    return open_source(Source(uri), lambda: KEYS)


@contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """The address of a server that answers everything with one error of AWS."""
    body = f"<Error><Code>{code}</Code><Message>planted-secret-of-a-test</Message></Error>".encode()
    asked = f"<ErrorResponse>{body.decode()}</ErrorResponse>".encode()

    def answer(request: Quiet) -> Answer:
        return Answer(status, asked if request.command == "POST" else body)

    with serving(answer) as address:
        yield address
