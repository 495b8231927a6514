"""The Pub/Sub adapter beyond the contract: its requests, what it makes of refusals, and what the service itself dead-letters."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from backends import SetClock, emulator_project
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PublishRequest, PublishResponse, ReceivedMessage

from common.adapters.gcp import pubsub as adapter
from common.adapters.gcp.pubsub import PubSubBus
from common.adapters.gcp.pubsub_letters import attributes_for, checked
from common.errors import BadConfiguration, NotFound, Permanent, Retryable
from common.messages import AlertRaised, BillLanded, IngestBill, SyncRequested
from common.messages.subscriptions import SUBSCRIPTIONS
from common.ports.bus import MAX_PUSHES, Undeliverable

SYNC = SyncRequested("run-1", "manual", "acme_1")
LANDED = BillLanded(
    "acme_1", "aws", "aws", "aws_cur", "2026-03", "d" * 64, "2026-04-01T00:00:00Z", 0, 2, "gs://b/raw/x", 9, "sha256:0", "run-1"
)  # fmt: skip


class Refusing:
    """A Pub/Sub of the test's own that refuses as told, then takes everything."""

    def __init__(self, *refusals: grpc.StatusCode) -> None:
        self.refusals = list(refusals)
        self.tries = 0
        self.taken: list[PublishRequest] = []
        handler = grpc.unary_unary_rpc_method_handler(
            self._publish,
            request_deserializer=PublishRequest.deserialize,
            response_serializer=PublishResponse.serialize,
        )
        self.server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": handler}),)
        )
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def _publish(self, request: PublishRequest, context: grpc.ServicerContext) -> PublishResponse:
        self.tries += 1
        if self.refusals:
            context.abort(self.refusals.pop(0), "a line of the bill: secret-4711")
        self.taken.append(request)
        return PublishResponse(message_ids=["1"])

    def bus(self) -> PubSubBus:
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        return PubSubBus("costwire-test", SetClock(), publisher, subscriber)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Refusing]:
    made = Refusing(*getattr(request, "param", ()))
    yield made
    made.server.stop(None).wait()


def test_a_message_carries_what_filters_and_people_need(service: Refusing) -> None:
    event_id = service.bus().publish(LANDED)
    (request,) = service.taken
    (message,) = request.messages
    assert request.topic == "projects/costwire-test/topics/bill-landed"
    assert message.ordering_key == "acme_1/aws/2026-03"
    assert dict(message.attributes) == {
        "id": event_id,
        "type": "costwire.bill-landed.v1",
        "key": f"{'d' * 64}/0",
        "org_slug": "acme_1",
        "integration_id": "aws",
        "billing_period": "2026-03",
        "delivery_id": "d" * 64,
        "run_id": "run-1",
    }


@pytest.mark.parametrize(
    "service", [(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED)], indirect=True
)  # fmt: skip
def test_publishing_outlasts_a_service_that_is_away_for_a_while(service: Refusing) -> None:
    service.bus().publish(SYNC)
    assert (service.tries, len(service.taken)) == (4, 1)


@pytest.mark.parametrize("service", [[grpc.StatusCode.UNAVAILABLE] * 100], indirect=True)
def test_publishing_gives_up_in_time_and_the_message_is_to_be_delivered_again(
    service: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_PUBLISH_SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(Retryable, match="topic sync-requested"):
        service.bus().publish(SYNC)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("service", [[grpc.StatusCode.UNAVAILABLE] * 100], indirect=True)
def test_a_failed_ordered_message_blocks_none_behind_it(service: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_PUBLISH_SECONDS", 0.5)
    bus = service.bus()
    with pytest.raises(Retryable):
        bus.publish(LANDED)
    service.refusals.clear()
    bus.publish(LANDED)
    assert len(service.taken) == 1


@pytest.mark.parametrize(
    ("service", "error", "said"),
    [
        ([grpc.StatusCode.NOT_FOUND], NotFound, "topic sync-requested does not exist"),
        ([grpc.StatusCode.PERMISSION_DENIED], BadConfiguration, "permission"),
    ],
    indirect=["service"],
)
def test_a_refusal_is_told_in_one_line_without_the_services_words(
    service: Refusing, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        service.bus().publish(SYNC)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert service.tries == 1


def test_limits_of_pubsub_are_kept_before_it_is_asked(service: Refusing) -> None:
    bus = service.bus()
    with pytest.raises(Permanent, match="ordering key"):
        bus.publish(AlertRaised("acme_1", "x" * 2000, "firing"))
    periods = tuple(f"20{year:02d}-{month:02d}" for year in range(30) for month in range(1, 13))
    bus.publish(IngestBill("aws", "acme_1", "aws", "run", periods))
    (message,) = service.taken[0].messages
    assert len(message.attributes["key"].encode()) <= 1024
    assert message.attributes["key"].endswith("...")
    assert service.tries == 1


@pytest.mark.parametrize(
    "attributes",
    [{f"n{number}": "" for number in range(101)}, {"": "x"}, {"googclient_x": "x"}, {"n" * 257: "x"}],
    ids=["too many", "no name", "a name of Google's", "a long name"],
)
def test_attributes_that_pubsub_would_not_take_are_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(Permanent):
        checked(attributes)


def test_a_long_value_is_cut_between_characters() -> None:
    value = checked({"reason": "\N{EURO SIGN}" * 400})["reason"]
    assert len(value.encode()) <= 1024
    assert value.rstrip(".") == "\N{EURO SIGN}" * 340


def test_a_dead_letter_keeps_its_reason_whatever_the_message_had() -> None:
    crowded = Undeliverable("t", "s", b"", "two\nlines", attributes={f"n{number}": "" for number in range(100)})
    found = checked(attributes_for(crowded, SetClock().now()))
    assert found["dead_reason"] == "two lines"
    assert found["dead_subscription"] == "s"
    assert len(found) == 100


# ---- on the emulator ----

emulated = pytest.mark.skipif(
    not os.environ.get("PUBSUB_EMULATOR_HOST"), reason="NOT RUN without PUBSUB_EMULATOR_HOST: make test-cloud has it"
)


@pytest.fixture
def bus(tmp_path: Path) -> PubSubBus:
    return PubSubBus.connect(emulator_project(tmp_path), SetClock(), patience_seconds=0.3, rests=False)


@emulated
@pytest.mark.parametrize("topic", SUBSCRIPTIONS)
def test_a_subscription_is_made_as_the_table_says(tmp_path: Path, topic: str) -> None:
    project = emulator_project(tmp_path)
    bus = PubSubBus.connect(project, SetClock())
    for wanted in SUBSCRIPTIONS[topic]:
        bus.subscribe(topic, wanted.name)
        bus.subscribe(topic, wanted.name)
        found = bus._subscriber.get_subscription(subscription=f"projects/{project}/subscriptions/{wanted.name}")
        assert found.enable_message_ordering is wanted.ordered
        assert found.ack_deadline_seconds == wanted.ack_deadline_seconds
        assert found.retry_policy.minimum_backoff.total_seconds() == wanted.minimum_backoff_seconds
        assert found.retry_policy.maximum_backoff.total_seconds() == wanted.maximum_backoff_seconds
        assert found.dead_letter_policy.dead_letter_topic == f"projects/{project}/topics/{topic}-dead"
        assert found.dead_letter_policy.max_delivery_attempts == MAX_PUSHES


def given_up(bus: PubSubBus, name: str) -> ReceivedMessage | None:
    """One delivery that is let go without a word, as by a killed process."""
    for received in bus._receive(name, 1):
        bus._release(name, [received.ack_id])
        return received
    return None


@emulated
def test_what_pubsub_itself_gives_up_is_replayed_to_the_subscription_that_failed_it(bus: PubSubBus) -> None:
    bus.subscribe("sync-requested", "dispatch_sync")
    bus.subscribe("sync-requested", "audit")
    event_id = bus.publish(SYNC)
    for _ in range(2):  # it dies as replayed, too
        let_go, ends_at = 0, time.monotonic() + 60
        while (
            let_go < MAX_PUSHES and time.monotonic() < ends_at
        ):  # a pull may come back empty before its message is due
            let_go += given_up(bus, "dispatch_sync") is not None
        assert let_go == MAX_PUSHES
        assert given_up(bus, "dispatch_sync") is None
        (letter,) = bus.dead_letters()
        assert (letter.topic, letter.subscription) == ("sync-requested", "dispatch_sync")
        assert letter.event["id"] == event_id
        assert "Pub/Sub gave up after 100 attempts" in letter.reason
        while delivery := bus.pull(["audit"]):
            bus.ack(delivery)
        assert bus.replay() == 1
        assert bus.pull(["audit"]) is None
        assert bus.dead_letters() == []
    delivery = bus.pull(["dispatch_sync"])
    assert delivery is not None
    assert delivery.event["id"] == event_id


@emulated
def test_a_replay_that_is_cut_short_loses_nothing(bus: PubSubBus, monkeypatch: pytest.MonkeyPatch) -> None:
    bus.subscribe("sync-requested", "dispatch_sync")
    for _ in range(3):
        bus.dead_letter(Undeliverable("sync-requested", "dispatch_sync", b"{}", "bad"))
    sent = PubSubBus._send
    calls = []

    def failing(self: PubSubBus, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise Retryable("Pub/Sub is away")
        sent(self, *arguments)

    monkeypatch.setattr(PubSubBus, "_send", failing)
    with pytest.raises(Retryable):
        bus.replay()
    monkeypatch.setattr(PubSubBus, "_send", sent)
    assert len(bus.dead_letters()) == 2
    assert bus.replay() == 2
    replayed = 0
    while delivery := bus.pull():
        bus.ack(delivery)
        replayed += 1
    assert replayed == 3


@emulated
def test_a_dead_letter_of_nobody_is_replayed_to_everybody(bus: PubSubBus) -> None:
    for name in ("dispatch_sync", "audit"):
        bus.subscribe("sync-requested", name)
    bus.dead_letter(Undeliverable("sync-requested", "", b"{}", "put there by hand"))
    assert bus.replay() == 1
    deliveries = [bus.pull(["audit"]), bus.pull(["dispatch_sync"])]
    assert None not in deliveries


@emulated
def test_many_dead_letters_are_all_listed_and_none_is_lost(bus: PubSubBus) -> None:
    bus.subscribe("sync-requested", "dispatch_sync")
    for number in range(150):
        bus.dead_letter(Undeliverable("sync-requested", "dispatch_sync", b"{}", f"reason {number}"))
    for _ in range(2):
        assert {one.reason for one in bus.dead_letters()} == {f"reason {number}" for number in range(150)}


@emulated
def test_a_message_of_nearly_ten_megabytes_is_published_and_pulled(bus: PubSubBus) -> None:
    bus.subscribe("sync-requested", "dispatch_sync")
    bus.publish(SyncRequested("r" * 9_990_000, "manual"))
    pulled = (bus.pull() for _ in range(20))  # the emulator may take a while to hand it over
    delivery = next((one for one in pulled if one is not None), None)
    assert delivery is not None
    assert len(delivery.event["data"]["run_id"]) == 9_990_000
