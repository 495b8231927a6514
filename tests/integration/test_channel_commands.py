"""`costwire channels`: a webhook comes from a file or standard input and is never shown; a test goes the way of alerts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.domain import outbox
from common.records import organizations
from common.tenancy import channels
from costwire import cli
from tests.smtp_peer import SmtpPeer, smtp_peer
from tests.support import Laptop, cur_line, cur_text, laptop
from tests.webhook_peer import PLANTED, WebhookPeer, webhook_peer

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def mail() -> Iterator[SmtpPeer]:
    with smtp_peer() as made:
        yield made


@pytest.fixture
def slack() -> Iterator[WebhookPeer]:
    with webhook_peer() as made:
        yield made


@pytest.fixture
def rt(tmp_path: Path, mail: SmtpPeer, slack: WebhookPeer) -> Iterator[Laptop]:
    settings = mail.environment("finops@example.com") | slack.environment
    with laptop(tmp_path / "home", **settings) as made:
        organizations.add(made.documents, made.clock.now(), "acme", "acme", "Scale", organizations.ACTIVE)
        yield made


class Terminal:
    """What the command line prints, line by line as it is typed; `said` is all of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._monkeypatch, self._capsys, self._folder = monkeypatch, capsys, folder
        self.said = ""

    def __call__(self, *words: str, typed: str = "", status: int = 0) -> str:
        stdin = self._folder / "stdin"
        stdin.write_text(typed)
        self._monkeypatch.setattr("sys.argv", ["costwire", *words])
        with stdin.open() as opened, pytest.raises(SystemExit) as ended:
            self._monkeypatch.setattr("sys.stdin", opened)
            cli.main()
        out, err = self._capsys.readouterr()
        self.said += out + err
        assert int(ended.value.code or 0) == status, out + err
        return " ".join((out if status == 0 else out + err).split())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Terminal:
    return Terminal(monkeypatch, capsys, tmp_path)


def test_a_channel_s_whole_life_shows_no_webhook(
    rt: Laptop, run: Terminal, slack: WebhookPeer, mail: SmtpPeer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        said = run("channels", "add", "ops", "--slack", "--org", "acme", typed=slack.url() + "\n")
        assert f"Channel ops is stored: Slack at 127.0.0.1:{slack.port}, webhook " in said
        assert "next: costwire channels test ops --org acme" in said
        file = tmp_path / "webhook.txt"
        file.write_text(slack.url("T9/B9/plantedtoo"))
        run("channels", "add", "data", "--slack", "--webhook", str(file), "--no-default", "--org", "acme")
        run("channels", "add", "finance", "--email", ADA, "--email", BOB, "--org", "acme")
        assert run("channels", "test", "ops", "--org", "acme") == "sent: Slack, channel ops"
        sent = json.loads(run("channels", "test", "finance", "--org", "acme", "--json"))
        assert [one["where"] for one in sent] == [f"e-mail to {ADA}", f"e-mail to {BOB}"]
        listed = json.loads(run("channels", "list", "--org", "acme", "--json"))
        assert {one["name"]: (one["kind"], one["is_default"]) for one in listed} == {
            "data": ("slack", False), "finance": ("email", True), "ops": ("slack", True),
        }  # fmt: skip
        assert "finance e-mail to ada@example.com" in run("channels", "list", "--org", "acme")
        run("channels", "remove", "ops", "--org", "acme")
        run("channels", "remove", "ops", "--org", "acme", status=1)
    assert slack.copies() == 1 and mail.asked == {ADA: 1, BOB: 1}
    assert "planted" not in (run.said + caplog.text).lower()
    assert rt.documents.list("orgs/acme/notifications") == []


@pytest.mark.parametrize(
    "words",
    [
        ["ops", "--slack", f"https://hooks.slack.com/services/{PLANTED}"],
        ["ops", "--slack", "--webhook", f"https://hooks.slack.com/services/{PLANTED}"],
        [f"https://hooks.slack.com/services/{PLANTED}", "--slack"],
        ["ops", f"--slack=https://hooks.slack.com/services/{PLANTED}"],
        ["ops", "--email", f"https://hooks.slack.com/services/{PLANTED}"],
    ],
)
def test_a_webhook_on_the_command_line_is_refused_and_not_repeated(rt: Laptop, run: Terminal, words: list[str]) -> None:
    run("channels", "add", *words, "--org", "acme", status=2)
    assert "planted" not in run.said.lower()
    assert rt.documents.list("orgs/acme/channels") == []


@pytest.mark.parametrize(
    ("words", "typed", "status", "said"),
    [
        (["--slack", "--email", ADA], "", 2, "give --slack, or --email ADDRESS"),
        ([], "", 2, "give --slack, or --email ADDRESS"),
        (["--slack"], "", 2, "not a valid web address"),
        (["--slack"], f"https://evil.example/{PLANTED}", 1, "the webhook's host is evil.example"),
        (["--slack", "--webhook", "none.txt"], "", 1, "none.txt does not exist"),
        (["--email", "ada"], "", 2, "address is 'ada', expected one such as ada@example.com"),
    ],
)
def test_what_makes_no_channel_is_one_line(
    rt: Laptop, run: Terminal, words: list[str], typed: str, status: int, said: str
) -> None:
    assert said in " ".join(run("channels", "add", "ops", *words, "--org", "acme", typed=typed, status=status).split())
    assert "planted" not in run.said.lower() and rt.documents.list("orgs/acme/channels") == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_test_that_fails_says_why_at_once_and_leaves_nothing(
    rt: Laptop, run: Terminal, slack: WebhookPeer, status: int
) -> None:
    run("channels", "add", "ops", "--slack", "--org", "acme", typed=slack.url())
    slack.status = status
    said = run("channels", "test", "ops", "--org", "acme", status=1)
    assert f"not sent by slack to ops: Slack {'refused the message (404)' if status == 404 else 'answered 503'}" in said
    assert "channel ops: 1 of 1 recipients did not get the test message" in said
    assert len(slack.posted) == 1  # it is tried once
    assert rt.documents.list("orgs/acme/notifications") == []
    assert rt.bus.dead_letters() == [] and rt.bus.pending() == 0


def test_a_test_that_a_killed_command_left_is_nobody_s_lost_alert(
    rt: Laptop, run: Terminal, slack: WebhookPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("channels", "add", "ops", "--slack", "--org", "acme", typed=slack.url())
    slack.status = 404
    monkeypatch.setattr("common.alerts.trying.end_trial", lambda *_: None)
    run("channels", "test", "ops", "--org", "acme", status=1)
    ((_, left),) = rt.documents.list("orgs/acme/notifications")
    assert left["status"] == outbox.FAILED
    assert "not sent by" not in run("doctor", "--org", "acme")
    assert "there is nothing to replay" in run("replay", "--org", "acme")
    assert len(slack.posted) == 1


def test_an_unknown_channel_is_answered_with_the_nearest(rt: Laptop, run: Terminal) -> None:
    run("channels", "add", "finance", "--email", ADA, "--org", "acme")
    said = run("channels", "test", "finanse", "--org", "acme", status=1)
    assert "there is no channel finanse; costwire channels list shows them; did you mean 'finance'?" in said


def test_reencrypting_from_the_command_line_counts_webhooks(rt: Laptop, run: Terminal, slack: WebhookPeer) -> None:
    run("channels", "add", "ops", "--slack", "--org", "acme", typed=slack.url())
    run("keys", "rotate")
    assert "1 re-encrypted" in run("keys", "reencrypt")
    assert channels.load_webhook(rt.documents, rt.keys, "acme", "ops") == slack.url()


BUDGET = ["--amount", "100", "--currency", "USD", "--threshold", "80"]


def breaking_bill(rt: Laptop, tmp_path: Path) -> None:
    """A bill of the organization `default` that breaks a budget of 100."""
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "90")]))
    rt.bring(bill)


def test_a_budget_s_alert_goes_to_the_channels_that_it_names(
    rt: Laptop, run: Terminal, slack: WebhookPeer, mail: SmtpPeer, tmp_path: Path
) -> None:
    breaking_bill(rt, tmp_path)
    run("channels", "add", "ops", "--slack", typed=slack.url())
    run("channels", "add", "finance", "--email", ADA)
    run("channels", "add", "board", "--email", BOB)
    said = run("budgets", "add", "cloud", *BUDGET, "--notify", "finance", "--notify", "ops", "--notify", "finance")
    assert "Alert sent: e-mail to ada@example.com" in said and "Alert sent: Slack, channel ops" in said
    assert (slack.copies(), mail.asked) == (1, {ADA: 1})
    assert "cloud notifies finance, ops" in run("budgets", "list")
    (listed,) = json.loads(run("budgets", "list", "--json"))
    assert listed["channels"] == ["finance", "ops"]
    refused = run("channels", "remove", "ops", status=1)
    assert "channel ops is named by budget cloud" in refused and "--force" in refused
    run("budgets", "set", "cloud", "--notify", "")
    assert "notifies" not in run("budgets", "list")
    run("channels", "remove", "ops")


def test_a_budget_with_a_channel_that_does_not_exist_is_refused(rt: Laptop, run: Terminal) -> None:
    run("channels", "add", "finance", "--email", ADA)
    said = run("budgets", "add", "cloud", *BUDGET, "--notify", "finanse", status=1)
    assert "there is no channel finanse; costwire channels add finanse --slack or --email ADDRESS creates it" in said
    assert "did you mean 'finance'?" in said and rt.documents.list("orgs/default/budgets") == []
    run("budgets", "add", "cloud", *BUDGET, "--notify", "finance")
    assert "there is no channel ops" in run("budgets", "set", "cloud", "--notify", "ops", status=1)
    url = f"https://hooks.slack.com/services/{PLANTED}"
    for words, status in (
        (("budgets", "set", "cloud", "--notify"), 1),
        (("budgets", "add", "other", *BUDGET, "--notify"), 2),
        (("channels", "test"), 1),
        (("channels", "remove"), 1),
    ):
        assert "channel is a web address, expected a name" in run(*words, url, status=status)
    assert "planted" not in run.said.lower()
    (listed,) = json.loads(run("budgets", "list", "--json"))
    assert listed["channels"] == ["finance"]


DECLARED = '[[budgets]]\norg = "acme"\nname = "Cloud"\namount = 100\ncurrency = "USD"\n'


def test_a_file_names_channels_and_is_refused_where_one_does_not_exist(
    rt: Laptop, run: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "costwire.toml"
    file.write_text(DECLARED + 'channels = ["finance", "email"]\n')
    words = ["apply", "-f", str(file), "--yes"]
    said = run(*words, status=1)
    assert "refused budget Cloud of acme" in said and 'channels: nothing -> ["email", "finance"] (not possible)' in said
    assert "there is no channel finance; costwire channels add finance --slack or --email ADDRESS --org acme" in said
    assert "nothing was applied" in said and rt.documents.list("orgs/acme/budgets") == []
    run("channels", "add", "finance", "--email", ADA, "--org", "acme")
    assert "Applied: 1 of 1 changes." in run(*words)
    ((_, document),) = rt.documents.list("orgs/acme/budgets")
    assert document["channels"] == ["finance", "email"]
    run("channels", "remove", "finance", "--force", "--org", "acme")
    assert "there is no channel finance; its alerts go to the default channels" in run(*words)
    file.write_text(DECLARED.replace("100", "200") + 'channels = ["finance", "email"]\n')
    assert 'channels cannot be ["email", "finance"]: there is no channel finance' in run(*words, status=1)
    file.write_text(DECLARED.replace("acme", "new_org") + 'channels = ["finance"]\n')
    file.write_text('[[organizations]]\nslug = "new_org"\nname = "New"\nplan = "Starter"\n' + file.read_text())
    assert "first costwire tenants add NAME --slug new_org" in run(*words, status=1)


def test_an_alert_shows_who_got_which_message(
    rt: Laptop, run: Terminal, slack: WebhookPeer, mail: SmtpPeer, tmp_path: Path
) -> None:
    breaking_bill(rt, tmp_path)
    run("channels", "add", "ops", "--slack", typed=slack.url())
    run("channels", "add", "finance", "--email", ADA)
    mail.rcpt[ADA] = "550 5.1.1 nobody here"
    run("budgets", "add", "cloud", *BUDGET)
    (alert,) = json.loads(run("alerts", "list", "--json"))
    said = run("alerts", "show", alert["alert_id"][:5])
    assert f"{alert['alert_id']}: open, cloud, spend 90.00 USD" in said and "UTC open" in said
    assert "message sent: Slack, channel ops" in said
    assert "message not sent by email to ada@example.com: mail server" in said
    shown = json.loads(run("alerts", "show", alert["alert_id"], "--json"))
    assert {one["recipient"]: one["fate"] for one in shown["messages"]} == {
        "slack to ops": "sent",
        "email to ada@example.com": "lost",
    }
    assert "there is no alert nothing" in run("alerts", "show", "nothing", status=1)


def test_doctor_names_a_channel_that_nothing_can_be_sent_to(rt: Laptop, run: Terminal, slack: WebhookPeer) -> None:
    run("channels", "add", "ops", "--slack", typed=slack.url())
    run("channels", "add", "finance", "--email", ADA)
    run("budgets", "add", "cloud", *BUDGET, "--notify", "finance")
    found = {one["what"]: one for one in json.loads(run("doctor", "--json"))}
    assert found["channel ops"]["found"] == f"Slack at 127.0.0.1:{slack.port}" and found["channel ops"]["well"]
    assert found["channel finance"]["well"] and "budget cloud" not in found
    run("channels", "remove", "finance", "--force")
    run("channels", "add", "board", "--email", BOB)
    rt.__dict__["settings"] = rt.settings.model_copy(update={"slack_hosts": "hooks.slack.com", "smtp_host": None})
    found = {one["what"]: one for one in json.loads(run("doctor", "--json", status=1))}
    assert not found["channel ops"]["well"] and "COSTWIRE_SLACK_HOSTS" in found["channel ops"]["found"]
    assert not found["channel board"]["well"] and "no mail server" in found["channel board"]["found"]
    assert "names channels that do not exist (finance)" in found["budget cloud"]["found"]
    assert "costwire channels add finance" in found["budget cloud"]["fix"]
