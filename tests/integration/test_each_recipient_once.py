"""Each recipient gets each message once, whatever the server answers and however often the message is announced or repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from common.domain import outbox
from common.messages import AlertRaised, BudgetCheckRequested
from costwire import alerts, budgets, cli
from costwire.worker import Outcome, work
from tests.smtp_peer import DROP, SmtpPeer, smtp_peer
from tests.support import Laptop, cur_line, cur_text, laptop

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def peer() -> Iterator[SmtpPeer]:
    with smtp_peer() as made:
        yield made


@pytest.fixture
def rt(tmp_path: Path, peer: SmtpPeer) -> Iterator[Laptop]:
    """A laptop that mails two people, with a bill that breaks a budget; nothing has been sent."""
    with laptop(tmp_path / "home", **peer.environment(ADA, BOB)) as made:
        bill = tmp_path / "bill.csv"
        bill.write_text(cur_text([cur_line(1, "90")]))
        made.bring(bill)
        yield made


def add_budget(rt: Laptop) -> None:
    words = ["add", "cloud", "--amount", "100", "--currency", "USD", "--threshold", "80"]
    assert CliRunner().invoke(budgets.app, words).exit_code == 0
    list(work(rt, rt.clock.sleep))


def check_budgets(rt: Laptop, number: int) -> list[Outcome]:
    rt.bus.publish(BudgetCheckRequested(f"check-{number}", "default"))
    return list(work(rt, rt.clock.sleep))


def announce_again(rt: Laptop) -> None:
    """What a redelivery, a new alert-raised of the same alert and two budget checks do."""
    ((_, document),) = rt.documents.list("orgs/default/notifications")
    for number in range(2):
        rt.bus.publish(AlertRaised("default", document["alert_id"], "open"))
        check_budgets(rt, number)


def recorded(rt: Laptop) -> dict[str, Any]:
    ((_, document),) = rt.documents.list("orgs/default/notifications")
    return document


@pytest.mark.parametrize("answer", ["421 4.3.2 closing", "500 what?", "554 no", DROP])
def test_what_the_server_says_to_quit_undoes_no_acceptance(rt: Laptop, peer: SmtpPeer, answer: str) -> None:
    peer.quit = answer
    add_budget(rt)
    announce_again(rt)
    assert (peer.copies(ADA), peer.copies(BOB)) == (1, 1)
    assert recorded(rt)["status"] == outbox.SENT
    assert not rt.bus.dead_letters()


def test_a_recipient_that_is_refused_for_now_is_tried_again_and_nobody_else(rt: Laptop, peer: SmtpPeer) -> None:
    peer.rcpt[BOB] = "450 4.2.0 greylisted, come back"
    assert (
        CliRunner()
        .invoke(budgets.app, ["add", "cloud", "--amount", "100", "--currency", "USD", "--threshold", "80"])
        .output.count("Alert not sent yet by email to bob@example.com: mail server")
    )
    peer.rcpt.clear()
    list(work(rt, rt.clock.sleep))
    assert (peer.copies(ADA), peer.copies(BOB)) == (1, 1)
    assert recorded(rt)["status"] == outbox.SENT


def test_tries_belong_to_the_notification_and_a_replay_alone_gives_new_ones(rt: Laptop, peer: SmtpPeer) -> None:
    peer.rcpt[BOB] = "450 4.2.0 come back"
    add_budget(rt)
    assert peer.asked[BOB] == outbox.MAX_TRIES
    announce_again(rt)
    assert peer.asked == {ADA: 1, BOB: outbox.MAX_TRIES}
    assert len(rt.bus.dead_letters()) == 1
    listed = " ".join(CliRunner().invoke(alerts.app, ["list"]).output.split())
    assert "not sent by email to bob@example.com: mail server" in listed and "given up after 5 tries" in listed
    examined = CliRunner().invoke(cli.app, ["doctor"])
    assert examined.exit_code == 1 and "email to bob@example.com" in " ".join(examined.output.split())

    peer.rcpt.clear()
    replayed = CliRunner().invoke(cli.app, ["replay", "--json"])
    assert json.loads(replayed.output) == {"replayed": 1, "notifications": 1, "failed": []}
    assert (peer.copies(ADA), peer.copies(BOB)) == (1, 1)
    assert recorded(rt)["status"] == outbox.SENT
    assert CliRunner().invoke(cli.app, ["doctor"]).exit_code == 0
    assert "there is nothing to replay" in CliRunner().invoke(cli.app, ["replay"]).output


def test_a_recipient_that_is_refused_for_good_is_told_of_and_left_alone(rt: Laptop, peer: SmtpPeer) -> None:
    peer.rcpt[BOB] = "550 5.1.1 nobody here"
    words = ["add", "cloud", "--amount", "100", "--currency", "USD", "--threshold", "80"]
    said = " ".join(CliRunner().invoke(budgets.app, words).output.split())
    assert "Alert sent: e-mail to ada@example.com" in said
    assert "Alert not sent by email to bob@example.com: mail server" in said and "costwire replay" in said
    announce_again(rt)
    assert peer.asked == {ADA: 1, BOB: 1}
    (letter,) = rt.bus.dead_letters()
    assert "550" in letter.reason and BOB not in letter.reason


def test_a_lost_answer_to_a_whole_message_costs_one_more_copy_at_most(rt: Laptop, peer: SmtpPeer) -> None:
    peer.data_end = DROP
    add_budget(rt)
    announce_again(rt)
    assert (peer.copies(ADA), peer.copies(BOB)) == (2, 2)
    assert "it may have arrived" in recorded(rt)["channels"][outbox.unit("email", ADA)]["reason"]
    first, second = (message for recipient, message in peer.accepted if recipient == ADA)
    assert first["Message-ID"] == second["Message-ID"]


def test_each_recipient_sees_only_their_own_address_and_has_a_message_of_their_own(rt: Laptop, peer: SmtpPeer) -> None:
    add_budget(rt)
    messages = dict(peer.accepted)
    assert {address: message["To"] for address, message in messages.items()} == {ADA: ADA, BOB: BOB}
    assert BOB not in messages[ADA].as_string() and ADA not in messages[BOB].as_string()
    assert len({message["Message-ID"] for message in messages.values()}) == 2


def test_what_an_earlier_release_sent_to_all_is_not_sent_to_each_again(rt: Laptop, peer: SmtpPeer) -> None:
    facts = {"type": "proof_failed", "title": "Totals differ", "lines": {}, "notes": []}
    made = outbox.new_notification("proof-x", 1, "open", facts, rt.clock.now())
    channels = {"email": {"status": outbox.SENT, "where": "e-mail to all", "tries": 1}}
    rt.documents.set("orgs/default/notifications/proof-x_1", {**made, "channels": channels})
    rt.bus.publish(AlertRaised("default", "proof-x", "open"))
    list(work(rt, rt.clock.sleep))
    assert not peer.accepted


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[tuple[Laptop, dict[str, Any]]]:
    """A laptop whose Slack does as `state["fate"]` says: an HTTP status, or `lost`, or `cut` after a 200."""
    state: dict[str, Any] = {"posts": 0, "fate": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            state["posts"] += 1
            if state["fate"] == "lost":
                self.close_connection = True
                return
            self.send_response(200 if state["fate"] == "cut" else state["fate"])
            self.send_header("Content-Length", "100" if state["fate"] == "cut" else "0")
            self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/services/T/B/secret"
        try:
            with laptop(tmp_path / "slack", slack_webhook_url=url) as made:
                bill = tmp_path / "slack.csv"
                bill.write_text(cur_text([cur_line(1, "90")]))
                made.bring(bill)
                yield made, state
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("fate", "posts", "status"),
    [
        (200, 1, outbox.SENT),
        ("cut", 1, outbox.SENT),
        ("lost", outbox.MAX_UNANSWERED, outbox.FAILED),
        (504, outbox.MAX_UNANSWERED, outbox.FAILED),
        (503, outbox.MAX_TRIES, outbox.FAILED),
        (404, 1, outbox.FAILED),
    ],
)
def test_slack_keeps_the_same_rules(slack: tuple[Laptop, dict[str, Any]], fate: Any, posts: int, status: str) -> None:
    rt, state = slack
    state["fate"] = fate
    add_budget(rt)
    announce_again(rt)
    assert (state["posts"], recorded(rt)["status"]) == (posts, status)
