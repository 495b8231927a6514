"""The attributes of a Pub/Sub message: those of events, of dead letters and of replays; and how they are read.

No decision depends on the descriptive attributes: they are for filters and for operators.  Only `replay_for` and the reason of a
dead letter are read again.  Limits: https://cloud.google.com/pubsub/quotas#resource_limits
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.pubsub_v1.types import PubsubMessage

from common.errors import MalformedMessage, Permanent
from common.messages.cloudevent import completed, decode, parse
from common.ports.bus import DeadLetter, Undeliverable

REPLAY_FOR = "replay_for"
MAX_ATTRIBUTES = 100
MAX_NAME_BYTES, MAX_VALUE_BYTES = 256, 1024
_REASON, _SUBSCRIPTION, _DIED_AT = "dead_reason", "dead_subscription", "dead_at"
_OF_PUBSUB = "CloudPubSubDeadLetterSource"
_SHOWN = ("org_slug", "integration_id", "billing_period", "delivery_id", "run_id", "alert_id")


def attributes_of(event: Mapping[str, Any], key: str) -> dict[str, str]:
    """What filters and people need of an event."""
    data = event["data"]
    shown = {name: str(data[name]) for name in _SHOWN if data.get(name)}
    return {"id": event["id"], "type": event["type"], "key": key, **shown}


def attributes_for(message: Undeliverable, died_at: datetime) -> dict[str, str]:
    """The attributes of a dead letter: why it died, whose it is, and as many of those that the message had as there is room for."""
    told = {
        _SUBSCRIPTION: message.subscription,
        _REASON: " ".join(message.reason.split()),
        _DIED_AT: died_at.isoformat(),
    }
    return told | dict(list(_kept(message.attributes).items())[: MAX_ATTRIBUTES - len(told)])


def replay_attributes(dead: PubsubMessage) -> dict[str, str]:
    """The attributes of a dead letter that is published again, for the one subscription that failed it; for all where none is told."""
    failed = _subscription_of(dead)
    return _kept(dead.attributes) | ({REPLAY_FOR: failed} if failed else {})


def checked(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes as Pub/Sub takes them, values cut where they are too long.  Raises Permanent for too many or bad names."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise Permanent(f"a message has {len(attributes)} attributes, Pub/Sub takes {MAX_ATTRIBUTES}: send fewer")
    for name in attributes:
        if not name or len(name.encode()) > MAX_NAME_BYTES or name.startswith("goog"):
            raise Permanent(f"a message has an attribute named {name[:40]!r}, which Pub/Sub does not take: rename it")
    return {name: _cut(value) for name, value in attributes.items()}


def letter(topic: str, dead: PubsubMessage) -> DeadLetter:
    """A dead letter as operators see it, whoever put it there."""
    died_at = dead.attributes.get(_DIED_AT)
    return DeadLetter(
        letter_id=dead.message_id,
        topic=topic,
        subscription=_subscription_of(dead),
        event=event_of(dead),
        reason=dead.attributes.get(_REASON) or _reason_of_pubsub(dead),
        died_at=datetime.fromisoformat(died_at) if died_at else _moment(dead),
    )


def event_of(message: PubsubMessage) -> dict[str, Any]:
    """The event in a message; a body that is none, as base64, so that decoding names the fault."""
    try:
        return completed(parse(message.data), message.message_id, _moment(message).isoformat())
    except MalformedMessage:
        return {"data_base64": base64.b64encode(message.data).decode()}


def body_of(event: Mapping[str, Any]) -> bytes:
    """The bytes that `event_of` read."""
    if set(event) == {"data_base64"}:
        return base64.b64decode(event["data_base64"])
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def ordering_key_of(event: Mapping[str, Any]) -> str:
    """The ordering key that the event was published with, where it can be told."""
    try:
        return decode(event).ordering_key
    except MalformedMessage:
        return ""


def _kept(attributes: Mapping[str, str]) -> dict[str, str]:
    """Without what one death or replay added: the next one says its own."""
    gone = {REPLAY_FOR, _REASON, _SUBSCRIPTION, _DIED_AT}
    return {
        name: value
        for name, value in attributes.items()
        if name not in gone and not name.startswith((_OF_PUBSUB, "goog"))
    }


def _subscription_of(dead: PubsubMessage) -> str:
    return dead.attributes.get(_SUBSCRIPTION) or dead.attributes.get(f"{_OF_PUBSUB}Subscription", "").split("/")[-1]


def _reason_of_pubsub(dead: PubsubMessage) -> str:
    tries = dead.attributes.get(f"{_OF_PUBSUB}DeliveryCount", "several")
    return (
        f"Pub/Sub gave up after {tries} attempts and the function left no reason: it was killed, timed out or refused the "
        "push; see its log of that time"
    )


def _moment(message: PubsubMessage) -> datetime:
    return datetime.fromtimestamp(message.publish_time.timestamp(), message.publish_time.tzinfo)


def _cut(value: str) -> str:
    encoded = value.encode()
    if len(encoded) <= MAX_VALUE_BYTES:
        return value
    return encoded[: MAX_VALUE_BYTES - 3].decode(errors="ignore") + "..."
