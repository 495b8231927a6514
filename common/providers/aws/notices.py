"""What AWS says of new objects in S3: by SNS, signed, or by EventBridge.

Sources: Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages" and "Parsing message formats"; Amazon S3 user
guide, "Event message structure"; Amazon S3 user guide, "Using EventBridge".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from common.errors import BadConfiguration
from common.ports.senders import NotGenuine, Signed
from common.providers.notices import Notice, objects_of, text_of

CONFIRMATION, NOTIFICATION, END = "SubscriptionConfirmation", "Notification", "UnsubscribeConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    END: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_DIGESTS = {"1": "SHA1", "2": "SHA256"}
_TOPIC = re.compile(r"arn:aws(?:-us-gov)?:sns:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):\d{12}:[A-Za-z0-9_-]{1,256}")
_CERTIFICATE_PATH = r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem"
_QUERY = r"/\?[A-Za-z0-9=&%:._~+-]{1,2000}"
OLDEST = timedelta(minutes=75)
"""SNS tries a call for an hour at most; an older one is replayed."""
AHEAD = timedelta(minutes=10)


@dataclass(frozen=True)
class SnsMessage:
    """A message of SNS whose signature is still to be checked.  message: what was published; subscribe_url: of a confirmation."""

    kind: str
    message_id: str
    message: str
    signed: Signed
    subscribe_url: str | None = None


def check_topic(text: str) -> str:
    """The ARN of a topic.  Raises BadConfiguration."""
    if not _TOPIC.fullmatch(text):
        raise BadConfiguration(
            "--sender is not the ARN of an SNS topic, expected arn:aws:sns:<region>:<account>:<name>; a FIFO topic cannot call"
        )
    return text


def read_sns(body: Mapping[str, Any], topic: str, now: datetime) -> SnsMessage:
    """The message, where it names the topic of the integration and only addresses of SNS in the topic's region.  Raises NotGenuine."""
    found = _TOPIC.fullmatch(topic)
    if found is None or text_of(body, "TopicArn") != topic:
        raise NotGenuine("the topic is not the one that the integration names")
    kind = text_of(body, "Type")
    if kind not in _SIGNED:
        raise NotGenuine("the type of the message is unknown")
    address = text_of(body, "SigningCertURL")
    if not _is_of_sns(address, found[1], _CERTIFICATE_PATH):
        raise NotGenuine("the certificate does not lie at SNS of the topic's region")
    _check_time(text_of(body, "Timestamp"), now)
    digest = _DIGESTS.get(text_of(body, "SignatureVersion"))
    if digest is None:
        raise NotGenuine("the version of the signature is unknown")
    subscribe_url = _subscribe_url(body, found[1], topic) if kind == CONFIRMATION else None
    signed = Signed(address, _signed_text(body, kind), _signature(body), digest)
    return SnsMessage(kind, text_of(body, "MessageId"), str(body["Message"]), signed, subscribe_url)


def _is_of_sns(address: str, region: str, rest: str) -> bool:
    """Whether an address lies at exactly SNS of a region; nothing of it is left to how a library reads it."""
    return re.fullmatch(rf"https://sns\.{re.escape(region)}\.amazonaws\.com{rest}", address) is not None


def _check_time(text: str, now: datetime) -> None:
    try:
        sent = datetime.fromisoformat(text)
        if not now - OLDEST <= sent <= now + AHEAD:
            raise NotGenuine("the message is too old, or of the future")
    except (ValueError, TypeError):  # TypeError: a time without a zone
        raise NotGenuine("the message has no valid time") from None


def _subscribe_url(body: Mapping[str, Any], region: str, topic: str) -> str:
    address = text_of(body, "SubscribeURL")
    wanted = {"Action": ["ConfirmSubscription"], "TopicArn": [topic], "Token": [text_of(body, "Token")]}
    if not _is_of_sns(address, region, _QUERY) or parse_qs(urlsplit(address).query) != wanted:
        raise NotGenuine("the address of the confirmation is not one of the topic at SNS")
    return address


def _signed_text(body: Mapping[str, Any], kind: str) -> bytes:
    """`name\\nvalue\\n` of each signed field in order; a subject only where there is one."""
    lines: list[str] = []
    for name in _SIGNED[kind]:
        value = body.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise NotGenuine(f"{name} is not a text")
        lines += [name, value]
    try:
        return "".join(f"{line}\n" for line in lines).encode()
    except UnicodeEncodeError:
        raise NotGenuine("a signed field holds a lone surrogate") from None


def _signature(body: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(text_of(body, "Signature"), validate=True)
    except (ValueError, binascii.Error):
        raise NotGenuine("the signature is not base64") from None


def notice_of_sns(message: SnsMessage) -> Notice:
    """The objects that S3 wrote.  S3's test message names none.  Raises NotGenuine."""
    try:
        event = json.loads(message.message)
    except (ValueError, RecursionError):
        raise NotGenuine("the message is not JSON: S3 sends JSON") from None
    return Notice(message.message_id, tuple(_written(event)))


def _written(event: Any) -> Iterator[str]:
    if not isinstance(event, dict):
        raise NotGenuine("the message is not an event of S3")
    for record in objects_of(event.get("Records") or []):
        if not str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated:"):
            continue
        bucket, key = text_of(record, "s3", "bucket", "name"), text_of(record, "s3", "object", "key")
        if record["s3"]["object"].get("size") != 0:
            yield f"s3://{bucket}/{unquote_plus(key)}"


def notice_of_eventbridge(body: Mapping[str, Any]) -> Notice:
    """The object of an event of EventBridge; its key is not encoded.  Raises NotGenuine for what is no event."""
    event_id = text_of(body, "id")
    if body.get("source") != "aws.s3" or body.get("detail-type") != "Object Created":
        return Notice(event_id)
    bucket, key = text_of(body, "detail", "bucket", "name"), text_of(body, "detail", "object", "key")
    empty = body["detail"]["object"].get("size") == 0
    return Notice(event_id, () if empty else (f"s3://{bucket}/{key}",))
