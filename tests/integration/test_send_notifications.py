"""send_notifications: each message once to each channel, whatever fails and whoever else is at work."""

from pathlib import Path
from typing import Any

import pytest
from budget_world import ORG, CountingNotifier, World, each_day

from common.alerts.sending import send_waiting
from common.domain import outbox
from common.errors import Permanent, Retryable
from common.messages import AlertRaised
from common.ports import Notification

NOVEMBER = "2026-11"
ALERT = "platform-1a2b-2026-11-actual-50"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A tenant with one alert in the outbox that nobody has sent."""
    from decimal import Decimal

    made = World(tmp_path)
    made.budget(amount=Decimal(1000), thresholds=(Decimal(50),), forecast_thresholds=())
    made.evaluate(made.deliver(NOVEMBER, each_day(NOVEMBER, 9, "100")))
    return made


def handle(world: World, *notifiers: Any, state: str = "open") -> None:
    send_waiting(AlertRaised(ORG, ALERT, state), world.documents, notifiers, world.clock)


def document(world: World, number: int = 1) -> dict[str, Any]:
    return dict(world.notifications())[f"{ALERT}_{number}"]


def test_a_message_goes_to_each_channel_once_however_often_it_is_announced(world: World) -> None:
    email, slack = CountingNotifier("email"), CountingNotifier("slack")
    for state in ("open", "retracted", "open"):
        handle(world, email, slack, state=state)
    assert len(email.sent) == len(slack.sent) == 1
    kept = document(world)
    assert kept["status"] == outbox.SENT
    assert kept["channels"]["slack"]["where"] == "slack to people"


def test_a_channel_that_is_away_keeps_no_other_waiting_and_gets_its_message_later(world: World) -> None:
    email, slack = CountingNotifier("email"), CountingNotifier("slack", failures=[Retryable("Slack answered 503")])
    with pytest.raises(Retryable, match="Slack answered 503"):
        handle(world, email, slack)
    assert (len(email.sent), len(slack.sent)) == (1, 0)
    assert document(world)["status"] == outbox.PENDING
    handle(world, email, slack)
    assert (len(email.sent), len(slack.sent)) == (1, 1)


def test_a_refused_message_is_dead_lettered_with_its_reason_and_sent_once_it_is_reopened(world: World) -> None:
    email, slack = (
        CountingNotifier("email"),
        CountingNotifier("slack", failures=[Permanent("Slack refused the message")]),
    )
    with pytest.raises(Permanent, match="Slack refused"):
        handle(world, email, slack)
    kept = document(world)
    assert (kept["status"], kept["channels"]["slack"]["reason"]) == (outbox.FAILED, "Slack refused the message")
    handle(world, email, slack)
    assert (len(email.sent), len(slack.sent)) == (1, 0)
    path = f"orgs/{ORG}/notifications/{ALERT}_1"
    world.documents.set(path, outbox.reopened(document(world)))
    handle(world, email, slack)
    assert (len(email.sent), len(slack.sent)) == (1, 1)
    assert document(world)["status"] == outbox.SENT


def test_workers_that_die_with_the_message_count_as_answers_that_were_lost(world: World) -> None:
    dying = DyingNotifier()
    for _ in range(outbox.MAX_UNANSWERED):
        with pytest.raises(SystemExit):
            handle(world, dying)
        world.clock.move(seconds=outbox.CLAIM_SECONDS)
    with pytest.raises(Permanent, match="it may have arrived"):
        handle(world, dying)
    handle(world, dying)
    assert len(dying.sent) == outbox.MAX_UNANSWERED
    assert document(world)["status"] == outbox.FAILED


def test_each_recipient_is_sent_to_and_recorded_by_itself(world: World) -> None:
    class Choosy(CountingNotifier):
        def send(self, notification: Notification, recipient: str = "") -> str:
            if recipient == "bob" and self.failures:
                raise self.failures.pop(0)
            self.sent.append(notification)
            return f"e-mail to {recipient}"

    email = Choosy(recipients=("ada", "bob"), failures=[Retryable("450")])
    with pytest.raises(Retryable, match="450"):
        handle(world, email)
    kept = document(world)["channels"]
    assert {key: entry["status"] for key, entry in kept.items()} == {"email:ada": "sent", "email:bob": "pending"}
    handle(world, email)
    assert len(email.sent) == 2 and document(world)["status"] == outbox.SENT


class DyingNotifier(CountingNotifier):
    """Sends, and dies before anybody can note it."""

    def send(self, notification: Notification, recipient: str = "") -> str:
        super().send(notification)
        raise SystemExit("killed")


def test_a_death_between_sending_and_marking_repeats_the_same_message_once_the_claim_has_run_out(world: World) -> None:
    dying, healthy = DyingNotifier(), CountingNotifier()
    with pytest.raises(SystemExit):
        handle(world, dying)
    with pytest.raises(Retryable, match="another worker until 2026-11-20T12:00:30"):
        handle(world, healthy)
    assert healthy.sent == []
    world.clock.move(seconds=outbox.CLAIM_SECONDS)
    handle(world, healthy)
    assert healthy.sent == dying.sent


def test_two_workers_at_once_send_once(world: World) -> None:
    first, second = CountingNotifier(), CountingNotifier()

    class Meanwhile(CountingNotifier):
        def send(self, notification: Notification, recipient: str = "") -> str:
            with pytest.raises(Retryable, match="another worker"):
                handle(world, second)
            return first.send(notification)

    handle(world, Meanwhile())
    handle(world, second)
    assert (len(first.sent), len(second.sent)) == (1, 0)


def test_messages_of_an_alert_go_out_in_order_even_when_the_first_one_fails(world: World) -> None:
    world.evaluate(world.deliver(NOVEMBER, each_day(NOVEMBER, 9, "10")))
    email = CountingNotifier(failures=[Retryable("the mail server is away")])
    with pytest.raises(Retryable):
        handle(world, email, state="retracted")
    assert email.sent == []
    handle(world, email, state="retracted")
    assert [subject.split(":")[0] for subject in email.subjects] == [
        '[Costwire] Cloud budget "platform" at 90 % (900.00 of 1,000.00 USD)',
        "[Costwire] Retracted",
    ]
    assert [notification.notification_id for notification in email.sent] == [f"default-{ALERT}_1", f"default-{ALERT}_2"]


def test_a_budget_s_channels_are_kept(world: World) -> None:
    email, slack = CountingNotifier("email"), CountingNotifier("slack")
    path = f"orgs/{ORG}/notifications/{ALERT}_1"
    world.documents.set(path, {**document(world), "wanted": ["slack"]})
    handle(world, email, slack)
    assert (len(email.sent), len(slack.sent)) == (0, 1)
    assert document(world)["status"] == outbox.SENT


def test_alerts_of_other_kinds_bring_their_own_words(world: World) -> None:
    facts = {
        "type": "proof_failed",
        "title": "A delivery of aws-main was rejected",
        "lines": {"Difference": "0.01 USD"},
    }
    made = outbox.new_notification("proof-d7", 1, "open", facts, world.clock.now())
    world.documents.set(f"orgs/{ORG}/notifications/proof-d7_1", made)
    email = CountingNotifier()
    send_waiting(AlertRaised(ORG, "proof-d7", "open"), world.documents, (email,), world.clock)
    assert email.subjects == ["[Costwire] A delivery of aws-main was rejected"]
    assert "Difference  0.01 USD" in email.sent[0].text
