"""Providers that call, with a key and certificate of the test's own: SNS, EventBridge, Event Grid and Pub/Sub."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import flask
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from werkzeug.test import TestResponse

from common.messages import SyncRequested
from common.messages.cloudevent import decode
from common.ports import ProbedLocation, Source
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.runtime.senders import WebSenders
from common.tenancy.webhooks import set_up
from tests.integration.push_tokens import Key
from tests.support import Laptop, subscribe_all
from web.webhooks import answer

TOPIC = "arn:aws:sns:eu-west-1:111122223333:costwire-bills"
SNS_HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{SNS_HOST}/SimpleNotificationService-0123456789abcdef.pem"
LOCATION = "s3://acme-bills/exports/cur"
MANIFEST = "exports/cur/metadata/BILLING_PERIOD=2026-03/cur-Manifest.json"
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
KEY, OTHER = Key("k1"), Key("k1")
"""The provider's key, and a forger's of the same name: made once, as an RSA key takes a while."""
_CERTIFICATE_OF_KEY = KEY.certificate().encode()


class World(Laptop):
    """The embedded runtime, with the web as far as the tests have it.

    web: what an address answers, instead of the provider's certificate.  visited: what was fetched, in order.
    """

    @cached_property
    def visited(self) -> list[str]:
        return []

    @cached_property
    def bucket(self) -> Path:
        """What lies at the location of an integration, as a folder."""
        made = self.home / "bucket"
        made.mkdir()
        return made

    def source(self, integration: Source) -> ProbedLocation:
        return super().source(replace(integration, location=self.bucket.as_uri()))

    @cached_property
    def web(self) -> dict[str, bytes | Exception]:
        return {}

    @cached_property
    def senders(self) -> WebSenders:
        return WebSenders(self._get)

    def _get(self, url: str) -> bytes:
        self.visited.append(url)
        found = self.web.get(url, _CERTIFICATE_OF_KEY)
        if isinstance(found, Exception):
            raise found
        return found

    def integration(
        self, location: str = LOCATION, provider: str = "aws", sender: str | None = None, name: str = "bills"
    ) -> str:
        """Save an integration with a webhook; its secret, empty where it has none."""
        subscribe_all(self)
        ensure_default(self.documents, self.clock.now())
        save_integration(self.documents, self.clock.now(), "default", name, provider, location)
        made = set_up(self, "default", name, sender, not location.startswith("gs://"), False, "test")
        return made.secret or ""

    def requests(self) -> list[SyncRequested]:
        """The requests that were published and nobody took yet, the oldest first."""
        found = []
        while (one := self.bus.pull(["dispatch_sync"])) is not None:
            message = decode(one.event)
            assert isinstance(message, SyncRequested)
            found.append(message)
            self.bus.ack(one)
        return found

    @cached_property
    def app(self) -> flask.Flask:
        made = flask.Flask("webhooks")
        made.add_url_rule(
            "/<path:rest>", "any", lambda rest: answer(self, flask.request), methods=["GET", "POST", "PUT", "OPTIONS"],
            provide_automatic_options=False,
        )  # fmt: skip
        return made

    def call(self, body: Any, path: str = "/v1/default/bills", method: str = "POST", **headers: str) -> TestResponse:
        """Send a call.  body: bytes as they are, anything else as JSON.  headers: with underscores for dashes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.app.test_client().open(path, method=method, data=raw, headers=named)


def s3_event(*keys: str, bucket: str = "acme-bills", name: str = "ObjectCreated:Put", size: int = 100) -> str:
    """What S3 publishes: keys are URL-encoded by whoever gives them."""
    records = [
        {
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name,
            "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": size, "eTag": "e", "sequencer": "1"}},
        }
        for key in keys
    ]  # fmt: skip
    return json.dumps({"Records": records})


@dataclass
class Sns:
    """A message of SNS, signed when it is made."""

    at: datetime
    message: str = field(default_factory=lambda: s3_event(MANIFEST))
    kind: str = "Notification"
    message_id: str = "m-1"
    topic: str = TOPIC
    version: str = "2"
    certificate: str = CERTIFICATE
    subject: str | None = "Amazon S3 Notification"
    subscribe_url: str | None = None
    key: Key = field(default_factory=lambda: KEY)

    def body(self, **changes: Any) -> dict[str, Any]:
        """As SNS sends it.  changes: made after it was signed; None takes a field out."""
        made: dict[str, Any] = {
            "Type": self.kind, "MessageId": self.message_id, "TopicArn": self.topic, "Message": self.message,
            "Timestamp": f"{self.at:%Y-%m-%dT%H:%M:%S.000Z}", "SignatureVersion": self.version,
            "SigningCertURL": self.certificate,
        }  # fmt: skip
        if self.kind == "Notification":
            made["UnsubscribeURL"] = f"{SNS_HOST}/?Action=Unsubscribe"
            if self.subject is not None:
                made["Subject"] = self.subject
        else:
            made["Token"] = "token1"
            made["SubscribeURL"] = self.subscribe_url or confirmation(self.topic)
        names = [name for name in SIGNED.get(self.kind, SIGNED["Notification"]) if name in made]
        text = "".join(f"{name}\n{made[name]}\n" for name in names).encode()
        digest = hashes.SHA1() if self.version == "1" else hashes.SHA256()  # noqa: S303
        made["Signature"] = base64.b64encode(self.key.private.sign(text, padding.PKCS1v15(), digest)).decode()
        return {name: value for name, value in (made | changes).items() if value is not None}


def confirmation(topic: str, host: str = SNS_HOST, token: str = "token1") -> str:  # noqa: S107
    """Where SNS has a subscription confirmed."""
    return f"{host}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"


def eventbridge(
    key: str = MANIFEST, bucket: str = "acme-bills", event_id: str = "e-1", **changes: Any
) -> dict[str, Any]:
    """An event of S3 as EventBridge sends it: the key is not encoded."""
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": key, "size": 9, "etag": "e"},
        "reason": "PutObject",
    }
    return {
        "version": "0",
        "id": event_id,
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": detail,
    } | changes


def event_grid(
    path: str = "exports/costs/20260301-20260331/run1/manifest.json",
    event_id: str = "g-1",
    cloud_event: bool = False,
    account: str = "acme",
    container: str = "bills",
    **data: Any,
) -> dict[str, Any]:
    """A BlobCreated of Event Grid."""
    made = {
        "id": event_id, "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "data": {
            "api": "PutBlob", "contentLength": 9, "url": f"https://{account}.blob.core.windows.net/{container}/{path}",
        } | data,
    }  # fmt: skip
    names = ("type", "time") if cloud_event else ("eventType", "eventTime")
    return made | dict(zip(names, ("Microsoft.Storage.BlobCreated", "2026-03-10T00:00:00Z"), strict=True))


def pushed(
    name: str = "exports/march.csv", bucket: str = "acme-bills", message_id: str = "p-1", **attributes: str
) -> dict[str, Any]:
    """A notification of Cloud Storage as Pub/Sub pushes it."""
    given = {"eventType": "OBJECT_FINALIZE", "bucketId": bucket, "objectId": name, "payloadFormat": "NONE"} | attributes
    return {"message": {"attributes": given, "messageId": message_id}, "subscription": "projects/p/subscriptions/s"}
