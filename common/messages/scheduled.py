"""Messages that a scheduler publishes: written once, without the id that each publication adds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.errors import BadConfiguration
from common.messages import MESSAGES, Message
from common.messages.cloudevent import decode, encode

_SOURCE = "//costwire/scheduler"


def template(message: Message) -> dict[str, Any]:
    """The CloudEvent of a message, without `id` and `time`, and in its data without the id that is still empty.

    Raises BadConfiguration for a message that no scheduler may publish, or that has an id already: each tick is work of its own.
    """
    field = _id_field(type(message))
    if field is None or getattr(message, field):
        kinds = " or ".join(f"{kind.__name__} without {name}" for kind in MESSAGES if (name := _id_field(kind)))
        raise BadConfiguration(f"a schedule cannot publish this {type(message).__name__}, expected {kinds}")
    event = encode(message, "", datetime.fromtimestamp(0, UTC), _SOURCE)
    del event["id"], event["time"], event["data"][field]
    return event


def from_template(event: Mapping[str, Any]) -> Message:
    """The message of a template, its id still empty.  Raises MalformedMessage."""
    data = event.get("data")
    if isinstance(data, dict):
        empty = {name: "" for kind in MESSAGES if (name := _id_field(kind))}
        event = {**event, "data": {**empty, **data}}
    return decode(event)


def identified(message: Message, event_id: str) -> Message:
    """The message of one publication, its id filled in."""
    field = _id_field(type(message))
    if field is None:
        return message
    changes: dict[str, Any] = {field: event_id}
    return dataclasses.replace(message, **changes)


def _id_field(kind: type[Message]) -> str | None:
    found = (one.name for one in dataclasses.fields(kind) if one.metadata.get("from_event_id"))
    return next(found, None)
