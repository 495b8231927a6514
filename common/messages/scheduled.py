"""Messages that a scheduler publishes: written once, without the id that each publication gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from common.errors import BadConfiguration
from common.messages import BudgetCheckRequested, Message, SyncRequested
from common.messages.cloudevent import decode, encode

_ID_FIELDS: dict[type[Message], str] = {SyncRequested: "run_id", BudgetCheckRequested: "check_id"}
_SOURCE = "//costwire/scheduler"


def template(message: Message) -> dict[str, Any]:
    """The CloudEvent of a message, without `id` and `time`, and in its data without the id that is still empty.

    Raises BadConfiguration for a message that no scheduler may publish, or that has an id already: each tick is work of its own.
    """
    field = _ID_FIELDS.get(type(message))
    if field is None or getattr(message, field):
        kinds = " or ".join(f"{kind.__name__} without {name}" for kind, name in _ID_FIELDS.items())
        raise BadConfiguration(f"a schedule cannot publish this {type(message).__name__}, expected {kinds}")
    event = encode(message, "", datetime.fromtimestamp(0, UTC), _SOURCE)
    del event["id"], event["time"], event["data"][field]
    return event


def from_template(event: Mapping[str, Any], event_id: str = "") -> Message:
    """The message of a template, its id field filled from the publication's.  Raises MalformedMessage."""
    data = event.get("data")
    if isinstance(data, dict):
        event = {**event, "data": {**dict.fromkeys(_ID_FIELDS.values(), event_id), **data}}
    return decode(event)


def identified(message: Message, event_id: str) -> Message:
    """The message, with an empty id of its work filled in; other messages as they are."""
    field = _ID_FIELDS.get(type(message))
    if field is None or getattr(message, field):
        return message
    changes: dict[str, Any] = {field: event_id}
    return replace(message, **changes)
