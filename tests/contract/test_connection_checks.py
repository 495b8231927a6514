"""The dry run of every place: the same steps in the same order, and each refusal is the same kind of check with its own fix.

CONTRACT_LOCATIONS=file,s3,... (those that need no emulator by default).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from backends import LOCATIONS, chosen

from common.adapters.gcp import billing_export, identity
from common.adapters.gcp.storage_location import CloudStorageLocation
from common.adapters.locations import open_source
from common.adapters.oci import object_storage
from common.domain.checks import (
    CREDENTIAL,
    FAILED,
    NOT_CHECKED,
    NOT_FOUND,
    NOT_YET,
    PASSED,
    PERMISSION,
    UNAVAILABLE,
    UNKNOWN,
    Check,
)
from common.ingestion.checking import check_integration
from common.ports import ProbedLocation, Source
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from tests import azure_peer, oci_peer, s3_peer
from tests.serving import Answer, serving
from tests.support import Laptop, laptop
from tests.unit.test_cloud_storage_refusals import client as refusing_client

PLANTED = "planted-secret-of-a-test"


@pytest.fixture(params=chosen("LOCATIONS", "file,s3,oci"))
def backend(request: pytest.FixtureRequest) -> Any:
    return LOCATIONS[request.param]


@pytest.fixture
def place(tmp_path: Path, backend: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in backend.environment().items():
        monkeypatch.setenv(name, value)
    return tmp_path / "my bills"


class Placed(Laptop):
    """Reads wherever a test says."""

    there: ProbedLocation

    def source(self, integration: Source) -> ProbedLocation:
        return self.there


def checked(home: Path, location: ProbedLocation, provider: str = "aws") -> dict[str, Check]:
    """The checks of an integration at a place, by name."""
    with laptop(home) as made:
        rt = Placed(made.settings)
        rt.there = location
        ensure_default(rt.documents, rt.clock.now())
        save_integration(rt.documents, rt.clock.now(), "default", "one", provider, location.uri)
        return {one.name: one for one in check_integration(rt, "default", "one").checks}


def test_who_reads_what_may_be_read_and_when_it_was_delivered(backend: Any, place: Path, tmp_path: Path) -> None:
    backend.write(place, "part.csv", b"lineItem")
    found = checked(tmp_path / "home", backend.open(place, ""))
    assert list(found) == ["identity", "listing", "reading", "export", "delivery", "synchronization"], found
    assert {name: one.outcome for name, one in found.items()} == {
        **dict.fromkeys(("identity", "listing", "reading", "export"), PASSED), "delivery": found["delivery"].outcome,
        "synchronization": UNKNOWN,
    }  # fmt: skip
    assert "part.csv can be read" in found["reading"].found
    assert found["listing"].permission and found["reading"].permission
    assert "the newest delivery is of" in found["delivery"].found


def test_a_place_where_nothing_lies_yet_is_no_fault(backend: Any, place: Path, tmp_path: Path) -> None:
    backend.write(place, "of-another-export/part.csv", b"")
    (place / "of-this-one").mkdir(parents=True, exist_ok=True)
    found = checked(tmp_path / "home", backend.open(place, "of-this-one"))
    assert (found["listing"].outcome, found["listing"].cause) == (UNKNOWN, NOT_YET)
    assert (found["reading"].outcome, found["reading"].cause) == (UNKNOWN, NOT_CHECKED)
    assert FAILED not in {one.outcome for one in found.values()}


@contextmanager
def s3(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProbedLocation]:
    with s3_peer.refusing(status, code) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address if code == "ExpiredToken" else s3_peer.server())
        yield open_source(Source("s3://bills/cur"), lambda: s3_peer.KEYS)


@contextmanager
def azure(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProbedLocation]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with azure_peer.refusing(status, code) as address:
        secret = azure_peer.secret(address)
        yield open_source(Source(f"az://{azure_peer.ACCOUNT}/exports/cost", may_name_addresses=True), lambda: secret)


@contextmanager
def oci(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProbedLocation]:
    monkeypatch.setenv(object_storage.ENDPOINT, oci_peer.peer().address)
    monkeypatch.setattr(object_storage, "_TRIES", 1)
    with oci_peer.refusing(status):
        yield open_source(Source("oci://bling/ocid1.tenancy/reports"), oci_peer.credential)


@contextmanager
def bigquery(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProbedLocation]:
    monkeypatch.setattr(billing_export, "PATIENCE_SECONDS", 0.5)
    answer = {"error": {"code": status, "message": PLANTED, "errors": [{"reason": code, "message": PLANTED}]}}
    with serving(
        lambda _: Answer(status, json.dumps(answer).encode(), (("Content-Type", "application/json"),))
    ) as address:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
        yield open_source(Source("bq://bills/billing/gcp_billing_export_v1_A", provider="gcp"), lambda: None)


@contextmanager
def cloud_storage(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProbedLocation]:
    yield CloudStorageLocation(refusing_client(status, code), "gs://bills/march", retry_seconds=0.1)


REFUSALS = [
    (s3, "aws", 403, "AccessDenied", "listing", FAILED, PERMISSION, '"Action": "s3:ListBucket"'),
    (s3, "aws", 400, "ExpiredToken", "identity", FAILED, CREDENTIAL, "costwire connect aws --id one --location s3://bills/cur --cred"),
    (s3, "aws", 404, "NoSuchBucket", "listing", FAILED, NOT_FOUND, "costwire connect aws --id one --location URI"),
    (s3, "aws", 500, "InternalError", "listing", UNKNOWN, UNAVAILABLE, ""),
    (s3, "aws", 503, "SlowDown", "listing", UNKNOWN, UNAVAILABLE, ""),
    (azure, "azure", 403, "AuthorizationPermissionMismatch", "listing", FAILED, PERMISSION, "az role assignment create"),
    (azure, "azure", 403, "AuthenticationFailed", "listing", FAILED, CREDENTIAL, "costwire connect azure --id one"),
    (azure, "azure", 404, "ContainerNotFound", "listing", FAILED, NOT_FOUND, "costwire connect azure --id one"),
    (azure, "azure", 500, "InternalError", "listing", UNKNOWN, UNAVAILABLE, ""),
    (azure, "azure", 503, "ServerBusy", "listing", UNKNOWN, UNAVAILABLE, ""),
    (oci, "oci", 401, "", "identity", FAILED, CREDENTIAL, "costwire connect oci --id one"),
    (oci, "oci", 503, "", "identity", UNKNOWN, UNAVAILABLE, ""),
    (oci, "oci", 429, "", "identity", UNKNOWN, UNAVAILABLE, ""),
    (bigquery, "gcp", 403, "accessDenied", "listing", FAILED, PERMISSION, "GRANT `roles/bigquery.dataViewer` ON SCHEMA `bills.billing`"),
    (bigquery, "gcp", 404, "notFound", "listing", FAILED, NOT_FOUND, "costwire connect gcp --id one"),
    (cloud_storage, "gcp", 401, "required", "listing", FAILED, CREDENTIAL, "costwire connect gcp --id one"),
    (cloud_storage, "gcp", 403, "forbidden", "listing", FAILED, PERMISSION, "gcloud storage buckets add-iam-policy-binding gs://bills"),
    (cloud_storage, "gcp", 404, "notFound", "listing", FAILED, NOT_FOUND, "costwire connect gcp --id one"),
    (cloud_storage, "gcp", 429, "rateLimitExceeded", "listing", UNKNOWN, UNAVAILABLE, ""),
    (bigquery, "gcp", 503, "backendError", "listing", UNKNOWN, UNAVAILABLE, ""),
    (bigquery, "gcp", 403, "rateLimitExceeded", "listing", UNKNOWN, UNAVAILABLE, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("refusing", "provider", "status", "code", "name", "outcome", "cause", "fix"),
    REFUSALS, ids=[f"{one[1]}-{one[2]}-{one[3]}" for one in REFUSALS],
)  # fmt: skip
def test_a_refusal_is_a_check_with_its_cause_and_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: Any, provider: str, status: int, code: str, name: str,
    outcome: str, cause: str, fix: str,
) -> None:  # fmt: skip
    place: AbstractContextManager[ProbedLocation] = refusing(status, code, monkeypatch)
    with place as location:
        found = checked(tmp_path / "home", location, provider)
    one = found[name]
    assert (one.outcome, one.cause) == (outcome, cause), found
    assert fix in one.fix and bool(fix) == bool(one.fix)
    assert (one.permission is not None) or cause != PERMISSION
    assert found["delivery"].cause == NOT_CHECKED
    assert PLANTED not in str(found)


@pytest.mark.parametrize("refusing", [s3, azure, oci, bigquery, cloud_storage])
def test_no_two_kinds_of_refusal_have_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: Any
) -> None:
    """Not even without the codes in them."""
    said = {}
    for number, (_, provider, status, code, name, *_) in enumerate(one for one in REFUSALS if one[0] is refusing):
        place: AbstractContextManager[ProbedLocation] = refusing(status, code, monkeypatch)
        with place as location:
            found = checked(tmp_path / str(number), location, provider)[name].found
        said[status, code] = re.sub(r" \(.*?\)", "", found)
    assert len(said) >= 3 and len(set(said.values())) == len(said), said


def test_a_missing_policy_of_oci_is_told_with_its_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OCI answers alike where the bucket does not exist; who is signed in it says before."""
    monkeypatch.setenv(object_storage.ENDPOINT, oci_peer.peer().address)
    location = open_source(Source("oci://bling/ocid1.tenancy.of.nobody/reports"), oci_peer.credential)
    found = checked(tmp_path / "home", location, "oci")
    assert found["identity"].outcome == PASSED and oci_peer.USER in found["identity"].found
    assert (found["listing"].cause, found["listing"].permission) == (PERMISSION, "read objects in tenancy usage-report")
    assert "endorse group <group> to read objects in tenancy usage-report" in found["listing"].fix.splitlines()


@pytest.mark.parametrize(("asks", "outcome"), [(True, PASSED), (False, FAILED)])
def test_a_role_that_asks_for_no_external_id_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: bool, outcome: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_peer.server())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    s3_peer.write(tmp_path / "cur", "part.csv", b"x")
    real = s3_peer.client("sts").assume_role(
        RoleArn="arn:aws:iam::111122223333:role/costwire", RoleSessionName="costwire"
    )
    keys = "".join(
        f"<{name}>{real['Credentials'][name]}</{name}>" for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
    )
    session = f"<Credentials>{keys}<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
    refusal = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    asked: list[bytes] = []

    def answer(request: Any) -> Answer:
        asked.append(request.body)
        if b"GetCallerIdentity" in request.body:
            arn = "<Arn>arn:aws:sts::111122223333:assumed-role/costwire/costwire</Arn>"
            return Answer(200, f"<R><GetCallerIdentityResult>{arn}</GetCallerIdentityResult></R>".encode())
        if asks and b"ExternalId" not in request.body:
            return Answer(403, refusal)
        return Answer(200, f"<R><AssumeRoleResult>{session}</AssumeRoleResult></R>".encode())

    with serving(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
        source = Source(f"s3://{s3_peer.bucket_of(tmp_path)}/cur", config={"external_id": "costwire-1"})
        secret = b'{"role_arn": "arn:aws:iam::111122223333:role/costwire"}'
        found = checked(tmp_path / "home", open_source(source, lambda: secret))
    assert found["external id"].outcome == outcome, found
    assert found["identity"].found == "arn:aws:sts::111122223333:assumed-role/costwire/costwire"
    assert found["delivery"].cause != NOT_CHECKED, "what the role asks for does not decide whether bills are read"


def test_a_key_of_google_that_is_not_accepted_is_told_before_anything_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = rsa.generate_private_key(65537, 2048).private_bytes(*form).decode()
    key = {"type": "service_account", "client_email": "reader@bills.example", "private_key_id": "1", "private_key": pem}
    refused = json.dumps({"error": "invalid_grant", "error_description": PLANTED}).encode()
    with serving(lambda _: Answer(400, refused, (("Content-Type", "application/json"),))) as address:
        monkeypatch.setattr(identity, "TOKEN_URI", f"{address}/token")
        location = open_source(Source("bq://bills/billing", provider="gcp"), lambda: json.dumps(key).encode())
        found = checked(tmp_path / "home", location, "gcp")
    assert (found["identity"].cause, "reader@bills.example" in found["identity"].found) == (CREDENTIAL, True)
    assert {found[name].cause for name in ("listing", "querying", "reading")} == {NOT_CHECKED}
    assert PLANTED not in str(found)
