"""The deployed handlers, by CloudEvent over HTTP, and the whole way under repeats, failures and deaths."""

import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from budget_world import ORG, CountingNotifier, World, each_day
from functions_framework import create_app

from common.alerts.sending import send_waiting
from common.config import Settings
from common.domain.alerts import NOTIFIED, OPEN
from common.domain.outbox import CLAIM_SECONDS, SENT
from common.errors import CostError, Retryable
from common.messages import AlertRaised, ChargesNormalized, Message
from common.messages.cloudevent import decode, encode
from common.ports import Notification
from common.records.runs import queue_run
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime

ROOT = Path(__file__).parents[2]
MARCH = "2026-03"


@pytest.fixture
def rt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedRuntime]:
    monkeypatch.setenv("COSTWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COSTWIRE_PUSH_AUTH", "platform")
    made = EmbeddedRuntime(Settings())
    bootstrap.use(made)
    made.documents.create(f"orgs/{ORG}", {"org_slug": ORG})
    yield made
    bootstrap.use(None)


def post(function: str, message: Message, rt: EmbeddedRuntime) -> int:
    """Send a message to a deployed function; its HTTP status."""
    app = create_app(function, str(ROOT / "functions" / function / "main.py"))
    event = encode(message, "1", rt.clock.now())
    with app.test_client() as client:
        return int(client.post("/", json=event, headers={"Content-Type": "application/cloudevents+json"}).status_code)


def test_charges_become_an_alert_and_the_alert_a_message(rt: EmbeddedRuntime, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.documents, world.objects, world.warehouse = rt.documents, rt.objects, rt.warehouse  # type: ignore[assignment]
    world.budget(amount=Decimal(100), thresholds=(Decimal(100),), forecast_thresholds=())
    rt.bus.subscribe(AlertRaised.topic, "send_notifications")
    assert post("evaluate_budgets", world.deliver(MARCH, each_day(MARCH, 10, "10")), rt) == 200
    delivery = rt.bus.pull()
    assert delivery is not None
    assert post("send_notifications", decode(delivery.event), rt) == 200
    (written,) = (rt.home / "outbox").iterdir()
    assert "100.00 USD (100.0 %)" in written.read_text(encoding="utf-8")


def test_an_alert_names_the_run_that_led_to_it_and_a_budget_that_cannot_be_read_does_not_end_that_run(
    rt: EmbeddedRuntime, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.documents, world.objects, world.warehouse = rt.documents, rt.objects, rt.warehouse  # type: ignore[assignment]
    world.budget(amount=Decimal(100), thresholds=(Decimal(100),), forecast_thresholds=())
    rt.documents.set(f"orgs/{ORG}/budgets/broken", {"budget_id": "broken", "name": "broken", "amount": "-1"})
    queue_run(rt.documents, rt.clock, ORG, "run-7", "aws-main", "schedule", "file:///bills", None)
    before = rt.documents.get(f"orgs/{ORG}/runs/run-7")
    rt.bus.subscribe(AlertRaised.topic, "send_notifications")
    message = replace(world.deliver(MARCH, each_day(MARCH, 10, "10")), run_id="run-7")
    post("evaluate_budgets", message, rt)
    delivery = rt.bus.pull()
    assert delivery is not None
    raised = decode(delivery.event)
    assert isinstance(raised, AlertRaised) and raised.run_id == "run-7"
    assert before is not None and rt.documents.get(f"orgs/{ORG}/runs/run-7") == before


class Unsteady(CountingNotifier):
    """Sends, fails, or sends and dies, by chance."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.trouble = True

    def send(self, notification: Notification, recipient: str = "") -> str:
        fate = self.chance.random() if self.trouble else 1.0
        if fate < 0.3:
            raise Retryable("away")
        where = super().send(notification)
        if fate < 0.5:
            raise SystemExit("killed")
        return where


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_repeated_reordered_or_killed_each_state_is_told_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = World(tmp_path)
    world.budget(amount=Decimal(1000), thresholds=(Decimal(50), Decimal(80)), forecast_thresholds=(Decimal(100),))
    email = Unsteady(chance)
    messages: list[ChargesNormalized] = []
    for _ in range(14):
        step = chance.random()
        if step < 0.4 or not messages:
            messages.append(world.deliver("2026-11", each_day("2026-11", 10, chance.choice(("20", "40", "60", "90")))))
        elif step < 0.75:
            world.evaluate(chance.choice(messages))
        else:
            handle_some_alert(world, email, chance)
        world.clock.move(seconds=chance.choice((1, CLAIM_SECONDS)))
    email.trouble = False
    world.clock.move(seconds=CLAIM_SECONDS)
    world.evaluate(messages[-1])
    spend = Decimal(world.warehouse.query(ORG, "select sum(BilledCost) as s from cost_data_standard_1_3")[0]["s"])
    for alert_id, _ in world.documents.list(f"orgs/{ORG}/alerts"):
        send_waiting(AlertRaised(ORG, alert_id, OPEN), world.documents, (email,), world.clock)
    check(world, email, spend)


def handle_some_alert(world: World, email: Unsteady, chance: random.Random) -> None:
    alerts = [alert_id for alert_id, _ in world.documents.list(f"orgs/{ORG}/alerts")]
    if not alerts:
        return
    try:
        send_waiting(AlertRaised(ORG, chance.choice(alerts), OPEN), world.documents, (email,), world.clock)
    except (CostError, SystemExit):
        return


def check(world: World, email: Unsteady, spend: Decimal) -> None:
    crossed = {
        "2026-11-actual-50": spend >= 500,
        "2026-11-actual-80": spend >= 800,
        "2026-11-forecast-100": spend * 3 >= 1000,
    }
    states = world.states()
    assert {name: states.get(name) == "open" for name in crossed} == crossed
    expected = set()
    turns = set()  # what one evaluation opens, or retracts, is one message
    for alert_id, alert in world.documents.list(f"orgs/{ORG}/alerts"):
        turns |= {(alert["type"], one["state"], one["at"]) for one in alert["history"] if one["state"] in NOTIFIED}
        expected |= {f"{ORG}-{alert_id}_{number}" for number in range(1, alert["notifications"] + 1)}
    assert len(expected) == len(turns)
    assert {notification.notification_id for notification in email.sent} == expected
    assert all(document["status"] == SENT for _, document in world.notifications())
    for notification in email.sent:  # a death after sending repeats the message, byte for byte
        assert all(
            other == notification for other in email.sent if other.notification_id == notification.notification_id
        )
