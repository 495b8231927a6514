"""Pushed deliveries end to end: a function in a process of its own behind a push subscription of the emulator.

Run with the peers: python -m tests.emulators --only pubsub,firestore -- python -m pytest tests/integration/test_push.py
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from push_tokens import ACCOUNT, AUDIENCE, Key, certificate_server

from common.adapters.shared.system_clock import SystemClock
from common.messages import SyncRequested
from common.messages.cloudevent import encode
from common.ports import DocumentStore
from common.ports.bus import MAX_ATTEMPTS, MAX_PUSHES, DeadLetter
from common.records.runs import FAILED, queue_run, run_path
from tests.emulators.process import free_port, start
from tests.emulators.push_proxy import PushProxy

ROOT = Path(__file__).parents[2]
TOPIC, FUNCTION, ORG, GHOST = "sync-requested", "dispatch_sync", "acme_1", "nobody_1"
PATIENCE_SECONDS = 90
ABSENT = [name for name in ("PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST") if not os.environ.get(name)]
pytestmark = pytest.mark.skipif(bool(ABSENT), reason=f"NOT RUN without {', '.join(ABSENT)}: make test-cloud has them")


@dataclass
class World:
    """One project of the emulators, and one function in it."""

    project: str
    folder: Path
    url: str
    log: Path
    bus: Any
    documents: DocumentStore
    processed: DocumentStore
    publisher: Any

    def publish(self, how: str = "", org_slug: str | None = ORG) -> str:
        """Ask for a sync that fails in the given way; returns the run id."""
        run_id = uuid.uuid4().hex
        if how:
            (self.folder / run_id).write_text(how)
        if org_slug == ORG:
            queue_run(self.documents, SystemClock(), ORG, run_id, "aws", "manual")
        self.bus.publish(SyncRequested(run_id, run_id, org_slug))
        return run_id

    def publish_body(self, body: bytes, **attributes: str) -> str:
        """Publish what is perhaps no event; returns the message id."""
        topic = f"projects/{self.project}/topics/{TOPIC}"
        return str(self.publisher.publish(topic, body, **attributes).result(timeout=10))

    def calls(self, run_id: str) -> list[float]:
        """When the function was called for a run."""
        journal = self.folder / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [float(line.split()[1]) for line in lines if line.startswith(f"{run_id} ")]

    def letters(self, fits: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
        return [one for one in self.bus.dead_letters(TOPIC) if fits(one)]

    def letter_of(self, run_id: str) -> DeadLetter:
        """The one dead letter of a run, when it is there."""
        (found,) = eventually(lambda: self.letters(lambda one: one.event["data"]["run_id"] == run_id))
        return found

    def noted(self) -> int:
        """How many events count as finished."""
        return sum("tries" not in document for _, document in self.processed.list("processed"))


def eventually(look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What `look` finds, as soon as it finds something."""
    ends_at = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.1)
    return found


@contextmanager
def world(
    folder: Path, token: Callable[[], str] | None = None, pushes: int = MAX_PUSHES, **settings: str
) -> Iterator[World]:
    """A function that is running, behind a push subscription of the emulator.

    token: what a push carries.  pushes: after how many Pub/Sub itself gives a message up.
    """
    from google.cloud import pubsub_v1

    from common.adapters.gcp.firestore import FirestoreDocumentStore
    from common.adapters.gcp.pubsub import PubSubBus

    project, port = f"push-{uuid.uuid4().hex[:12]}", free_port()
    environment = {"PUSHED_FOLDER": str(folder), "COSTWIRE_RUNTIME": "cloud", "COSTWIRE_PROJECT": project} | settings
    source = str(ROOT / "tests" / "integration" / "pushed_function.py")
    command = [sys.executable, "-m", "functions_framework", "--source", source, "--target", FUNCTION]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    log = folder / "function.log"
    peer = start("function", command, port, {}, log, PYTHONPATH=str(ROOT), **environment)
    try:
        # a pull that is given up too early leases what it would have brought for ten minutes
        bus = PubSubBus.connect(project, SystemClock(), patience_seconds=2)
        bus.subscribe(TOPIC, "audit")
        documents = FirestoreDocumentStore.connect(project, "(default)")
        processed = FirestoreDocumentStore.connect(project, "processed")
        documents.create(f"orgs/{ORG}", {"org_slug": ORG})
        path = f"/projects/{project}/topics/{TOPIC}"
        url = f"http://127.0.0.1:{port}{path}"
        with PushProxy(f"http://127.0.0.1:{port}", token) as proxy, pubsub_v1.SubscriberClient() as subscriber:
            subscriber.create_subscription(
                request={
                    "name": f"projects/{project}/subscriptions/{FUNCTION}",
                    "topic": f"projects/{project}/topics/{TOPIC}",
                    "ack_deadline_seconds": 10,
                    "push_config": {"push_endpoint": proxy.address + path},
                    "retry_policy": {"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 2}},
                    "dead_letter_policy": {
                        "dead_letter_topic": f"projects/{project}/topics/{TOPIC}-dead",
                        "max_delivery_attempts": pushes,
                    },
                }
            )
            yield World(project, folder, url, log, bus, documents, processed, pubsub_v1.PublisherClient())
    finally:
        peer.stop()


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("pushed"), COSTWIRE_PUSH_AUTH="platform") as made:
        yield made


def test_a_message_is_worked_on_once_and_noted_as_done(pushed: World) -> None:
    before = pushed.noted()
    run_id = pushed.publish()
    eventually(lambda: pushed.noted() == before + 1)
    assert len(pushed.calls(run_id)) == 1


def test_a_failed_message_comes_again_until_it_is_done(pushed: World) -> None:
    before = pushed.noted()
    run_id = pushed.publish("retryable 2")
    eventually(lambda: pushed.noted() == before + 1)
    first, second, third = pushed.calls(run_id)
    assert second - first > 0.5
    assert third - second > 0.5
    assert pushed.letters(lambda one: one.event["data"].get("run_id") == run_id) == []


def test_a_permanent_error_is_dead_lettered_at_once_and_told_on_the_run(pushed: World) -> None:
    before = pushed.noted()
    run_id = pushed.publish("permanent 9")
    letter = pushed.letter_of(run_id)
    assert letter.reason == "the credential was revoked; connect the account again"
    assert (letter.topic, letter.subscription) == (TOPIC, FUNCTION)
    run = pushed.documents.get(run_path(ORG, run_id))
    assert run is not None
    assert (run["status"], run["error"]) == (FAILED, letter.reason)
    assert len(pushed.calls(run_id)) == 1
    assert pushed.noted() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "reason"),
    [("retryable", "the warehouse is away"), ("unknown", f"RuntimeError in {FUNCTION}")],
)
def test_after_five_tries_a_message_is_dead_lettered_with_the_reason(pushed: World, how: str, reason: str) -> None:
    run_id = pushed.publish(f"{how} 99")
    letter = pushed.letter_of(run_id)
    assert letter.reason == reason
    assert len(pushed.calls(run_id)) == MAX_ATTEMPTS
    run = pushed.documents.get(run_path(ORG, run_id))
    assert run is not None
    assert (run["status"], run["error"]) == (FAILED, reason)
    assert "secret-4711" not in str(letter)
    assert "secret-4711" not in pushed.log.read_text()


def test_an_event_that_is_delivered_twice_is_done_once(pushed: World) -> None:
    before, run_id = pushed.noted(), uuid.uuid4().hex
    body = json.dumps(encode(SyncRequested(run_id, "manual", ORG), run_id, SystemClock().now())).encode()
    pushed.publish_body(body)
    eventually(lambda: pushed.noted() == before + 1)
    pushed.publish_body(body)
    later = pushed.publish()
    eventually(lambda: pushed.noted() == before + 2)
    assert len(pushed.calls(later)) == 1
    time.sleep(1)
    assert len(pushed.calls(run_id)) == 1


def test_a_dead_letter_is_replayed_when_its_cause_is_gone(pushed: World) -> None:
    run_id = pushed.publish(org_slug=GHOST)
    letter = pushed.letter_of(run_id)
    assert GHOST in letter.reason
    assert pushed.calls(run_id) == []
    for collection in ("runs", "integrations", "alerts"):
        assert pushed.documents.list(f"orgs/{GHOST}/{collection}") == []
    while pulled := pushed.bus.pull(["audit"]):
        pushed.bus.ack(pulled)
    pushed.documents.create(f"orgs/{GHOST}", {"org_slug": GHOST})
    waiting = pushed.bus.dead_letters()
    told = subprocess.run(
        [sys.executable, "-m", "costwire", "replay", "--topic", TOPIC, "--json"],
        cwd=ROOT,
        env={**os.environ, "COSTWIRE_RUNTIME": "cloud", "COSTWIRE_PROJECT": pushed.project},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"replayed": len(waiting), "notifications": 0, "failed": None}
    eventually(lambda: pushed.calls(run_id))
    assert pushed.letters(lambda one: one.event["id"] == letter.event["id"]) == []
    assert pushed.bus.pull(["audit"]) is None
    time.sleep(1)
    assert len(pushed.calls(run_id)) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff no JSON", "not valid JSON"),
        (b"[]", "a JSON list"),
        (b'{"type": "costwire.nothing.v1", "data": {}}', "not a Costwire event type"),
        (b'{"type": "costwire.sync-requested.v2", "data": {}}', "version v2"),
        (b'{"type": "costwire.sync-requested.v1", "data": {}}', "lacks the field trigger"),
        (b'{"type": "costwire.sync-requested.v1", "id": 7, "data": {"trigger": "t"}}', "of type int"),
        (b'{"type": "costwire.alert-raised.v1", "data": {"org_slug": "o", "alert_id": "a", "state": "s"}}', "takes"),
    ],
)
def test_what_is_no_message_of_the_function_is_dead_lettered_with_the_reason(
    pushed: World, body: bytes, reason: str
) -> None:
    pushed.publish_body(body)
    (letter,) = eventually(lambda: pushed.letters(lambda one: reason in one.reason))
    assert (letter.topic, letter.subscription) == (TOPIC, FUNCTION)
    pushed.bus.replay(TOPIC)  # it dies again, the same
    (again,) = eventually(lambda: pushed.letters(lambda one: reason in one.reason and one.died_at > letter.died_at))
    assert again.event.get("data") == letter.event.get("data")


def test_a_scheduled_message_takes_its_run_from_the_publication(pushed: World) -> None:
    body = b'{"specversion":"1.0","type":"costwire.sync-requested.v1","source":"//s","data":{"trigger":"schedule"}}'
    first, second = pushed.publish_body(body), pushed.publish_body(body)
    eventually(lambda: pushed.calls(first) and pushed.calls(second))


def test_a_function_that_is_killed_at_work_does_it_again(pushed: World) -> None:
    run_id = pushed.publish("killed 1")
    eventually(lambda: len(pushed.calls(run_id)) == 2)


def test_a_message_without_a_body_is_dead_lettered(pushed: World) -> None:
    pushed.publish_body(b"", only="attributes")
    (letter,) = eventually(lambda: pushed.letters(lambda one: one.event == {"data_base64": ""}))
    assert letter.subscription == FUNCTION


def raw(pushed: World, body: bytes, **attributes: str) -> dict[str, Any]:
    """What Pub/Sub posts."""
    data = base64.b64encode(body).decode()
    return {
        "message": {"data": data, "messageId": "1", "attributes": attributes},
        "subscription": f"projects/{pushed.project}/subscriptions/{FUNCTION}",
    }


def test_what_is_replayed_for_another_subscription_is_acked_unseen(pushed: World) -> None:
    run_id = uuid.uuid4().hex
    event = json.dumps(encode(SyncRequested(run_id, "manual", ORG), run_id, SystemClock().now())).encode()
    assert httpx.post(pushed.url, json=raw(pushed, event, replay_for="audit")).status_code == 200
    assert pushed.calls(run_id) == []
    assert httpx.post(pushed.url, json=raw(pushed, event, replay_for=FUNCTION)).status_code == 200
    assert len(pushed.calls(run_id)) == 1


def test_a_body_that_the_framework_refuses_is_left_to_pubsubs_policy(pushed: World) -> None:
    posted = raw(pushed, b"")
    del posted["message"]["data"]
    assert httpx.post(pushed.url, json=posted).status_code == 400


def test_a_message_with_as_many_attributes_as_there_may_be_is_dead_lettered_too(pushed: World) -> None:
    attributes = {f"name{number}": "x" * 1024 for number in range(100)}
    assert httpx.post(pushed.url, json=raw(pushed, b"crowded", **attributes)).status_code == 200
    crowded = {"data_base64": base64.b64encode(b"crowded").decode()}
    (letter,) = eventually(lambda: pushed.letters(lambda one: one.event == crowded))
    assert "not valid JSON" in letter.reason


def test_where_a_dead_letter_cannot_be_kept_the_message_is_not_acked(pushed: World) -> None:
    """With its reason beside it, this one is larger than Pub/Sub takes."""
    assert httpx.post(pushed.url, json=raw(pushed, b"x" * 9_999_990), timeout=60).status_code == 500


@pytest.mark.slow
def test_only_pushes_with_the_right_token_are_worked_on(tmp_path: Path) -> None:
    key = Key("key-1")
    claims: dict[str, Any] = {"aud": "https://elsewhere.example"}
    with certificate_server(key) as issuer:
        settings = {
            "COSTWIRE_PUSH_AUTH": "token",
            "COSTWIRE_PUSH_AUDIENCE": AUDIENCE,
            "COSTWIRE_PUSH_SERVICE_ACCOUNT": ACCOUNT,
            "PUSHED_CERTIFICATES": issuer.url,
        }
        with world(tmp_path, lambda: key.token(**claims), pushes=5, **settings) as guarded:
            run_id = guarded.publish()
            letter = guarded.letter_of(run_id)  # refused five times, so it is dead-lettered by Pub/Sub's own policy
            assert "refused the push" in letter.reason
            assert (letter.topic, letter.subscription) == (TOPIC, FUNCTION)
            assert guarded.calls(run_id) == []
            claims.clear()
            assert guarded.bus.replay(TOPIC) == 1
            eventually(lambda: len(guarded.calls(run_id)) == 1)
            assert guarded.bus.dead_letters() == []
