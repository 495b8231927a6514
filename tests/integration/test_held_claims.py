"""A claim that another worker holds is no failed try: a message waits for it, and then goes out once."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from budget_world import ORG, CountingNotifier, World, each_day
from functions_framework import create_app

from common.adapters.embedded.processes import Processes, this_process
from common.alerts.sending import send_waiting
from common.config import Settings
from common.domain import outbox
from common.errors import Held, Permanent, Retryable
from common.messages import AlertRaised
from common.messages.cloudevent import encode
from common.messages.subscriptions import received_by
from common.ports.bus import MAX_ATTEMPTS, MAX_PUSHES
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from common.runtime.push import held_seconds
from costwire.worker import deliver, subscribe_all, work
from tests.support import Laptop, cur_line, cur_text, laptop

ROOT = Path(__file__).parents[2]
ALERT = "platform-1a2b-2026-11-actual-50"
RAISED = AlertRaised(ORG, ALERT, "open")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A tenant with one alert in the outbox that nobody has sent."""
    made = World(tmp_path)
    made.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    made.evaluate(made.deliver("2026-11", each_day("2026-11", 9, "100")))
    return made


def path_of(document: dict[str, Any]) -> str:
    return f"orgs/{ORG}/notifications/{document['notification_id']}"


def claim(world: World, holder: str) -> None:
    ((_, document),) = world.notifications()
    claimed = outbox.claimed(document, "email", world.clock.now(), holder)
    world.documents.set(path_of(claimed), claimed)


def dead_process() -> str:
    """The name of a process that has ended."""
    script = "from common.adapters.embedded.processes import this_process; print(this_process())"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_claim_of_a_dead_process_is_taken_over_at_once(world: World) -> None:
    claim(world, dead_process())
    email = CountingNotifier()
    send_waiting(RAISED, world.documents, (email,), world.clock, Processes())
    assert len(email.sent) == 1


def test_the_claim_of_a_living_process_is_waited_for(world: World) -> None:
    claim(world, this_process())
    email = CountingNotifier()
    with pytest.raises(Held) as held:
        send_waiting(RAISED, world.documents, (email,), world.clock, Processes())
    assert held.value.until == world.clock.now() + timedelta(seconds=outbox.CLAIM_SECONDS)
    assert email.sent == []


def test_a_claim_made_while_the_clock_was_ahead_lasts_no_longer_than_any(world: World) -> None:
    world.clock.move(days=400)
    claim(world, this_process())
    world.clock.move(days=-400)
    email = CountingNotifier()
    with pytest.raises(Held) as held:
        send_waiting(RAISED, world.documents, (email,), world.clock, Processes())
    assert held.value.until == world.clock.now() + timedelta(seconds=outbox.CLAIM_SECONDS)
    world.clock.move(seconds=outbox.CLAIM_SECONDS)
    send_waiting(RAISED, world.documents, (email,), world.clock, Processes())
    assert len(email.sent) == 1


@contextmanager
def waiting_alert(home: Path) -> Iterator[Laptop]:
    """A laptop with one notification in the outbox, and its message on the bus."""
    with laptop(home) as rt:
        rt.documents.create(f"orgs/{ORG}", {"org_slug": ORG})
        note = outbox.new_notification(ALERT, 1, "open", {"type": "x", "title": "T", "lines": {}}, rt.clock.now())
        rt.documents.set(path_of(note), note)
        subscribe_all(rt)
        rt.bus.publish(RAISED)
        yield rt


def test_a_message_that_meets_a_claim_uses_up_no_try(tmp_path: Path) -> None:
    with waiting_alert(tmp_path / "home") as rt:
        path = f"orgs/{ORG}/notifications/{ALERT}_1"
        note = rt.documents.get(path) or {}
        rt.documents.set(path, outbox.claimed(note, "outbox", rt.clock.now(), this_process()))
        for _ in range(3 * MAX_ATTEMPTS):
            delivery = rt.bus.pull()
            assert delivery is not None and delivery.attempt == 1
            outcome = deliver(rt, delivery)
            assert not outcome.final and "another worker" in str(outcome.error)
            rt.clock.sleep(1)
        rt.clock.sleep(outbox.CLAIM_SECONDS)
        assert [outcome.error for outcome in work(rt, rt.clock.sleep)] == [None]
        assert len(list((rt.home / "outbox").iterdir())) == 1 and rt.bus.dead_letters() == []


@pytest.mark.parametrize("attempt", [1, MAX_ATTEMPTS, MAX_PUSHES])
def test_a_push_waits_for_the_claim_within_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    monkeypatch.setenv("COSTWIRE_PUSH_AUTH", "platform")
    rt = EmbeddedRuntime(Settings(home=tmp_path / "home"))
    bootstrap.use(rt)
    rt.documents.create(f"orgs/{ORG}", {"org_slug": ORG})
    note = outbox.new_notification(ALERT, 1, "open", {"type": "x", "title": "T", "lines": {}}, rt.clock.now())
    earlier = rt.clock.now() - timedelta(seconds=outbox.CLAIM_SECONDS - 1)  # another second is left of it
    rt.documents.set(path_of(note), outbox.claimed(note, "outbox", earlier, this_process()))
    body = json.dumps(encode(RAISED, "e1", rt.clock.now())).encode()
    message = {"data": base64.b64encode(body).decode(), "messageId": "1", "attributes": {}}
    posted = {
        "message": message,
        "subscription": "projects/p/subscriptions/send_notifications",
        "deliveryAttempt": attempt,
    }
    app = create_app("send_notifications", str(ROOT / "functions" / "send_notifications" / "main.py"))
    with app.test_client() as client:
        assert client.post("/projects/p/topics/alert-raised", json=posted).status_code == 200
    bootstrap.use(None)
    assert len(list((rt.home / "outbox").iterdir())) == 1 and rt.bus.dead_letters() == []


def test_one_push_outwaits_the_claim_of_a_dead_worker() -> None:
    """The arithmetic: the claim is over within half of the deadline, whatever the rests between the tries are."""
    (own,) = received_by("send_notifications")
    assert outbox.CLAIM_SECONDS < held_seconds(own) == own.ack_deadline_seconds / 2
    assert held_seconds(own) + outbox.CLAIM_SECONDS < own.ack_deadline_seconds


class Killing(ThreadingHTTPServer):
    """A webhook at whose first call the caller is killed; counts what it is given."""

    victim: int = 0
    posted: int = 0


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Killing)
        self.rfile.read(int(self.headers["Content-Length"]))
        server.posted += 1
        if server.victim:
            os.kill(server.victim, signal.SIGKILL)
            server.victim = 0
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words: Any) -> None:
        pass


def test_one_kill_while_slack_is_called_loses_no_message(tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(number, "1.25") for number in range(100)]))
    server = Killing(("127.0.0.1", 0), _Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {
        **os.environ, "COSTWIRE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT),
        "COSTWIRE_SLACK_WEBHOOK_URL": f"http://127.0.0.1:{server.server_port}/hook",
    }  # fmt: skip
    command = [sys.executable, "-m", "costwire"]
    budget = ["budgets", "add", "all", "--amount", "100", "--currency", "USD", "--threshold", "50"]
    subprocess.run([*command, *budget], env=env, check=True, capture_output=True, timeout=60)
    words = [*command, "import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server.victim = process.pid
    assert process.wait(timeout=60) == -signal.SIGKILL
    killed_at = server.posted
    again = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    server.shutdown()
    server.server_close()
    assert again.returncode == 0, again.stderr
    rt = EmbeddedRuntime(Settings(home=tmp_path / "home"))
    notes = [document for _, document in rt.documents.list("orgs/default/notifications")]
    assert notes and {note["status"] for note in notes} == {outbox.SENT}
    assert server.posted - killed_at == len(notes), "the one that was cut short goes out once more, the others once"
    assert rt.bus.dead_letters() == []


class _KilledAfterIt:
    """A channel that accepts the message, whose worker is gone before it can record that."""

    channel = "email"
    recipients = ("",)

    def __init__(self) -> None:
        self.copies = 0

    def send(self, notification: Any, recipient: str = "") -> str:
        self.copies += 1
        raise SystemExit


@pytest.mark.parametrize("holder", ["dead", "unknown"])
def test_workers_that_are_killed_after_each_acceptance_cost_one_more_copy_at_most(world: World, holder: str) -> None:
    """unknown: as in the cloud, where time alone ends a claim."""
    email = _KilledAfterIt()
    dead = dead_process()

    class Worker(Processes):
        def this(self) -> str:
            return dead

    for _ in range(2 * MAX_ATTEMPTS):
        with suppress(SystemExit, Permanent):
            send_waiting(RAISED, world.documents, (email,), world.clock, Worker() if holder == "dead" else None)
        if holder == "unknown":
            world.clock.move(seconds=outbox.CLAIM_SECONDS)
    assert email.copies == outbox.MAX_UNANSWERED
    ((_, document),) = world.notifications()
    assert document["status"] == outbox.FAILED
    assert "it may have arrived" in document["channels"]["email"]["reason"]
    world.documents.set(path_of(document), outbox.reopened(document))
    counting = CountingNotifier()
    send_waiting(RAISED, world.documents, (counting,), world.clock, Processes())
    assert len(counting.sent) == 1, "costwire replay grants new tries"


def test_a_worker_that_fails_late_does_not_free_the_claim_of_another(world: World) -> None:
    """Its claim had ended, another took the message over: a third must not send while that one does."""
    second, third = CountingNotifier(), CountingNotifier()

    class Second(CountingNotifier):
        def send(self, notification: Any, recipient: str = "") -> str:
            first_fails.set()
            assert first_failed.wait(10)
            with pytest.raises(Held):
                send_waiting(RAISED, world.documents, (third,), world.clock)
            return second.send(notification, recipient)

    class First(CountingNotifier):
        def send(self, notification: Any, recipient: str = "") -> str:
            world.clock.move(seconds=outbox.CLAIM_SECONDS)
            taking_over.start()
            assert first_fails.wait(10)
            raise Retryable("450 come back")

    def take_over() -> None:
        send_waiting(RAISED, world.documents, (Second(),), world.clock)
        taken_over.set()

    first_fails, first_failed, taken_over = threading.Event(), threading.Event(), threading.Event()
    taking_over = threading.Thread(target=take_over)
    with suppress(Retryable, Permanent):
        send_waiting(RAISED, world.documents, (First(),), world.clock)
    first_failed.set()
    taking_over.join()
    assert taken_over.is_set()
    assert (len(second.sent), len(third.sent)) == (1, 0)


def test_processes_killed_after_each_acceptance_cost_one_more_copy_at_most(tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(number, "1.25") for number in range(100)]))
    server = Killing(("127.0.0.1", 0), _Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {
        **os.environ, "COSTWIRE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT),
        "COSTWIRE_SLACK_WEBHOOK_URL": f"http://127.0.0.1:{server.server_port}/hook",
    }  # fmt: skip
    command = [sys.executable, "-m", "costwire"]
    budget = ["budgets", "add", "all", "--amount", "200", "--currency", "USD", "--threshold", "50"]
    subprocess.run([*command, *budget], env=env, check=True, capture_output=True, timeout=60)
    words = [*command, "import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]
    ends = []
    for _ in range(4):
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.victim = process.pid
        ends.append(process.wait(timeout=60))
        server.victim = 0
    server.shutdown()
    server.server_close()
    assert ends[:2] == [-signal.SIGKILL] * 2
    assert server.posted == outbox.MAX_UNANSWERED
    assert -signal.SIGKILL not in ends[2:]
