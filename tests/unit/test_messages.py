"""Messages survive the wire, and what is not a Costwire event type is refused without showing its data."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.config import Settings
from common.errors import BadConfiguration, MalformedMessage
from common.messages import (
    MESSAGES,
    AlertRaised,
    BillLanded,
    BudgetCheckRequested,
    ChargesNormalized,
    DeliveryMapped,
    IngestBill,
    Message,
    SyncRequested,
    topic_of,
)
from common.messages.cloudevent import completed, decode, encode, parse
from common.messages.subscriptions import SUBSCRIPTIONS, named, received_by
from common.providers.registry import PROVIDERS
from common.records.organizations import ensure_default
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from common.runtime.entrypoint import handles

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
    DeliveryMapped("default", "a", "aws", "2026-03", "d1", "r1"),
    ChargesNormalized("default", "a", "2026-03", "d1", 5, {"USD": "1.5"}, True),
    ChargesNormalized("default", "a", "2026-03", "d1", 5, run_id="r1"),
    AlertRaised("default", "alert-1", "open"),
    AlertRaised("default", "alert-1", "open", "r1"),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    event = encode(message, "id-1", NOW)
    assert decode(event) == message
    assert event["type"] == f"costwire.{topic_of(message)}.v1"
    assert event["time"] == "2026-03-01T12:00:00Z"


def test_each_provider_has_its_topic() -> None:
    assert topic_of(IngestBill("gcp", "default", "g", "r")) == "ingest-gcp"


@pytest.mark.parametrize("message", EXAMPLES[-4:], ids=lambda message: type(message).__name__)
def test_the_run_is_for_log_lines_and_may_be_left_out(message: Message) -> None:
    event = encode(message, "id-1", NOW)
    del event["data"]["run_id"]
    told = decode(event)
    assert told.key == message.key and told.run_id is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "costwire.bill-landed.v2"}, "version v2"),
        ({"type": "costwire.nothing.v1"}, "not a Costwire event type"),
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


SCHEDULED = {"type": "costwire.sync-requested.v1", "id": "event-9", "data": {"trigger": "schedule"}}


def test_a_scheduled_message_takes_its_id_from_the_event() -> None:
    assert decode(SCHEDULED) == SyncRequested("event-9", "schedule")
    empty = SCHEDULED | {"data": {"trigger": "schedule", "run_id": ""}}
    assert decode(empty) == SyncRequested("event-9", "schedule")
    check = {"type": "costwire.budget-check-requested.v1", "id": "event-9", "data": {"org_slug": "acme_1"}}
    assert decode(check) == BudgetCheckRequested("event-9", "acme_1")


def test_an_id_that_is_told_stays() -> None:
    assert decode(SCHEDULED | {"data": {"trigger": "manual", "run_id": "r"}}) == SyncRequested("r", "manual")


def test_without_any_id_the_field_is_named() -> None:
    with pytest.raises(MalformedMessage, match="lacks the field run_id"):
        decode({"type": "costwire.sync-requested.v1", "data": {"trigger": "schedule"}})


def test_a_body_takes_id_and_time_from_its_message_where_it_has_none() -> None:
    told = completed(parse(b'{"type": "t"}'), "77", "2026-03-01T00:00:00Z")
    assert told == {"type": "t", "id": "77", "time": "2026-03-01T00:00:00Z"}
    own = {"type": "t", "id": "own", "time": "2026-01-01T00:00:00Z"}
    assert completed(own, "77", "2026-03-01T00:00:00Z") == own


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[]", b'"secret"', b"[" * 100_000])
def test_a_body_that_is_no_event_is_refused_without_showing_it(body: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(body)
    assert "secret" not in str(caught.value)


def test_a_handler_may_take_several_messages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rt = EmbeddedRuntime(Settings(home=tmp_path))
    monkeypatch.setattr(bootstrap, "_runtime", rt)
    ensure_default(rt.documents, NOW)
    got: list[Message] = []

    @handles(ChargesNormalized, BudgetCheckRequested)
    def evaluate(message: ChargesNormalized | BudgetCheckRequested) -> None:
        got.append(message)

    normalized = next(one for one in EXAMPLES if isinstance(one, ChargesNormalized))
    for message in (normalized, BudgetCheckRequested("c")):
        evaluate(message)
        evaluate(encode(message, "id-1", NOW))
    assert got == [normalized, normalized, BudgetCheckRequested("c"), BudgetCheckRequested("c")]
    with pytest.raises(
        MalformedMessage, match="evaluate takes ChargesNormalized or BudgetCheckRequested, got IngestBill"
    ):
        evaluate(encode(EXAMPLES[2], "id-1", NOW))


def test_every_message_has_subscriptions_that_pubsub_accepts() -> None:
    providers = [IngestBill.topic + provider for provider in PROVIDERS]
    assert set(SUBSCRIPTIONS) == {kind.topic for kind in MESSAGES if kind is not IngestBill} | set(providers)
    everything = [one for found in SUBSCRIPTIONS.values() for one in found]
    assert len({one.name for one in everything}) == len(everything)
    for one in everything:
        assert re.fullmatch(r"[a-z][a-z0-9_-]{2,254}", one.name)
        assert 10 <= one.ack_deadline_seconds <= 600
        assert 0 <= one.minimum_backoff_seconds <= one.maximum_backoff_seconds <= 600
        assert one in received_by(one.function)
        assert named(one.name) is one
    with pytest.raises(BadConfiguration, match="nobody"):
        received_by("nobody")
