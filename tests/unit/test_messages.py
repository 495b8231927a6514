"""Messages survive the wire, and what is none of ours is refused without showing its data."""

from datetime import UTC, datetime

import pytest

from common.errors import MalformedMessage
from common.messages import AlertRaised, BillLanded, ChargesNormalized, IngestBill, Message, SyncRequested, topic_of
from common.messages.cloudevent import decode, encode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXAMPLES: list[Message] = [
    SyncRequested("r1", "manual", "default", "aws-1", ("2026-03",)),
    SyncRequested("r1", "scheduler"),
    IngestBill("aws", "default", "aws-1", "r1"),
    BillLanded(
        "default",
        "a",
        "aws",
        "aws_cur",
        "2026-03",
        "d1",
        "2026-03-02T00:00:00Z",
        0,
        2,
        "object://x",
        9,
        "sha256:0",
        "r1",
    ),
    ChargesNormalized("default", "a", "2026-03", "d1", 5, {"USD": "1.5"}, True),
    AlertRaised("default", "alert-1", "open"),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    event = encode(message, "id-1", NOW)
    assert decode(event) == message
    assert event["type"] == f"costwire.{topic_of(message)}.v1"
    assert event["time"] == "2026-03-01T12:00:00Z"


def test_each_provider_has_its_topic() -> None:
    assert topic_of(IngestBill("gcp", "default", "g", "r")) == "ingest-gcp"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "costwire.bill-landed.v2"}, "version v2"),
        ({"type": "costwire.nothing.v1"}, "none of ours"),
        ({"type": "com.example"}, "expected costwire"),
        ({"data": "text"}, "no JSON object"),
        ({"data": {"org_slug": "default"}}, "lacks the field integration_id"),
    ],
)
def test_a_malformed_event_is_told_what_is_wrong_with_it(change: dict[str, object], said: str) -> None:
    event = encode(EXAMPLES[3], "id-1", NOW) | change
    with pytest.raises(MalformedMessage, match=said):
        decode(event)


def test_a_field_of_another_type_is_named_without_its_value() -> None:
    event = encode(EXAMPLES[3], "id-1", NOW)
    event["data"]["size_bytes"] = "secret"
    with pytest.raises(MalformedMessage, match="size_bytes of type str") as caught:
        decode(event)
    assert "secret" not in str(caught.value)
