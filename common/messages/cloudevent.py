"""CloudEvents 1.0 in structured JSON form: what is on the wire and in the durable bus."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from datetime import datetime
from typing import Any

from common.errors import MalformedMessage
from common.messages import MESSAGES, IngestBill, Message, as_data, topic_of
from common.telemetry.tracing import extension

VERSION = "v1"
_BY_TOPIC = {kind.topic: kind for kind in MESSAGES}


def encode(message: Message, event_id: str, time: datetime, source: str = "//costwire") -> dict[str, Any]:
    """The CloudEvent of a message, ready for JSON, with the trace that it is made in; one without an id, a template, has none."""
    return {
        "specversion": "1.0",
        "type": f"costwire.{topic_of(message)}.{VERSION}",
        "source": source,
        "id": event_id,
        "time": time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **(extension(topic_of(message), event_id, message.key) if event_id else {}),
        "data": as_data(message),
    }


def parse(body: bytes) -> dict[str, Any]:
    """The structured CloudEvent in a message's body, not checked further.  Raises MalformedMessage that shows nothing of it."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedMessage(
            f"a message of {len(body):,} bytes is not valid JSON, expected a structured CloudEvent"
        ) from None
    if not isinstance(event, dict):
        raise MalformedMessage(f"a message is a JSON {type(event).__name__}, expected a structured CloudEvent")
    return event


def completed(event: dict[str, Any], message_id: str, publish_time: str) -> dict[str, Any]:
    """The event with an id and a time: a scheduled one is published as it stands, and takes them from its message."""
    return event | {"id": event.get("id") or message_id, "time": event.get("time") or publish_time}


def decode(event: typing.Mapping[str, Any]) -> Message:
    """The message of a CloudEvent.  Raises MalformedMessage that names the fault, never the data."""
    kind = event.get("type")
    if not isinstance(kind, str) or not kind.startswith("costwire.") or kind.count(".") != 2:
        raise MalformedMessage(f"event type is {kind!r}, expected costwire.<topic>.{VERSION}")
    _, topic, version = kind.split(".")
    if version != VERSION:
        raise MalformedMessage(f"event {topic} has version {version}, this release reads {VERSION}")
    message_class = IngestBill if topic.startswith(IngestBill.topic) else _BY_TOPIC.get(topic)
    if message_class is None:
        raise MalformedMessage(f"event type {kind} is not a Costwire event type")
    data = event.get("data")
    if not isinstance(data, dict):
        raise MalformedMessage(f"{kind} carries no JSON object as data")
    return _build(message_class, _filled(message_class, data, event.get("id")), kind)


def _filled(message_class: type[Message], data: dict[str, Any], event_id: Any) -> dict[str, Any]:
    names = [one.name for one in dataclasses.fields(message_class) if one.metadata.get("from_event_id")]
    return data | {name: event_id for name in names if data.get(name) in (None, "") and event_id}


def _build(message_class: type[Message], data: dict[str, Any], kind: str) -> Message:
    hints = typing.get_type_hints(message_class)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(message_class):
        if field.name not in data:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise MalformedMessage(f"{kind} lacks the field {field.name}")
            continue
        value = data[field.name]
        if isinstance(value, list):
            value = tuple(value)
        if not _fits(value, hints[field.name]):
            raise MalformedMessage(f"{kind} has a field {field.name} of type {type(value).__name__}")
        values[field.name] = value
    return message_class(**values)


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, choice) for choice in typing.get_args(hint))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    expected = origin or hint
    return isinstance(value, expected)
