"""What Cloud Storage refuses becomes one of our errors by its code; its own words are not repeated."""

from __future__ import annotations

import io
import json
import time

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from common.adapters.gcp.storage import CloudStorageObjectStore
from common.adapters.gcp.storage_location import CloudStorageLocation
from common.errors import BadConfiguration, NotFound, Retryable

SECRET = "line of a bill"


class Answering(requests.Session):
    """Answers every request with one status, or breaks the connection."""

    is_mtls = False

    def __init__(self, status: int, reason: str) -> None:
        super().__init__()
        self._status, self._reason = status, reason

    def request(self, *_, **__):
        if self._status == 0:
            raise requests.exceptions.ConnectionError(SECRET)
        answer = requests.Response()
        answer.status_code = self._status
        reasons = [{"domain": "global", "reason": self._reason, "message": SECRET}]
        answer._content = json.dumps({"error": {"code": self._status, "message": SECRET, "errors": reasons}}).encode()
        answer.headers["content-type"] = "application/json"
        answer.request = requests.Request("GET", "http://x").prepare()
        return answer


def client(status: int, reason: str = "forbidden") -> storage.Client:
    return storage.Client(project="p", credentials=AnonymousCredentials(), _http=Answering(status, reason))


def uses(status: int, tmp_path, reason: str = "forbidden"):
    store = CloudStorageObjectStore(client(status, reason), "bills", tmp_path, retry_seconds=0.1)
    location = CloudStorageLocation(client(status, reason), "gs://bills/march", retry_seconds=0.1)
    uri = "gs://bills/raw/a"
    return {
        "put": lambda: store.put("raw/a", io.BytesIO(b"x")),
        "stat": lambda: store.stat(uri),
        "copy": lambda: store.copy(uri, "raw/b"),
        "open": lambda: store.open(uri),
        "list": lambda: store.list("raw/"),
        "delete": lambda: store.delete(uri),
        "location list": location.list,
        "location open": lambda: location.open("part.csv"),
    }


@pytest.mark.parametrize("use", ["put", "stat", "copy", "open", "list", "delete", "location list", "location open"])
@pytest.mark.parametrize(
    ("status", "told"),
    [
        (0, Retryable),
        (401, BadConfiguration),
        (403, BadConfiguration),
        (429, Retryable),
        (500, Retryable),
        (503, Retryable),
    ],
)
def test_a_refusal_is_told_by_its_code_and_within_its_time(use, status, told, tmp_path):
    began = time.monotonic()
    with pytest.raises(told, match="bills") as caught:
        uses(status, tmp_path)[use]()
    assert SECRET not in str(caught.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("use", ["put", "stat", "list", "location list"])
@pytest.mark.parametrize("reason", ["rateLimitExceeded", "quotaExceeded"])
def test_a_quota_that_is_used_up_is_no_missing_permission(use, reason, tmp_path):
    with pytest.raises(Retryable, match=f"bills.*{reason}") as caught:
        uses(403, tmp_path, reason)[use]()
    assert SECRET not in str(caught.value)


def test_a_quota_that_is_used_up_by_uploads_is_told_as_such(monkeypatch, tmp_path):
    """Errors of uploads come from another layer of the SDK, which does not read the reasons."""
    store = CloudStorageObjectStore(client(403, "rateLimitExceeded"), "bills", tmp_path, retry_seconds=0.1)
    monkeypatch.setattr(store, "_look", lambda uri: None)
    (tmp_path / "file").write_bytes(b"x")
    for write in (
        lambda: store.put("raw/a", io.BytesIO(b"x")),
        lambda: store.put_file("raw/a", tmp_path / "file"),
    ):
        with pytest.raises(Retryable, match="rateLimitExceeded") as caught:
            write()
        assert SECRET not in str(caught.value)


def test_a_bucket_that_may_not_be_read_is_named_with_the_role(tmp_path):
    with pytest.raises(BadConfiguration, match=r"bucket bills .*roles/storage\.objectViewer"):
        uses(403, tmp_path)["location list"]()


def test_a_bucket_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadConfiguration, match=r"bucket bills .*does not exist"):
        uses(404, tmp_path)["location list"]()
    with pytest.raises(NotFound, match="bills"):
        uses(404, tmp_path)["list"]()


@pytest.mark.parametrize("uri", ["gs://", "gs:///march", "gs://bills/a//b", "gs://bills/../b"])
def test_a_uri_that_names_no_bucket_and_folder_is_refused(uri):
    with pytest.raises(BadConfiguration, match="gs://<bucket>/<folder>"):
        CloudStorageLocation(client(200), uri)
