"""Every bus runs the same cases: CONTRACT_BUSES=sqlite,pubsub (the embedded one by default).

What Pub/Sub cannot tell is left out by name, with the reason (`untold` in backends.py); test_pubsub.py tells the same in Pub/Sub's ways.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from backends import BUSES, SetClock, chosen
from hypothesis import given, settings
from hypothesis import strategies as st

from common.adapters.embedded.bus_faults import FaultPlan
from common.errors import AlreadyExists, MalformedMessage, NotFound, Permanent
from common.messages import AlertRaised, BillLanded, ChargesNormalized, DeliveryMapped, IngestBill, SyncRequested
from common.messages.cloudevent import decode
from common.ports.bus import MAX_ATTEMPTS, Undeliverable

SPAWN = multiprocessing.get_context("spawn")
TOPIC = "sync-requested"
SUBSCRIPTION = "dispatch_sync"
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  a disk would only slow many examples down


def untold(backend: str, what: str) -> str | None:
    """Why a case cannot be told of this bus, or None."""
    return BUSES[backend].untold.get(what)


def tells(what: str):
    """Mark a case that not every bus can be told."""

    def mark(case):
        case.tells = what
        return case

    return mark


@pytest.fixture(params=chosen("BUSES", "sqlite"))
def backend(request):
    """The bus of the test, which is left out by name where what it tells cannot be told of this one."""
    reason = untold(request.param, getattr(request.function, "tells", ""))
    if reason:
        pytest.skip(f"told for the embedded bus only: {reason}")
    return request.param


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def bus(backend, tmp_path, clock):
    bus = BUSES[backend](tmp_path, clock)
    bus.subscribe(TOPIC, SUBSCRIPTION)
    return bus


def sync(run_id: str) -> SyncRequested:
    return SyncRequested(run_id=run_id, trigger="manual", billing_periods=("2026-03",))


def alert(alert_id: str, state: str) -> AlertRaised:
    return AlertRaised(org_slug="default", alert_id=alert_id, state=state)


def check_left(backend: str, bus, count: int) -> None:
    """So many messages are not done, where the bus can tell; and if none, nothing comes."""
    if untold(backend, "pending") is None:
        assert bus.pending() == count
    elif count == 0:
        assert bus.pull() is None


def pulled(bus) -> list[str]:
    """The run ids of all that is due, each done at once."""
    found = []
    while delivery := bus.pull():
        found.append(delivery.event["data"]["run_id"])
        bus.ack(delivery)
    return found


def hold(backend: str, place: Path, held) -> None:
    delivery = BUSES[backend](place, SetClock()).pull()
    held.put(delivery.event["data"]["run_id"])
    time.sleep(60)


def work_all(backend: str, place: Path, done) -> None:
    bus = BUSES[backend](place, SetClock())
    while delivery := bus.pull():
        done.put((os.getpid(), delivery.event["data"]["run_id"]))
        bus.ack(delivery)


def publish_some(backend: str, place: Path, who: int) -> None:
    bus = BUSES[backend](place, SetClock())
    for number in range(10):
        bus.publish(sync(f"{who}/{number}"))


def publish_then_die(backend: str, place: Path) -> None:
    BUSES[backend](place, SetClock()).publish(sync("kept"))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_message_is_delivered_as_a_cloud_event(bus, clock):
    message = sync("run-1")
    event_id = bus.publish(message)
    delivery = bus.pull()
    assert (delivery.topic, delivery.subscription, delivery.attempt) == (TOPIC, SUBSCRIPTION, 1)
    assert delivery.event["id"] == event_id
    assert delivery.event["type"] == "costwire.sync-requested.v1"
    assert delivery.event["time"] == "2026-04-01T12:00:00Z"
    assert decode(delivery.event) == message


def test_every_publication_has_its_own_id(bus):
    assert bus.publish(sync("same")) != bus.publish(sync("same"))


def test_each_subscription_of_the_topic_gets_a_copy(backend, bus):
    bus.subscribe(TOPIC, "audit")
    bus.subscribe(TOPIC, "audit")
    bus.subscribe("alert-raised", "send_notifications")
    bus.publish(sync("run-1"))
    check_left(backend, bus, 2)
    deliveries = [bus.pull(), bus.pull()]
    assert {delivery.subscription for delivery in deliveries} == {SUBSCRIPTION, "audit"}
    assert bus.pull() is None
    bus.ack(deliveries[0])
    check_left(backend, bus, 1)


def test_the_topic_of_an_ingest_message_is_its_providers(bus):
    for provider in ("aws", "gcp"):
        bus.subscribe(f"ingest-{provider}", f"ingest_{provider}")
        bus.publish(IngestBill(provider=provider, org_slug="default", integration_id="a", run_id="r"))
    for provider in ("gcp", "aws"):
        delivery = bus.pull([f"ingest_{provider}"])
        assert (delivery.topic, delivery.event["data"]["provider"]) == (f"ingest-{provider}", provider)
        assert bus.pull([f"ingest_{provider}"]) is None


@tells("topics")
def test_a_message_on_a_topic_that_nobody_subscribes_to_goes_nowhere(bus):
    bus.publish(IngestBill(provider="gcp", org_slug="default", integration_id="g", run_id="r"))
    assert bus.pending() == 0


def test_a_subscription_gets_nothing_from_before_it(bus):
    bus.publish(sync("early"))
    bus.subscribe(TOPIC, "late")
    bus.publish(sync("now"))
    assert bus.pull(["late"]).event["data"]["run_id"] == "now"
    assert bus.pull(["late"]) is None


def test_a_subscription_belongs_to_one_topic(bus):
    with pytest.raises(AlreadyExists, match="sync-requested"):
        bus.subscribe("alert-raised", SUBSCRIPTION)


def test_pulling_from_an_unknown_subscription_is_refused(bus):
    with pytest.raises(NotFound, match="nobody"):
        bus.pull(["nobody"])


def test_pull_takes_from_the_named_subscriptions_alone(bus):
    bus.subscribe("alert-raised", "send_notifications")
    bus.publish(sync("run-1"))
    assert bus.pull(["send_notifications"]) is None
    assert bus.pull([]) is None
    assert bus.pull(["send_notifications", SUBSCRIPTION]).subscription == SUBSCRIPTION


@tells("order")
def test_messages_are_delivered_in_the_order_of_publication(bus):
    for number in range(5):
        bus.publish(sync(str(number)))
    assert pulled(bus) == ["0", "1", "2", "3", "4"]


def test_a_leased_message_is_not_delivered_again(backend, bus):
    bus.publish(sync("run-1"))
    delivery = bus.pull()
    assert bus.pull() is None
    check_left(backend, bus, 1)
    if untold(backend, "pending") is None:
        assert bus.next_due() is None
    bus.ack(delivery)
    bus.ack(delivery)
    check_left(backend, bus, 0)


def test_a_message_survives_the_bus_object(backend, bus, tmp_path, clock):
    bus.publish(sync("run-1"))
    again = BUSES[backend](tmp_path, clock)
    again.nack(again.pull(), "try later")
    clock.move(minutes=2)
    delivery = BUSES[backend](tmp_path, clock).pull()
    assert (delivery.event["data"]["run_id"], delivery.attempt) == ("run-1", 2)


@tells("clock")
def test_a_lease_ends_after_ten_minutes(bus, clock):
    bus.publish(sync("run-1"))
    first = bus.pull()
    clock.move(minutes=9, seconds=59)
    assert bus.pull() is None
    clock.move(seconds=1)
    second = bus.pull()
    assert (second.event, second.attempt) == (first.event, 2)


@tells("clock")
def test_an_ack_or_nack_after_the_lease_changes_nothing(bus, clock):
    bus.publish(sync("run-1"))
    first = bus.pull()
    clock.move(minutes=10)
    second = bus.pull()
    bus.ack(first)
    bus.nack(first, "late")
    bus.reject(first, "late")
    assert bus.pending() == 1
    assert bus.dead_letters() == []
    assert bus.pull() is None
    bus.ack(second)
    assert bus.pending() == 0


@tells("clock")
def test_a_failed_message_rests_longer_each_time(bus, clock):
    bus.publish(sync("run-1"))
    rests = []
    for _ in range(MAX_ATTEMPTS - 1):
        bus.nack(bus.pull(), "not ready")
        assert bus.pull() is None
        rests.append((bus.next_due() - clock.now()).total_seconds())
        clock.time = bus.next_due()
    for attempt, rest in enumerate(rests, 1):
        assert 2 ** (attempt - 1) <= rest <= 2**attempt


@tells("clock")
def test_a_resting_message_lets_others_pass(bus):
    bus.publish(sync("run-1"))
    bus.publish(sync("run-2"))
    bus.nack(bus.pull(), "not ready")
    assert pulled(bus) == ["run-2"]
    assert bus.pending() == 1


def test_a_message_dies_after_its_last_attempt(backend, bus, clock):
    bus.publish(sync("run-1"))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        clock.move(minutes=2)
        delivery = bus.pull()
        assert delivery.attempt == attempt
        bus.nack(delivery, f"reason {attempt}")
    clock.move(minutes=2)
    assert bus.pull() is None
    check_left(backend, bus, 0)
    (letter,) = bus.dead_letters(TOPIC)
    assert (letter.topic, letter.subscription, letter.reason) == (TOPIC, SUBSCRIPTION, f"reason {MAX_ATTEMPTS}")
    assert letter.event == delivery.event
    assert letter.died_at == clock.now().replace(minute=10)


@tells("clock")
def test_a_message_that_outlives_every_lease_dies(bus, clock):
    bus.publish(sync("run-1"))
    for _ in range(MAX_ATTEMPTS):
        assert bus.pull() is not None
        clock.move(minutes=10)
    assert bus.pull() is None
    assert [letter.reason for letter in bus.dead_letters()] == ["it did not finish before its lease ended"]


def test_a_rejected_message_dies_at_once(backend, bus):
    bus.publish(sync("run-1"))
    bus.reject(bus.pull(), "unknown integration")
    check_left(backend, bus, 0)
    assert [letter.reason for letter in bus.dead_letters()] == ["unknown integration"]


def test_dead_letters_are_told_by_topic_oldest_first(bus, clock):
    bus.subscribe("alert-raised", "send_notifications")
    for message in (sync("a"), alert("x", "firing"), sync("b")):
        clock.move(seconds=1)
        bus.publish(message)
        bus.reject(bus.pull(), "bad")
    assert [letter.event["data"].get("run_id") for letter in bus.dead_letters()] == ["a", None, "b"]
    assert [letter.event["data"]["run_id"] for letter in bus.dead_letters(TOPIC)] == ["a", "b"]
    assert bus.dead_letters("bill-landed") == []
    assert len(bus.dead_letters()) == 3


def test_what_a_function_gives_up_is_kept_with_the_reason(bus, clock):
    event_id = bus.publish(sync("run-1"))
    delivery = bus.pull()
    body = json.dumps(delivery.event).encode()
    bus.dead_letter(Undeliverable(TOPIC, SUBSCRIPTION, body, "revoked credential"))
    bus.ack(delivery)
    (letter,) = bus.dead_letters(TOPIC)
    assert (letter.subscription, letter.reason, letter.died_at) == (SUBSCRIPTION, "revoked credential", clock.now())
    assert (letter.event, letter.event["id"]) == (delivery.event, event_id)
    assert bus.replay() == 1
    assert bus.pull().event == delivery.event


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", bytes(range(256))])
def test_a_body_that_is_no_event_is_kept_and_replayed_as_it_is(backend, bus, body):
    bus.dead_letter(Undeliverable(TOPIC, SUBSCRIPTION, body, "no event"))
    (letter,) = bus.dead_letters()
    assert base64.b64decode(letter.event["data_base64"]) == body
    assert bus.replay() == 1
    delivery = bus.pull()
    assert delivery.event == letter.event
    with pytest.raises(MalformedMessage):
        decode(delivery.event)
    bus.reject(delivery, "no event")
    (again,) = bus.dead_letters()
    assert again.event == letter.event


def test_replay_sends_to_the_failing_subscription_as_new(bus, clock):
    bus.subscribe(TOPIC, "audit")
    bus.subscribe("alert-raised", "send_notifications")
    bus.publish(sync("run-1"))
    bus.publish(alert("x", "firing"))
    bus.ack(bus.pull(["audit"]))
    event = bus.pull([SUBSCRIPTION])
    bus.reject(event, "bug")
    bus.reject(bus.pull(["send_notifications"]), "bug")
    assert bus.replay(TOPIC) == 1
    delivery = bus.pull()
    assert (delivery.subscription, delivery.attempt, delivery.event) == (SUBSCRIPTION, 1, event.event)
    assert bus.pull() is None
    assert [letter.topic for letter in bus.dead_letters()] == ["alert-raised"]
    assert bus.replay() == 1
    assert bus.replay() == 0


def test_one_ordering_key_is_delivered_one_at_a_time(bus):
    bus.subscribe("alert-raised", "send_notifications")
    for state in ("firing", "acknowledged", "resolved"):
        bus.publish(alert("x", state))
    bus.publish(alert("y", "firing"))
    held = {delivery.event["data"]["alert_id"]: delivery for delivery in (bus.pull(), bus.pull())}
    assert set(held) == {"x", "y"}
    assert held["x"].event["data"]["state"] == "firing"
    assert bus.pull() is None
    bus.ack(held["x"])
    states = []
    while delivery := bus.pull():
        states.append(delivery.event["data"]["state"])
        bus.ack(delivery)
    assert states == ["acknowledged", "resolved"]


def test_chunks_of_one_slice_are_delivered_side_by_side(bus):
    bus.subscribe("bill-landed", "normalize_focus")
    for chunk in range(2):
        bus.publish(
            BillLanded(
                "acme_1", "aws", "aws", "aws_cur", "2026-03", "d", "2026-04-01", chunk, 2, "uri", 9, "sha256:0", "r"
            )
        )
    assert {bus.pull().event["data"]["chunk"], bus.pull().event["data"]["chunk"]} == {0, 1}


def test_deliveries_of_one_organization_are_shown_one_after_the_other_and_those_of_others_meanwhile(bus):
    bus.subscribe("delivery-mapped", "normalize_focus_in_turn")
    for org_slug, delivery_id in (("acme_1", "a"), ("acme_1", "b"), ("other_1", "c")):
        bus.publish(DeliveryMapped(org_slug, "aws", "aws", "2026-03", delivery_id, "r"))
    held = {one.event["data"]["delivery_id"]: one for one in (bus.pull(), bus.pull())}
    assert set(held) == {"a", "c"} and bus.pull() is None
    bus.ack(held["a"])
    assert bus.pull().event["data"]["delivery_id"] == "b"


@tells("clock")
def test_a_failed_message_holds_up_those_of_its_ordering_key(bus, clock):
    bus.subscribe("alert-raised", "send_notifications")
    for state in ("firing", "acknowledged", "resolved"):
        bus.publish(alert("x", state))
    first = bus.pull()
    assert bus.pull() is None
    assert bus.next_due() is None
    bus.nack(first, "again")
    assert bus.pull() is None
    assert bus.next_due() > clock.now()
    clock.move(minutes=1)
    states = []
    while delivery := bus.pull():
        states.append(delivery.event["data"]["state"])
        bus.ack(delivery)
    assert states == ["firing", "acknowledged", "resolved"]


def test_a_dead_message_does_not_block_its_ordering_key(bus):
    bus.subscribe("alert-raised", "send_notifications")
    bus.publish(alert("x", "firing"))
    bus.publish(alert("x", "resolved"))
    bus.reject(bus.pull(), "bad")
    assert bus.pull().event["data"]["state"] == "resolved"


def test_an_ordering_key_holds_within_one_subscription(bus):
    bus.subscribe("alert-raised", "send_notifications")
    bus.subscribe("alert-raised", "audit")
    bus.publish(alert("x", "firing"))
    assert {bus.pull().subscription, bus.pull().subscription} == {"send_notifications", "audit"}


def test_a_message_beyond_pubsubs_limit_is_refused(backend, bus):
    bus.subscribe("charges-normalized", "evaluate_budgets")
    message = ChargesNormalized("default", "a", "2026-03", "d", 1, totals={"USD": "1" * 10_000_000})
    with pytest.raises(Permanent, match="10,000,000"):
        bus.publish(message)
    check_left(backend, bus, 0)


@tells("pending")
def test_next_due_is_now_for_a_new_message(bus, clock):
    assert bus.next_due() is None
    bus.publish(sync("run-1"))
    assert bus.next_due() == clock.now()


def test_many_messages_are_published_at_once_each_to_its_topic(bus):
    bus.subscribe("ingest-aws", "ingest_aws")
    orders = [IngestBill(provider="aws", org_slug="default", integration_id="a", run_id=f"r{n}") for n in range(3)]
    bus.publish_all([sync("run-1"), *orders])
    bus.publish_all([])
    found = Counter()
    for name, count in ((SUBSCRIPTION, 1), ("ingest_aws", 3)):
        for _ in range(20):  # Pub/Sub may answer before it has all
            if delivery := bus.pull([name]):
                found[delivery.topic, delivery.event["data"]["run_id"]] += 1
                bus.ack(delivery)
            if found.total() >= count + (name == "ingest_aws"):
                break
    assert found == {("sync-requested", "run-1"): 1, **{("ingest-aws", f"r{n}"): 1 for n in range(3)}}


def test_a_published_message_survives_the_death_of_its_publisher(backend, bus, tmp_path):
    publisher = SPAWN.Process(target=publish_then_die, args=(backend, tmp_path))
    publisher.start()
    publisher.join(60)
    assert publisher.exitcode == -signal.SIGKILL
    assert pulled(bus) == ["kept"]


@tells("holders")
def test_the_lease_of_a_killed_process_is_taken_over_at_once(backend, bus, tmp_path):
    bus.publish(sync("run-1"))
    held = SPAWN.Queue()
    holder = SPAWN.Process(target=hold, args=(backend, tmp_path, held))
    holder.start()
    assert held.get(timeout=60) == "run-1"
    assert bus.pull() is None
    holder.kill()
    holder.join(60)
    delivery = bus.pull()
    assert (delivery.event["data"]["run_id"], delivery.attempt) == ("run-1", 2)


def test_processes_share_the_work_without_repeats(backend, bus, tmp_path):
    publishers = [SPAWN.Process(target=publish_some, args=(backend, tmp_path, who)) for who in range(2)]
    for process in publishers:
        process.start()
    for process in publishers:
        process.join(60)
    check_left(backend, bus, 20)
    done = SPAWN.Queue()
    workers = [SPAWN.Process(target=work_all, args=(backend, tmp_path, done)) for _ in range(3)]
    for process in workers:
        process.start()
    found = [done.get(timeout=60) for _ in range(20)]
    for process in workers:
        process.join(60)
    assert [process.exitcode for process in workers] == [0, 0, 0]
    assert sorted(run_id for _, run_id in found) == sorted(
        f"{who}/{number}" for who in range(2) for number in range(10)
    )
    assert done.empty()
    check_left(backend, bus, 0)


@settings(max_examples=30, deadline=None)
@given(
    faults=st.builds(
        FaultPlan,
        seed=st.integers(0, 1000),
        repeat=st.sampled_from([0.0, 0.5, 1.0]),
        shuffle=st.booleans(),
        delay=st.sampled_from([0.0, 30.0]),
    ),
    messages=st.integers(1, 8),
    outcomes=st.lists(st.sampled_from(["ack", "ack", "nack", "reject", "forget"]), min_size=1, max_size=30),
)
@pytest.mark.parametrize("name", chosen("BUSES", "sqlite"))
def test_whatever_happens_every_message_ends_done_or_dead(name, faults, messages, outcomes):
    if reason := untold(name, "faults"):
        pytest.skip(f"told for the embedded bus only: {reason}")
    with TemporaryDirectory(dir=MEMORY) as folder:
        clock = SetClock()
        bus = BUSES[name](Path(folder), clock, faults)
        bus.subscribe("alert-raised", "send_notifications")
        published = [bus.publish(alert(f"alert-{number % 2}", str(number))) for number in range(messages)]
        delivered: Counter[str] = Counter()
        done: Counter[str] = Counter()
        left = iter(outcomes)
        held = False
        while bus.pending():
            delivery = bus.pull()
            if delivery is None:
                # the pull may just have dead-lettered what was forgotten too often
                assert held or not bus.pending() or bus.next_due() > clock.now()
                clock.move(minutes=10)
                held = False
                continue
            delivered[delivery.event["id"]] += 1
            outcome = next(left, "ack")
            if outcome == "ack":
                bus.ack(delivery)
                done[delivery.event["id"]] += 1
            elif outcome == "forget":
                held = True
            else:
                getattr(bus, outcome)(delivery, outcome)
        dead = Counter(letter.event["id"] for letter in bus.dead_letters())
        assert set(delivered) == set(published)
        assert set(done) | set(dead) == set(published)
        copies = done + dead
        assert all(1 <= copies[event_id] <= (2 if faults.repeat else 1) for event_id in published)
        assert max(delivered.values()) <= 2 * MAX_ATTEMPTS


def order_of_delivery(backend: str, place: Path, faults: FaultPlan) -> list[str]:
    place.mkdir()
    clock = SetClock()
    bus = BUSES[backend](place, clock, faults)
    bus.subscribe("alert-raised", "send_notifications")
    for number in range(20):
        bus.publish(alert("one-key", str(number)))
    found = []
    while bus.pending():
        if delivery := bus.pull():
            found.append(delivery.event["data"]["state"])
            bus.ack(delivery)
        else:
            clock.move(seconds=1)
    return found


@tells("faults")
def test_faults_are_the_same_for_the_same_seed(backend, tmp_path):
    plan = FaultPlan(seed=7, repeat=0.3, shuffle=True, delay=5)
    first = order_of_delivery(backend, tmp_path / "a", plan)
    assert first == order_of_delivery(backend, tmp_path / "b", plan)
    assert first != order_of_delivery(backend, tmp_path / "c", FaultPlan(seed=8, repeat=0.3, shuffle=True, delay=5))
    assert len(first) > 20
    assert set(first) == {str(number) for number in range(20)}
    assert first != sorted(first, key=int)


@tells("holders")
def test_dead_letters_of_before_a_moment_are_removed_once_their_reason_is_recorded(bus, clock):
    for name in ("old", "unrecorded"):
        bus.publish(sync(name))
        bus.reject(bus.pull(), "bug")
    for letter in bus.unrecorded()[:1]:
        bus.recorded(letter)
    clock.move(minutes=1)
    moment = clock.now()
    clock.move(minutes=1)
    bus.publish(sync("new"))
    bus.reject(bus.pull(), "bug")
    bus.forget_dead_letters(moment)
    assert [letter.event["data"]["run_id"] for letter in bus.dead_letters()] == ["unrecorded", "new"]


@tells("faults")
def test_repeats_and_delays_without_shuffling_keep_the_order_of_a_key(backend, tmp_path):
    found = order_of_delivery(backend, tmp_path / "a", FaultPlan(seed=1, repeat=1.0, delay=5))
    assert found == [str(number) for number in range(20) for _ in range(2)]


def crash_often(backend: str, place: Path, seed: int) -> None:
    """Works until it kills itself at a point that the seed chooses, done or not."""
    bus = BUSES[backend](place, SetClock())
    chance = random.Random(seed)
    while delivery := bus.pull():
        if chance.random() < 0.4:
            os.kill(os.getpid(), signal.SIGKILL)
        with (place / "done.txt").open("a") as done:
            done.write(delivery.event["data"]["run_id"] + "\n")
        if chance.random() < 0.2:
            os.kill(os.getpid(), signal.SIGKILL)
        bus.ack(delivery)


@tells("holders")
def test_workers_that_die_anywhere_lose_no_message(backend, bus, tmp_path):
    for number in range(12):
        bus.publish(sync(str(number)))
    seed = 0
    while bus.pending() and seed < 60:
        workers = [SPAWN.Process(target=crash_often, args=(backend, tmp_path, seed + who)) for who in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        seed += len(workers)
    assert bus.pending() == 0
    done = set((tmp_path / "done.txt").read_text().split())
    dead = {letter.event["data"]["run_id"] for letter in bus.dead_letters()}
    assert done | dead == {str(number) for number in range(12)}
