"""The outbox: claims, results, and when a message is done."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.domain import outbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = timedelta(seconds=outbox.CLAIM_SECONDS)


def fresh(channels: tuple[str, ...] = ()) -> outbox.Document:
    return outbox.new_notification("b-2026-11-actual-80", 2, "open", {"type": "budget_threshold"}, NOW, channels, "b")


def test_a_claim_holds_until_it_has_run_out() -> None:
    document = outbox.claimed(fresh(), "email", NOW)
    assert outbox.held_until(document, "email", NOW + CLAIM - timedelta(seconds=1)) == NOW + CLAIM
    assert outbox.held_until(document, "email", NOW + CLAIM) is None
    assert outbox.held_until(document, "slack", NOW) is None


def test_a_message_is_done_when_every_channel_has_it() -> None:
    document = outbox.settled(outbox.sent(fresh(), "email", NOW, "e-mail to ada"), ["email", "slack"])
    assert document["status"] == outbox.PENDING
    document = outbox.settled(outbox.sent(document, "slack", NOW, "Slack"), ["email", "slack"])
    assert document["status"] == outbox.SENT


def test_a_channel_that_never_will_makes_the_message_failed_once_the_others_are_done() -> None:
    document = outbox.settled(outbox.not_sent(fresh(), "slack", "refused", again=False), ["email", "slack"])
    assert document["status"] == outbox.PENDING
    assert outbox.settled(outbox.sent(document, "email", NOW, "x"), ["email", "slack"])["status"] == outbox.FAILED


@given(st.lists(st.sampled_from(("claimed", "again", "failed")), max_size=6))
def test_once_sent_is_sent_whatever_was_before(steps: list[str]) -> None:
    document = fresh()
    for step in steps:
        if step == "claimed":
            document = outbox.claimed(document, "email", NOW)
        else:
            document = outbox.not_sent(document, "email", "reason", again=step == "again")
        assert not outbox.is_sent(document, "email")
    document = outbox.settled(outbox.sent(document, "email", NOW, "x"), ["email"])
    assert outbox.is_sent(document, "email") and document["status"] == outbox.SENT
    assert fresh()["channels"] == {}


def test_a_budget_s_channels_are_used_and_all_where_none_of_them_is_configured() -> None:
    assert outbox.chosen(fresh(("slack",)), ["email", "slack"]) == ["slack"]
    assert outbox.chosen(fresh(), ["email", "slack"]) == ["email", "slack"]
    assert outbox.chosen(fresh(("slack",)), ["outbox"]) == ["outbox"]
