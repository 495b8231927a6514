"""What moto's S3 and SNS send, which share no code with ours: a put object is announced, signed, and starts its month."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import responses
from moto import mock_aws
from moto.core.models import responses_mock
from moto.sns.models import sns_backends

from common.config import Settings
from common.runtime import bootstrap
from tests.integration.webhook_world import World

SINK = "https://webhooks.example.com/v1/default/bills"
REGION = "eu-west-1"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[World]:
    made = World(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    with mock_aws():
        yield made
    bootstrap.use(None)


def test_an_object_that_is_put_starts_its_month(rt: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    posted: list[Any] = []
    responses_mock.add_callback(
        responses.POST, SINK, callback=lambda request: (posted.append(json.loads(request.body)), (200, {}, ""))[1]
    )
    sns, s3 = boto3.client("sns", REGION), boto3.client("s3", REGION)
    topic = sns.create_topic(Name="costwire-bills")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=SINK)
    s3.create_bucket(Bucket="acme-bills", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket="acme-bills",
        NotificationConfiguration={"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]},
    )
    s3.put_object(Bucket="acme-bills", Key="exports/cur/metadata/BILLING_PERIOD=2026-03/cur-Manifest.json", Body=b"{}")
    rt.clock.moment = datetime.now(UTC)
    certificates = sns_backends["123456789012"][REGION]._message_public_keys
    rt.web.update({f"https://sns.{REGION}.amazonaws.com/{name}": pem for name, pem in certificates.items()})
    rt.integration(sender=topic)
    assert posted
    for body in posted:
        assert rt.call(body).status_code == 200
        assert rt.call({**body, "Message": body["Message"] + " "}).status_code == 400
    assert {one.billing_periods for one in rt.requests()} == {("2026-03",)}
