"""Channels of organizations: whose messages go where, once, and a webhook that nobody reads but the one send that needs it."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.domain import outbox
from common.domain.channels import InvalidChannel
from common.errors import AlreadyExists, BadConfiguration, CostError, NotFound, Permanent
from common.messages import AlertRaised
from common.ports import Notification, Runtime
from common.records import organizations
from common.records.channels import channel_of
from common.runtime import bootstrap
from common.tenancy import channels, credentials, data, reencrypting
from common.tenancy.channels import ChannelRequest
from costwire.worker import deliver_due, subscribe_all
from functions.send_notifications.main import send_notifications
from tests.integration.test_credentials import rt as both_runtimes  # noqa: F401 - a fixture
from tests.smtp_peer import SmtpPeer, smtp_peer
from tests.support import Laptop, laptop
from tests.webhook_peer import PLANTED, WebhookPeer, webhook_peer

ADA, BOB, FINOPS = "ada@example.com", "bob@example.com", "finops@example.com"
FACTS = {"type": "proof_failed", "title": "Totals differ", "lines": {}, "notes": []}
NOTE = Notification("id", "Subject", "Text")
HOOK = f"https://hooks.slack.com/services/{PLANTED}"


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
    """An installation with two organizations, whose own settings send mail to the operator."""
    with laptop(tmp_path / "home", **(mail.environment(FINOPS) | slack.environment)) as made:
        for slug in ("acme", "zeta"):
            add_organization(made, slug)
        subscribe_all(made)
        yield made


def add_organization(rt: Runtime, slug: str) -> None:
    organizations.add(rt.documents, rt.clock.now(), slug, slug, "Scale", organizations.ACTIVE)


def add_slack(
    rt: Runtime, name: str = "ops", url: str = HOOK, org: str = "acme", **more: Any
) -> channels.ChannelReport:
    return channels.add_channel(rt, ChannelRequest(org, name, url, requested_by="test", **more))


def add_email(rt: Runtime, name: str, *addresses: str, org: str = "acme", **more: Any) -> channels.ChannelReport:
    return channels.add_channel(rt, ChannelRequest(org, name, recipients=addresses, requested_by="test", **more))


def raised(rt: Laptop, *wanted: str, org: str = "acme", alert: str = "proof-x") -> dict[str, Any]:
    """What is recorded of a message that wants these channels, after one announcement of it."""
    path = f"orgs/{org}/notifications/{alert}_1"
    if rt.documents.get(path) is None:
        rt.documents.set(path, outbox.new_notification(alert, 1, "open", FACTS, rt.clock.now(), wanted))
    rt.bus.publish(AlertRaised(org, alert, "open"))
    deliver_due(rt, ["send_notifications"])
    return rt.documents.get(path) or {}


def fates(document: dict[str, Any]) -> dict[str, str]:
    return {key: entry["status"] for key, entry in document["channels"].items()}


def test_a_message_goes_to_the_channels_that_it_names_and_to_nobody_else(
    rt: Laptop, mail: SmtpPeer, slack: WebhookPeer
) -> None:
    add_slack(rt, "ops", slack.url())
    add_email(rt, "finance", ADA, BOB)
    add_email(rt, "board", "board@example.com")
    document = raised(rt, "ops", "finance")
    assert fates(document) == {"slack:ops": "sent", f"email:{ADA}": "sent", f"email:{BOB}": "sent"}
    assert document["channels"]["slack:ops"]["where"] == "Slack, channel ops"
    assert (slack.copies(), mail.asked) == (1, {ADA: 1, BOB: 1})


def test_what_names_no_channel_goes_to_the_defaults_of_its_own_organization(
    rt: Laptop, mail: SmtpPeer, slack: WebhookPeer
) -> None:
    add_slack(rt, "ops", slack.url(), is_default=False)
    add_email(rt, "finance", ADA)
    add_email(rt, "other", BOB, org="zeta")
    assert fates(raised(rt)) == {f"email:{ADA}": "sent"}
    assert (slack.copies(), mail.asked) == (0, {ADA: 1})


def test_an_organization_without_channels_is_served_by_the_settings_of_the_deployment(
    rt: Laptop, mail: SmtpPeer
) -> None:
    add_email(rt, "other", BOB, org="zeta")
    assert fates(raised(rt)) == {f"email:{FINOPS}": "sent"}
    assert fates(raised(rt, "email", alert="named")) == {f"email:{FINOPS}": "sent"}
    add_email(rt, "finance", ADA)
    assert fates(raised(rt, "email", "finance", alert="both")) == {f"email:{ADA}": "sent", f"email:{FINOPS}": "sent"}


def test_a_channel_that_is_gone_leaves_no_alert_unsent(rt: Laptop, mail: SmtpPeer) -> None:
    assert fates(raised(rt, "gone")) == {f"email:{FINOPS}": "sent"}
    add_email(rt, "finance", ADA)
    assert fates(raised(rt, "gone", alert="again")) == {f"email:{ADA}": "sent"}


def test_an_address_of_two_channels_gets_one_copy_and_a_repeat_none(rt: Laptop, mail: SmtpPeer) -> None:
    add_email(rt, "finance", ADA, BOB)
    add_email(rt, "board", ADA, FINOPS)
    for _ in range(3):
        raised(rt, "finance", "board", "email")
    assert mail.asked == {ADA: 1, BOB: 1, FINOPS: 1}


def test_a_channel_that_fails_is_tried_again_alone(rt: Laptop, mail: SmtpPeer, slack: WebhookPeer) -> None:
    add_slack(rt, "ops", slack.url())
    add_slack(rt, "data", slack.url("T1/B1/other"))
    add_email(rt, "finance", ADA)
    slack.status = 503
    document = raised(rt)
    assert fates(document) == {"slack:ops": "pending", "slack:data": "pending", f"email:{ADA}": "sent"}
    slack.status = 200
    rt.clock.sleep(3600)
    assert raised(rt)["status"] == outbox.SENT
    assert (slack.copies(), slack.copies("T1/B1/other"), mail.asked) == (2, 2, {ADA: 1})  # 503 was the first of each


def test_what_the_deployment_s_slack_has_is_not_what_a_channel_has(tmp_path: Path, slack: WebhookPeer) -> None:
    settings = {**slack.environment, "slack_webhook_url": slack.url("T2/B2/operator")}
    with laptop(tmp_path / "home", **settings) as rt:
        add_organization(rt, "acme")
        subscribe_all(rt)
        add_slack(rt, "ops", slack.url())
        assert fates(raised(rt, "slack", "ops")) == {"slack": "sent", "slack:ops": "sent"}
        assert (slack.copies(), slack.copies("T2/B2/operator")) == (1, 1)


def everything(rt: Laptop) -> str:
    """All documents and files of an installation but the key, as text that a leaked secret would be found in."""
    texts = [path.read_bytes().decode("utf-8", "replace") for path in rt.home.rglob("*") if path.is_file()]
    found = [
        json.dumps(document)
        for slug in ("acme", "zeta")
        for collection in data.COLLECTIONS
        for _, document in rt.documents.list(f"orgs/{slug}/{collection}")
    ]
    decoded = [
        base64.b64decode(json.loads(one)["ciphertext"]).decode("latin-1") for one in found if "ciphertext" in one
    ]
    return "\n".join(texts + found + decoded)


@pytest.mark.parametrize("status", [200, 302, 307, 403, 404, 429, 500, 502])
def test_a_webhook_is_in_no_document_message_log_or_error(
    rt: Laptop, slack: WebhookPeer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    slack.status, slack.headers = status, {"Location": slack.url("elsewhere"), "X-Seen": PLANTED}
    with caplog.at_level(logging.DEBUG):
        report = add_slack(rt, "ops", slack.url())
        document = raised(rt)
    assert slack.copies() == 1
    reasons = [letter.reason for letter in rt.bus.dead_letters()]
    said = "\n".join([everything(rt), caplog.text, str(document), str(report), repr(report.as_json()), *reasons])
    assert "planted" not in said.lower()
    assert slack.copies("elsewhere") == 0  # a redirect is not followed


def test_a_webhook_that_is_away_is_in_no_error(rt: Laptop) -> None:
    with webhook_peer() as gone:
        url = gone.url()
    settings = rt.settings.model_copy(update={"slack_hosts": f"127.0.0.1:{gone.port}"})
    rt.__dict__["settings"] = settings
    add_slack(rt, "ops", url)
    document = raised(rt)
    assert "cannot be reached" in document["channels"]["slack:ops"]["reason"]
    assert "planted" not in everything(rt).lower()


def test_a_webhook_opens_for_its_own_organization_and_channel_only(both_runtimes: Runtime) -> None:  # noqa: F811
    rt = both_runtimes
    for slug in ("acme", "zeta"):
        add_organization(rt, slug)
    report = add_slack(rt)
    document = rt.documents.get("orgs/acme/channels/ops")
    assert document is not None and "planted" not in json.dumps(document)
    assert (report.endpoint, document["fingerprint"]) == ("hooks.slack.com", report.fingerprint)
    assert channels.load_webhook(rt.documents, rt.keys, "acme", "ops") == HOOK
    for org, name in (("zeta", "ops"), ("acme", "other")):
        rt.documents.set(f"orgs/{org}/channels/{name}", {**document, "channel_id": name})
        with pytest.raises(BadConfiguration, match=f"webhook of channel {name} cannot be decrypted") as caught:
            channels.load_webhook(rt.documents, rt.keys, org, name)
        assert "planted" not in str(caught.value)
        with pytest.raises(BadConfiguration, match="cannot be decrypted"):
            rt.notifier(channel_of(org, {**document, "channel_id": name})).send(NOTE, name)


def test_the_function_sends_to_channels_on_either_runtime(
    both_runtimes: Runtime,  # noqa: F811
    mail: SmtpPeer,
    slack: WebhookPeer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rt: Any = both_runtimes
    settings = mail.environment(FINOPS) | slack.environment
    rt.__dict__["settings"] = rt.settings.model_copy(update=settings)
    add_organization(rt, "acme")
    add_slack(rt, "ops", slack.url())
    add_email(rt, "finance", ADA)
    with caplog.at_level(logging.DEBUG):
        rt.documents.set(
            "orgs/acme/notifications/proof-x_1",
            outbox.new_notification("proof-x", 1, "open", FACTS, rt.clock.now(), ("ops", "finance")),
        )
        for _ in range(2):
            send_notifications(AlertRaised("acme", "proof-x", "open"))
    document = rt.documents.get("orgs/acme/notifications/proof-x_1")
    assert (slack.copies(), mail.asked, document["status"]) == (1, {ADA: 1}, outbox.SENT)
    assert "planted" not in (caplog.text + str(document)).lower()


def test_a_webhook_and_a_credential_do_not_open_as_each_other(both_runtimes: Runtime) -> None:  # noqa: F811
    rt = both_runtimes
    add_organization(rt, "acme")
    add_slack(rt, "main")
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), "acme", "main", "aws", b"https://hooks.slack.com/x", "test")
    webhook = rt.documents.get("orgs/acme/channels/main") or {}
    credential = rt.sealed.get("orgs/acme/credentials/main") or {}
    rt.sealed.set("orgs/acme/credentials/main", {**credential, "ciphertext": webhook["ciphertext"]})
    rt.documents.set("orgs/acme/channels/main", {**webhook, "ciphertext": credential["ciphertext"]})
    with pytest.raises(CostError, match="Failed to decrypt credentials"):
        credentials.load(rt.sealed, rt.keys, "acme", "main")
    with pytest.raises(BadConfiguration, match="cannot be decrypted"):
        channels.load_webhook(rt.documents, rt.keys, "acme", "main")


def test_a_rotation_and_a_reencryption_cover_webhooks(both_runtimes: Runtime) -> None:  # noqa: F811
    rt = both_runtimes
    add_organization(rt, "acme")
    add_slack(rt)
    add_email(rt, "finance", ADA)
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), "acme", "main", "aws", b"x", "test")
    version = rt.keys.rotate()
    outcome = reencrypting.reencrypt_stored(rt)
    assert (outcome.key_version, outcome.anew, outcome.left, outcome.failed) == (version, 2, 0, {})
    document = rt.documents.get("orgs/acme/channels/ops") or {}
    assert document["key_version"] == version
    assert channels.load_webhook(rt.documents, rt.keys, "acme", "ops") == HOOK
    rt.documents.set("orgs/acme/channels/ops", {**document, "ciphertext": "AAAA", "key_version": "0"})
    assert list(reencrypting.reencrypt_stored(rt).failed) == ["acme/channels/ops"]


def test_removing_a_tenant_removes_its_channels_and_no_other_s(rt: Laptop) -> None:
    for org in ("acme", "zeta"):
        add_email(rt, "finance", ADA, org=org)
    data.remove(rt, "acme")
    assert rt.documents.list("orgs/acme/channels") == []
    assert len(rt.documents.list("orgs/zeta/channels")) == 1


def test_a_channel_is_replaced_only_on_request_and_by_its_own_kind(rt: Laptop, slack: WebhookPeer) -> None:
    first = add_slack(rt, "ops", slack.url(), is_default=False)
    with pytest.raises(AlreadyExists, match="channel ops already exists; --replace"):
        add_slack(rt, "ops", slack.url("T9/B9/new"))
    with pytest.raises(AlreadyExists, match="is of kind slack"):
        add_email(rt, "ops", ADA, replaces=True)
    second = add_slack(rt, "ops", slack.url("T9/B9/new"), replaces=True)
    assert (second.created_at, second.is_default) == (first.created_at, False)
    assert second.fingerprint != first.fingerprint
    raised(rt, "ops")
    assert (slack.copies(), slack.copies("T9/B9/new")) == (0, 1)


def test_one_webhook_under_two_names_would_post_twice_and_is_refused(rt: Laptop, slack: WebhookPeer) -> None:
    add_slack(rt, "ops", slack.url())
    with pytest.raises(AlreadyExists, match="channel ops has this webhook"):
        add_slack(rt, "data", slack.url())
    add_slack(rt, "ops", slack.url(), org="zeta")  # another organization may have it


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"https://evil.example/{PLANTED}", "host is evil.example, expected one of 127.0.0.1:"),
        (HOOK, "host is hooks.slack.com"),
        (f"hooks.slack.com/{PLANTED}", "not a valid web address"),
    ],
)
def test_a_webhook_elsewhere_is_refused_before_it_is_stored(rt: Laptop, url: str, said: str) -> None:
    with pytest.raises((BadConfiguration, InvalidChannel), match=said) as caught:
        add_slack(rt, "ops", url)
    assert "planted" not in str(caught.value).lower()
    assert rt.documents.list("orgs/acme/channels") == []


def test_a_host_that_an_operator_no_longer_allows_gets_nothing(rt: Laptop, slack: WebhookPeer) -> None:
    add_slack(rt, "ops", slack.url())
    rt.__dict__["settings"] = rt.settings.model_copy(update={"slack_hosts": "hooks.slack.com"})
    document = raised(rt)
    assert "channel ops: the webhook's host is 127.0.0.1:" in document["channels"]["slack:ops"]["reason"]
    assert slack.posted == []


def test_without_the_operator_s_leave_nothing_is_posted_over_http_or_into_a_private_network(
    rt: Laptop, slack: WebhookPeer
) -> None:
    add_slack(rt, "ops", slack.url())
    rt.__dict__["settings"] = rt.settings.model_copy(update={"allow_private_channels": False})
    assert "expected https://" in raised(rt)["channels"]["slack:ops"]["reason"]
    # a name on the list that leads to this machine: what is connected is what counts
    secure = slack.url("T3/B3/planted").replace("http://127.0.0.1", "https://localhost")
    hosts = f"127.0.0.1:{slack.port},localhost:{slack.port}"
    rt.__dict__["settings"] = rt.settings.model_copy(update={"slack_hosts": hosts})
    add_slack(rt, "local", secure)
    document = raised(rt, "local", alert="local")
    assert "leads to a private address" in document["channels"]["slack:local"]["reason"]
    assert slack.posted == []


def test_mail_of_an_organization_needs_a_mail_server_and_tls(rt: Laptop, mail: SmtpPeer) -> None:
    add_email(rt, "finance", ADA)
    settings = rt.settings
    rt.__dict__["settings"] = settings.model_copy(update={"allow_private_channels": False})
    assert "is not encrypted" in raised(rt)["channels"][f"email:{ADA}"]["reason"]
    rt.__dict__["settings"] = settings.model_copy(update={"smtp_host": None})
    rt.__dict__.pop("notifiers", None)
    reason = raised(rt, alert="second")["channels"][f"email:{ADA}"]["reason"]
    assert "has no mail server" in reason and ADA not in reason
    assert mail.asked == {}


def test_an_address_with_a_header_in_it_is_not_stored(rt: Laptop) -> None:
    with pytest.raises(InvalidChannel, match="expected one such as"):
        add_email(rt, "finance", "ada@example.com\r\nBcc: eve@example.com")


def test_a_channel_that_budgets_name_is_removed_by_force_only(rt: Laptop) -> None:
    add_email(rt, "finance", ADA)
    rt.documents.set("orgs/acme/budgets/b1", {"name": "Platform", "channels": ["finance"]})
    assert channels.list_channels(rt, "acme")[0].budgets == ("Platform",)
    with pytest.raises(BadConfiguration, match="named by budget Platform; first costwire budgets set BUDGET --notify"):
        channels.remove_channel(rt, "acme", "finance")
    assert channels.remove_channel(rt, "acme", "finance", force=True).budgets == ("Platform",)
    with pytest.raises(NotFound, match="there is no channel finance"):
        channels.remove_channel(rt, "acme", "finance")


def test_a_channel_that_is_removed_while_its_message_waits_is_a_reason_not_a_crash(rt: Laptop) -> None:
    add_slack(rt, "ops", f"http://127.0.0.1:{rt.settings.slack_hosts.rpartition(':')[2]}/x")
    notifier = bootstrap.runtime().notifier(channel_of("acme", rt.documents.get("orgs/acme/channels/ops") or {}))
    channels.remove_channel(rt, "acme", "ops")
    with pytest.raises(Permanent, match="there is no channel ops"):
        notifier.send(NOTE, "ops")
