"""A bill in a customer's bucket, connected by its role or its keys, on a peer of S3 and STS: from the policy to the proved month."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.httpsession import URLLib3Session
from typer.testing import CliRunner

from common.errors import BadConfiguration
from common.ingestion.connecting import Connection, connect, look_at
from common.ingestion.permissions import permissions_for
from common.ingestion.syncing import sync
from common.runtime.bootstrap import EmbeddedRuntime
from costwire import cli
from costwire.worker import work
from tests import s3_peer
from tests.accounts import ORG, failed_sync, subscribed, synced
from tests.support import Laptop

SAMPLES = Path(__file__).parents[2] / "costwire" / "samples" / "aws" / "bills"
ROLE = "arn:aws:iam::111122223333:role/costwire"


@pytest.fixture
def rt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_peer.server())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # the platform's own identity
        monkeypatch.setenv(name, "planted-secret-of-a-test")
    with subscribed(tmp_path / "home") as made:
        yield made


@pytest.fixture
def export(tmp_path: Path) -> str:
    """The location of an export: its manifests name the keys of the bucket that they lie in."""
    bucket = s3_peer.bucket_of(tmp_path)
    for path in sorted(SAMPLES.rglob("*"), key=lambda path: path.suffix == ".json"):  # manifests come last
        if path.is_file():
            s3_peer.client().put_object(Bucket=bucket, Key=f"bills/{path.relative_to(SAMPLES)}", Body=path.read_bytes())
    return f"s3://{bucket}/bills"


def test_a_connected_bucket_becomes_a_proved_month(rt: Laptop, export: str) -> None:
    connected = connect(rt, Connection(ORG, "aws", export, secret=s3_peer.KEYS, requested_by="a test"))
    assert connected.files == 3
    assert rt.sealed.list(f"orgs/{ORG}/credentials")[0][1]["credential_type"] == "api_key"
    assert [run["status"] for run in synced(rt)] == ["succeeded"]
    (delivery,) = rt.deliveries(state="current")
    assert delivery["billing_period"] == "2026-03"
    assert [(one["currency"], one["difference"]) for one in delivery["proof"]] == [("USD", "0")]


def test_a_bucket_where_nothing_is_new_takes_two_requests(
    rt: Laptop, export: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One to assume the role, one to list."""
    connect(rt, Connection(ORG, "aws", export, secret=json.dumps({"role_arn": ROLE}).encode()))
    synced(rt)
    asked: list[str] = []
    send = URLLib3Session.send
    monkeypatch.setattr(URLLib3Session, "send", lambda self, request: asked.append(request.url) or send(self, request))
    assert [run["status"] for run in synced(rt)] == ["succeeded", "succeeded"]
    assert len(asked) == 2, asked
    assert len(rt.deliveries()) == 1


def test_an_export_that_is_being_written_over_waits_for_its_manifest(
    rt: Laptop, export: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Laptop, "source", EmbeddedRuntime.source)  # with the times of the store
    bucket = export.split("/")[2]
    rt.clock.moment = datetime.now(UTC)
    connect(rt, Connection(ORG, "aws", export, secret=s3_peer.KEYS))
    store = s3_peer.client()
    (part,) = [one["Key"] for one in store.list_objects_v2(Bucket=bucket)["Contents"] if one["Key"].endswith(".gz")]
    time.sleep(1.1)  # S3 tells times by the second
    store.put_object(Bucket=bucket, Key=part, Body=store.get_object(Bucket=bucket, Key=part)["Body"].read())
    (run,) = synced(rt)
    assert (run["status"], run["error"]) == (
        "waiting", "cur/20260301-20260401/5bd21637-eafb-4b42-b287-42c3f189c0df/March-2026-cur.csv.gz is newer than its manifest: "
        "the export is being written, try again later",
    )  # fmt: skip
    assert rt.deliveries() == []
    rt.clock.sleep(3_700)  # no provider writes that long: somebody copied the files
    assert sorted(run["status"] for run in synced(rt)) == ["succeeded", "waiting"]


def test_a_role_is_stored_with_the_external_id_that_its_policy_asks_for(rt: Laptop, export: str) -> None:
    needed = permissions_for(rt, ORG, "aws", export, "main")
    secret = json.dumps({"role_arn": ROLE}).encode()
    connected = connect(rt, Connection(ORG, "aws", export, "main", secret))
    (statement,) = needed.grants["trust_policy"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": connected.integration["config"]["external_id"]}
    }
    assert connected.integration["config"]["external_id"] == needed.external_id
    assert permissions_for(rt, ORG, "aws", export, "other").external_id != needed.external_id
    assert [run["status"] for run in synced(rt)] == ["succeeded"]


def test_a_stored_role_opens_another_place_without_being_given_again(rt: Laptop, export: str) -> None:
    """As connecting again without a credential does, and the plan of `costwire apply`."""
    secret = json.dumps({"role_arn": ROLE}).encode()
    first = connect(rt, Connection(ORG, "aws", export, secret=secret)).integration["config"]["external_id"]
    seen = look_at(rt, Connection(ORG, "aws", f"{export}/cur"))
    assert (seen.uri, seen.files, seen.accounts) == (f"{export}/cur", 3, {"aws 111122223333"})
    again = connect(rt, Connection(ORG, "aws", f"{export}/cur")).integration
    assert (again["config"]["external_id"], again["credential_ref"]) == (first, f"orgs/{ORG}/credentials/aws")
    assert [run["status"] for run in synced(rt)] == ["succeeded"]


def test_an_external_id_of_the_customers_choice_is_not_used_for_our_own_identity(rt: Laptop, export: str) -> None:
    secret = json.dumps({"role_arn": ROLE, "external_id": "of-another-customer"}).encode()
    connected = connect(rt, Connection(ORG, "aws", export, "main", secret))
    assert connected.integration["config"]["external_id"] != "of-another-customer"


def test_a_wrong_credential_is_refused_before_anything_is_sent_or_saved(rt: Laptop, export: str) -> None:
    with pytest.raises(BadConfiguration, match="Invalid AWS credential JSON format"):
        connect(rt, Connection(ORG, "aws", export, secret=b"planted-secret-of-a-test"))
    assert rt.documents.list(f"orgs/{ORG}/integrations") == rt.sealed.list(f"orgs/{ORG}/credentials") == []


def test_the_place_decides_which_credential_is_expected(rt: Laptop, export: str) -> None:
    """FOCUS bills have no provider's credential of their own, and AWS's may lie in another one's store."""
    connected = connect(rt, Connection(ORG, "focus", export, secret=s3_peer.KEYS))
    assert connected.files == 3
    with pytest.raises(BadConfiguration, match="Invalid service account JSON format"):
        connect(rt, Connection(ORG, "aws", "gs://bills/cur", secret=s3_peer.KEYS))


def test_a_key_that_expires_puts_the_integration_into_error_in_words(
    rt: Laptop, export: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect(rt, Connection(ORG, "aws", export, secret=s3_peer.KEYS))
    with s3_peer.refusing(403, "ExpiredToken") as address, caplog.at_level(logging.DEBUG):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        sync(rt, ORG)
        list(work(rt, rt.clock.sleep))
    said = failed_sync(rt, "planted-secret", caplog.text)
    assert "AWS does not accept the credential (ExpiredToken); give a credential that is valid" in said


def test_the_command_prints_policies_to_copy(rt: Laptop) -> None:
    words = ["integrations", "permissions", "aws", "--location", "s3://bills/exports"]
    shown = CliRunner().invoke(cli.app, words).output
    found = json.loads(CliRunner().invoke(cli.app, [*words, "--json"]).output)
    assert found["external_id"] in shown
    trust, policy = shown.partition("trust policy:\n")[2].partition("next:")[0].split("\npolicy:\n")
    assert (json.loads(trust), json.loads(policy)) == (found["trust_policy"], found["policy"])
    assert '\n  "Statement": [\n' in trust
    reads = {(one["Action"], one["Resource"]) for one in found["policy"]["Statement"]}
    assert reads == {("s3:ListBucket", "arn:aws:s3:::bills"), ("s3:GetObject", "arn:aws:s3:::bills/exports/*")}
    assert "costwire connect aws --location s3://bills/exports --credential FILE" in shown
