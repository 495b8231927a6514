"""Blob Storage on this machine: azurite, a server that refuses every request in Azure's words, and Azure's own addresses answered here."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from common.adapters.locations import open_source
from common.ports import Location, Source
from tests.serving import Answer, serving

PLANTED = "planted-secret-of-a-test"
ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every azurite: https://learn.microsoft.com/azure/storage/common/storage-use-azurite."""
APPLICATION = {
    "tenant_id": "11111111-2222-3333-4444-555555555555",
    "client_id": "66666666-7777-8888-9999-aaaaaaaaaaaa",
    "client_secret": PLANTED,
}
SECRET = json.dumps(APPLICATION).encode()
_SIGN_IN_AT = f"https://login.microsoftonline.com/{APPLICATION['tenant_id']}"
TOKEN_URL = f"{_SIGN_IN_AT}/oauth2/v2.0/token"
SIGN_IN = json.dumps(
    {"issuer": f"{_SIGN_IN_AT}/v2.0", "authorization_endpoint": TOKEN_URL, "token_endpoint": TOKEN_URL}
).encode()
"""What Entra ID says of the tenant."""
Sent = Callable[[requests.PreparedRequest], tuple[int, dict[str, str], bytes]]


def connection_string(address: str | None = None, account: str = ACCOUNT) -> str:
    """The way to azurite, or to another server.  Raises RuntimeError where azurite does not run."""
    address = address or os.environ.get("AZURITE_EMULATOR_HOST")
    if not address:
        raise RuntimeError("AZURITE_EMULATOR_HOST is not set: run the tests by python -m tests.emulators")
    return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={_KEY};BlobEndpoint={address}/{account};"


def secret(address: str | None = None, account: str = ACCOUNT) -> bytes:
    """A credential file of azurite, or of another server."""
    return json.dumps({"connection_string": connection_string(address, account)}).encode()


def listing(*names: str, marker: str = "") -> bytes:
    """A page of a listing, as Azure writes it; blobs of one byte each."""
    blobs = "".join(
        f"<Blob><Name>{name}</Name><Properties><Last-Modified>Wed, 01 Apr 2026 00:00:00 GMT</Last-Modified><Etag>0x1</Etag>"
        "<Content-Length>1</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
        for name in names
    )
    return f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>".encode()


def container_of(place: Path) -> Any:
    """The client of a container for each place."""
    name = "place-" + hashlib.sha256(str(place).encode()).hexdigest()[:16]
    client = BlobServiceClient.from_connection_string(connection_string()).get_container_client(name)
    with suppress(ResourceExistsError):
        client.create_container()
    return client


def write(place: Path, name: str, content: bytes) -> None:
    container_of(place.parent).upload_blob(f"{place.name}/{name}", content, overwrite=True)


def open_place(place: Path, name: str) -> Location:
    container = container_of(place.parent).container_name
    uri = "/".join(filter(None, (f"az://{ACCOUNT}/{container}", place.name, name)))
    return open_source(Source(uri, may_name_addresses=True), secret)


@contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """The address of a server that answers everything with one error of Azure."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{PLANTED}</Message></Error>".encode()

    headers = (("x-ms-error-code", code), ("Content-Type", "application/xml"))
    with serving(lambda request: Answer(status, body, headers)) as address:
        yield address


def answering(monkeypatch: pytest.MonkeyPatch, answer: Sent) -> list[requests.PreparedRequest]:
    """Answer what the SDKs send to Azure's own addresses; the requests that were sent, as they come."""
    asked: list[requests.PreparedRequest] = []

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        asked.append(request)
        status, headers, body = answer(request)
        found = requests.Response()
        found.status_code, found.request, found.url = status, request, str(request.url)
        found.headers.update(headers)
        found.raw = HTTPResponse(
            io.BytesIO(body), headers=headers, status=status, preload_content=False, request_method=request.method
        )
        return found

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return asked


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of what the SDKs send from now on, as it goes."""
    asked: list[str] = []
    there = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, *words: Any, **named: Any) -> requests.Response:
        asked.append(f"{request.method} {request.url}")
        return there(adapter, request, *words, **named)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return asked
