"""Bills in S3, on moto's server: what the common cases of locations cannot tell, as refusals, roles, guards and requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.adapters.aws import s3_location
from common.adapters.locations import open_source
from common.errors import BadConfiguration, Changed, CostError, Retryable
from common.ports import Location, Source
from common.providers.aws.credential import read_credential
from tests import s3_peer

PLANTED = "planted-secret-of-a-test"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_peer.server())
    return s3_peer.bucket_of(tmp_path)


def put(bucket: str, **files: bytes) -> None:
    for name, content in files.items():
        s3_peer.client().put_object(Bucket=bucket, Key=f"cur/{name}", Body=content)


def opened(bucket: str, secret: bytes = s3_peer.KEYS, **config: Any) -> Location:
    return open_source(Source(f"s3://{bucket}/cur", config=config), lambda: secret)


def test_a_file_that_is_overwritten_while_it_is_read_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.adapters.shared.ranged_file.BLOCK_BYTES", 4)
    put(bucket, bill=bytes(100))
    with opened(bucket).open("bill") as stream:
        put(bucket, bill=b"1" * 100)
        with pytest.raises(Changed, match="bill changed since it was listed"):
            stream.read()


def test_ranges_are_read_as_they_are_asked_for(bucket: str) -> None:
    content = bytes(range(256)) * 50_000  # several blocks
    put(bucket, bill=content)
    with opened(bucket).open("bill") as stream:
        stream.seek(9_000_000)
        assert stream.read(10) == content[9_000_000:9_000_010]
        stream.seek(0)
        assert stream.read() == content


def test_damaged_bytes_are_told_by_the_etag(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bucket, bill=b"as it was stored")
    there = s3_location._guard
    monkeypatch.setattr(s3_location, "_guard", lambda head: there({**head, "ETag": '"' + "0" * 32 + '"'}))
    with opened(bucket).open("bill") as stream, pytest.raises(Retryable, match="its MD5 does not match"):
        stream.read()


def test_a_listing_takes_a_request_for_a_thousand_files(bucket: str) -> None:
    put(bucket, **{f"part-{number:04}": b"" for number in range(1001)})
    asked: list[str] = []
    place = opened(bucket)
    place._client.meta.events.register("before-send.s3", lambda request, **_: asked.append(request.url))  # type: ignore[attr-defined]
    assert len(place.list()) == 1001
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AccessDenied", BadConfiguration, r"permission denied \(AccessDenied\); allow s3:ListBucket on arn:aws:s3:::bills"),
        (403, "InvalidAccessKeyId", BadConfiguration, r"does not accept the credential \(InvalidAccessKeyId\)"),
        (403, "SignatureDoesNotMatch", BadConfiguration, "does not accept the credential"),
        (400, "ExpiredToken", BadConfiguration, "does not accept the credential"),
        (404, "NoSuchBucket", BadConfiguration, "bucket bills of location s3://bills/cur does not exist"),
        (503, "SlowDown", Retryable, r"too many requests \(SlowDown\)"),
        (500, "InternalError", Retryable, "temporarily unavailable"),
        (400, "InvalidBucketName", BadConfiguration, r"AWS refuses the request \(InvalidBucketName\)"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_own_words_and_repeats_none_of_aws(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[CostError], words: str
) -> None:
    with s3_peer.refusing(status, code) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(kind, match=words) as caught:
            opened("bills").list()
    assert PLANTED not in str(caught.value)


def test_a_service_that_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Retryable, match="EndpointConnectionError"):
        opened("bills").list()


@pytest.mark.parametrize(("own_keys", "external_id"), [(False, "costwire-1"), (True, None)], ids=["ours", "theirs"])
def test_a_role_that_our_identity_assumes_is_asked_for_with_the_external_id_of_the_integration(
    bucket: str, monkeypatch: pytest.MonkeyPatch, own_keys: bool, external_id: str | None
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # the platform's own identity
        monkeypatch.setenv(name, "own")
    put(bucket, bill=b"1")
    asked: list[dict[str, Any]] = []
    there: Callable[..., Any] = s3_location.session_of
    monkeypatch.setattr(s3_location, "session_of", lambda given, own: asked.append(vars(given)) or there(given, own))
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "x"} if own_keys else {}
    secret = json.dumps({"role_arn": "arn:aws:iam::111122223333:role/costwire", **keys}).encode()
    assert [item.name for item in opened(bucket, secret, external_id="costwire-1").list()] == ["bill"]
    assert asked[0]["external_id"] == external_id


def test_a_role_that_does_not_trust_us_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = b'{"role_arn": "arn:aws:iam::111122223333:role/costwire", "access_key_id": "a", "secret_access_key": "b"}'
    with s3_peer.refusing(403, "AccessDenied") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(
            BadConfiguration, match="its trust policy does not name Costwire's identity, or has another"
        ):
            opened("bills", secret).list()


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (b"AKIA...", "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b"{}", "has neither access_key_id nor role_arn"),
        (b'{"access_key_id": "a"}', "expected both or neither"),
        (b'{"access_key_id": 5, "secret_access_key": "s"}', "has no text in access_key_id"),
        (b'{"role_arn": "costwire"}', "not the ARN of a role"),
        (b'{"planted-secret-of-a-test": "x"}', "has a field that is not known"),
        (b'{"role_arn": "arn:aws:iam::111122223333:role/c", "external_id": "a b"}', "has an external_id of other characters"),
    ],
)  # fmt: skip
def test_a_credential_of_another_shape_is_told_before_anything_is_sent(secret: bytes, found: str) -> None:
    with pytest.raises(BadConfiguration, match=f"^Invalid AWS credential JSON format: the file .*{found}") as caught:
        read_credential(secret)
    assert PLANTED not in str(caught.value)
    assert "\n" not in str(caught.value)
