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
    document = outbox.settled(outbox.refused(fresh(), "slack", "refused"), ["email", "slack"])
    assert document["status"] == outbox.PENDING
    assert outbox.settled(outbox.sent(document, "email", NOW, "x"), ["email", "slack"])["status"] == outbox.FAILED


STEPS = st.lists(st.sampled_from(("claimed", "again", "unanswered", "refused", "reopened")), max_size=12)


def step(document: outbox.Document, name: str, key: str = "email:ada") -> outbox.Document:
    if name == "claimed":
        return outbox.claimed(document, key, NOW)
    if name == "reopened":
        return outbox.reopened(document)
    if name == "refused":
        return outbox.refused(document, key, "reason")
    return outbox.not_sent(document, key, "reason", unanswered=name == "unanswered")


@given(STEPS, STEPS)
def test_once_sent_is_sent_whatever_was_before_and_whoever_comes_late(before: list[str], after: list[str]) -> None:
    document = fresh()
    for name in before:
        document = step(document, name)
        assert not outbox.is_sent(document, "email:ada")
    document = outbox.settled(outbox.sent(document, "email:ada", NOW, "x"), ["email:ada"])
    for name in after:
        if name not in ("claimed", "reopened"):  # nobody claims what is sent, and reopening opens what failed
            document = outbox.settled(step(document, name), ["email:ada"])
    assert outbox.is_sent(document, "email:ada") and document["status"] == outbox.SENT
    assert not outbox.is_over(document, "email:bob")
    assert fresh()["channels"] == {}


@given(st.lists(st.sampled_from(("again", "unanswered", "killed")), max_size=30))
def test_tries_end_whatever_they_end_in(fates: list[str]) -> None:
    """Of tries that may have arrived, those of killed workers included, there are no more than a lost answer costs."""
    document, tries = fresh(), 0
    for fate in fates:
        if outbox.is_over(document, "slack"):
            break
        if outbox.is_used_up(document, "slack"):
            document = outbox.given_up(document, "slack")
            break
        document, tries = outbox.claimed(document, "slack", NOW, claim=str(tries)), tries + 1
        if fate != "killed":
            document = outbox.not_sent(document, "slack", "reason", fate == "unanswered", claim=str(tries - 1))
    assert tries <= outbox.MAX_TRIES
    assert sum(fate != "again" for fate in fates[:tries]) <= outbox.MAX_UNANSWERED


def test_a_worker_whose_claim_was_taken_over_changes_nothing_unless_it_has_sent() -> None:
    taken_over = outbox.claimed(outbox.claimed(fresh(), "slack", NOW, claim="a"), "slack", NOW + CLAIM, claim="b")
    assert outbox.not_sent(taken_over, "slack", "450", claim="a") == taken_over
    assert outbox.not_sent(taken_over, "slack", "no answer", unanswered=True, claim="a") == taken_over
    assert outbox.refused(taken_over, "slack", "404", claim="a") == taken_over
    assert outbox.is_sent(outbox.sent(taken_over, "slack", NOW, "Slack"), "slack")


def test_reopening_gives_new_tries_to_those_who_do_not_have_it_only() -> None:
    document = outbox.sent(outbox.claimed(fresh(), "email:ada", NOW), "email:ada", NOW, "e-mail to ada")
    for _ in range(outbox.MAX_TRIES):
        document = outbox.not_sent(outbox.claimed(document, "email:bob", NOW), "email:bob", "450")
    keys = ["email:ada", "email:bob"]
    document = outbox.settled(document, keys)
    assert document["status"] == outbox.FAILED
    assert list(outbox.losses(document)) == [("email:bob", "450; given up after 5 tries")]
    document = outbox.settled(outbox.reopened(document), keys)
    assert document["status"] == outbox.PENDING
    assert outbox.is_over(document, "email:ada") and not outbox.is_used_up(document, "email:bob")


def test_what_an_earlier_release_recorded_of_a_channel_holds_for_its_recipients() -> None:
    document = {**fresh(), "channels": {"email": {"status": "sent", "where": "e-mail to all", "tries": 1}}}
    assert outbox.is_sent(document, "email:ada")
    document = {**fresh(), "channels": {"email": {"status": "failed", "reason": "550", "tries": 1}}}
    assert outbox.is_over(document, "email:ada")
    assert not outbox.is_over(outbox.reopened(document), "email:ada")


def test_what_the_deployment_s_slack_got_says_nothing_of_an_organization_s_channel() -> None:
    document = outbox.sent(fresh(), outbox.unit("slack"), NOW, "Slack")
    assert not outbox.is_over(document, outbox.unit("slack", "ops"))


def test_recipients_have_names_for_people() -> None:
    assert outbox.in_words(outbox.unit("email", "ada@example.com")) == "email to ada@example.com"
    assert outbox.in_words(outbox.unit("slack")) == "slack"


def test_a_budget_s_channels_are_used_and_all_where_none_of_them_is_configured() -> None:
    assert outbox.chosen(fresh(("slack",)), ["email", "slack"]) == ["slack"]
    assert outbox.chosen(fresh(), ["email", "slack"]) == ["email", "slack"]
    assert outbox.chosen(fresh(("slack",)), ["outbox"]) == ["outbox"]


def test_an_organization_s_channels_come_before_the_deployment_s() -> None:
    own = {"ops": True, "board": False}
    assert outbox.chosen(fresh(), ["email"], own) == ["ops"]
    assert outbox.chosen(fresh(("board", "gone")), ["email"], own) == ["board"]
    assert outbox.chosen(fresh(("gone",)), ["email"], own) == ["ops"]
    assert outbox.chosen(fresh(("email", "ops")), ["email", "slack"], own) == ["ops", "email"]
    assert outbox.chosen(fresh(("gone",)), ["email"], {"board": False}) == ["email"]
