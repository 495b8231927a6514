"""Every channel against a real listener on loopback: what arrives, and what an unhappy listener is turned into."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from PIL import Image

from common.adapters.notifiers import configured
from common.adapters.notifiers.outbox_folder import OutboxFolderNotifier, file_name
from common.adapters.notifiers.picture import SIZE
from common.adapters.notifiers.slack import SlackNotifier, SlackSettings
from common.adapters.notifiers.smtp import SmtpNotifier, SmtpSettings
from common.config import Settings
from common.errors import BadConfiguration, Permanent, Retryable, Unanswered
from common.ports import DailyChart, Notification
from tests.smtp_peer import DROP, smtp_peer

NOTE = Notification(
    notification_id="default-platform-1a2b-2026-11-actual-80_1",
    subject='[Costwire] Cloud budget "Plattform Süd" at 83 % (8,300.00 of 10,000.00 USD)',
    text="Spend: 8,300.00 USD\n",
    html="<!DOCTYPE html><html><body><p>Spend: 8,300.00 USD</p></body></html>",
    blocks=({"type": "header", "text": {"type": "plain_text", "text": "Budget"}},),
)
PASSWORD = "correct horse"
ADA, FINOPS = "ada@example.com", "finops@example.com"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Mailbox:
    """An SMTP handler that keeps what arrives and answers as it is told."""

    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    data_answer: str = "250 OK"
    refused: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data_answer.startswith("250"):
            parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            self.messages.append(parsed)
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return self.data_answer


@dataclass
class MailServer:
    mailbox: Mailbox
    port: int

    def settings(self, **values: Any) -> SmtpSettings:
        known: dict[str, Any] = {
            "host": "127.0.0.1", "port": self.port, "starttls": False, "sender": "Costwire <alerts@example.com>",
            "recipients": ("ada@example.com", "finops@example.com"), "timeout_seconds": 5,
        }  # fmt: skip
        return SmtpSettings(**known | values)


def check_login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    mailbox, port = Mailbox(), free_port()
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=check_login,
        auth_require_tls=False,
        enable_SMTPUTF8=True,
    )
    controller.start()
    try:
        yield MailServer(mailbox, port)
    finally:
        controller.stop()


def test_an_e_mail_arrives_in_plain_text_and_html_for_one_recipient(mail: MailServer) -> None:
    where = SmtpNotifier(mail.settings()).send(NOTE, ADA)
    (message,) = mail.mailbox.messages
    assert message["Subject"] == NOTE.subject
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", message["Message-ID"])
    assert message["To"] == ADA
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None and plain.get_content().replace("\r\n", "\n") == NOTE.text
    assert html is not None and "<p>Spend: 8,300.00 USD</p>" in html.get_content()
    assert mail.mailbox.envelopes == [("alerts@example.com", [ADA])]
    assert where == "e-mail to ada@example.com"


def test_a_chart_is_a_picture_beside_the_html_that_shows_it(mail: MailServer) -> None:
    chart = DailyChart("Spend by day", (Decimal(1), Decimal(-3), Decimal(2)), filling=1)
    SmtpNotifier(mail.settings()).send(replace(NOTE, chart=chart), ADA)
    (message,) = mail.mailbox.messages
    related = next(part for part in message.walk() if part.get_content_type() == "multipart/related")
    html, picture = related.iter_parts()
    assert (html.get_content_type(), picture["Content-ID"]) == ("text/html", "<daily>")
    assert message.get_content_type() == "multipart/alternative"
    image = Image.open(BytesIO(picture.get_content()))
    assert image.size == SIZE
    up, down, filling = (image.getpixel((place, row)) for place, row in ((20, 60), (70, 120), (130, 60)))
    white = (255, 255, 255)
    assert up == down != white and filling not in (up, white)
    assert image.getpixel((20, 120)) == image.getpixel((70, 60)) == white  # bars stand on zero and hang from it


def test_recipients_are_the_addresses_each_once(mail: MailServer) -> None:
    assert SmtpNotifier(mail.settings(recipients=(ADA, FINOPS, ADA))).recipients == (ADA, FINOPS)


def test_lines_that_begin_with_a_dot_and_other_scripts_arrive_as_they_are(mail: MailServer) -> None:
    text = ".hidden\n..\n.\nGebühr für Süd, 東京\n"
    SmtpNotifier(mail.settings()).send(replace(NOTE, text=text), ADA)
    plain = mail.mailbox.messages[0].get_body(("plain",))
    assert plain is not None and plain.get_content().replace("\r\n", "\n") == text


def test_an_address_in_another_script_is_used_where_the_server_takes_it(mail: MailServer) -> None:
    SmtpNotifier(mail.settings()).send(NOTE, "süd@example.com")
    assert mail.mailbox.envelopes == [("alerts@example.com", ["süd@example.com"])]


def test_an_address_with_a_line_break_is_a_bad_setting(mail: MailServer) -> None:
    with pytest.raises(BadConfiguration, match="COSTWIRE_SMTP_RECIPIENTS"):
        SmtpNotifier(mail.settings()).send(NOTE, "ada@example.com\r\nBcc: eve@example.com")
    assert mail.mailbox.messages == []


def test_a_repeat_has_the_same_message_id_and_another_recipient_another(mail: MailServer) -> None:
    notifier = SmtpNotifier(mail.settings())
    notifier.send(NOTE, ADA)
    notifier.send(NOTE, ADA)
    notifier.send(NOTE, FINOPS)
    first, second, other = mail.mailbox.messages
    assert first["Message-ID"] == second["Message-ID"] != other["Message-ID"]


def test_a_login_is_used_and_a_wrong_one_is_permanent_and_kept_secret(mail: MailServer) -> None:
    SmtpNotifier(mail.settings(user="costwire", password=PASSWORD)).send(NOTE, ADA)
    assert len(mail.mailbox.messages) == 1
    wrong = mail.settings(user="costwire", password="wrong horse")
    with pytest.raises(BadConfiguration, match=r"refused the login \(535\); check COSTWIRE_SMTP_USER") as caught:
        SmtpNotifier(wrong).send(NOTE, ADA)
    assert "wrong horse" not in str(caught.value) and "wrong horse" not in repr(wrong)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 try later", Retryable), ("452 full", Retryable), ("550 no", Permanent), ("554 no", Permanent)],
)
def test_a_refused_message_is_retried_by_code(mail: MailServer, answer: str, kind: type[Exception]) -> None:
    mail.mailbox.data_answer = answer
    with pytest.raises(kind, match=answer[:3]):
        SmtpNotifier(mail.settings()).send(NOTE, ADA)


@pytest.mark.parametrize(("answer", "kind"), [("550 who is that", Permanent), ("450 come back", Retryable)])
def test_a_refused_recipient_is_known_by_code_and_keeps_no_other_from_the_message(
    mail: MailServer, answer: str, kind: type[Exception]
) -> None:
    mail.mailbox.refused = {ADA: answer}
    with pytest.raises(kind, match=answer[:3]) as caught:
        SmtpNotifier(mail.settings()).send(NOTE, ADA)
    assert ADA not in str(caught.value)
    assert SmtpNotifier(mail.settings()).send(NOTE, FINOPS) == "e-mail to finops@example.com"
    assert mail.mailbox.envelopes == [("alerts@example.com", [FINOPS])]


@pytest.mark.parametrize("answer", ["421 closing", "550 no", DROP])
def test_what_comes_after_the_acceptance_is_no_failure(answer: str) -> None:
    with smtp_peer() as peer:
        peer.quit = answer
        notifier = SmtpNotifier(MailServer(Mailbox(), peer.port).settings())
        assert notifier.send(NOTE, ADA) == "e-mail to ada@example.com"
        assert peer.copies(ADA) == 1


def test_a_lost_answer_to_the_whole_message_is_unanswered_and_one_before_it_is_not() -> None:
    with smtp_peer() as peer:
        notifier = SmtpNotifier(MailServer(Mailbox(), peer.port).settings())
        peer.data_end = DROP
        with pytest.raises(Unanswered, match="took the message and gave no answer"):
            notifier.send(NOTE, ADA)
        peer.rcpt[ADA] = DROP
        with pytest.raises(Retryable, match="cannot be reached") as caught:
            notifier.send(NOTE, ADA)
        assert not isinstance(caught.value, Unanswered)


def test_a_server_without_encryption_is_not_trusted_in_silence(mail: MailServer) -> None:
    with pytest.raises(BadConfiguration, match="COSTWIRE_SMTP_STARTTLS"):
        SmtpNotifier(mail.settings(starttls=True)).send(NOTE, ADA)
    assert mail.mailbox.messages == []


def test_a_mail_server_that_is_away_is_retryable(mail: MailServer) -> None:
    with pytest.raises(Retryable, match="cannot be reached"):
        SmtpNotifier(mail.settings(port=free_port())).send(NOTE, ADA)


@dataclass
class Webhook:
    """A Slack webhook on loopback that keeps what is posted and answers as it is told."""

    url: str = ""
    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    posted: list[Any] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    state = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.body.encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/services/T000/B000/secretsecret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_slack_gets_blocks_and_a_fallback_text(webhook: Webhook) -> None:
    assert SlackNotifier(SlackSettings(webhook.url)).send(NOTE) == "Slack"
    assert webhook.posted == [{"text": NOTE.subject, "blocks": list(NOTE.blocks)}]


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "said"),
    [
        (429, "", {"Retry-After": "30"}, Retryable, "asks to wait 30 seconds"),
        (500, "oops", {}, Retryable, "answered 500"),
        (503, "", {}, Retryable, "answered 503"),
        (502, "", {}, Unanswered, "answered 502"),
        (504, "", {}, Unanswered, "does not confirm whether"),
        (400, "invalid_blocks", {}, Permanent, "400, invalid_blocks"),
        (404, "no_service", {}, Permanent, "404, no_service"),
        (403, "<html>T000/B000/secretsecret</html>", {}, Permanent, r"\(403\)"),
        (302, "", {"Location": "http://127.0.0.1:1/"}, Permanent, "302"),
    ],
)
def test_slack_s_answers_become_our_errors(
    webhook: Webhook, status: int, body: str, headers: dict[str, str], kind: type[Exception], said: str
) -> None:
    webhook.status, webhook.body, webhook.headers = status, body, headers
    with pytest.raises(kind, match=said) as caught:
        SlackNotifier(SlackSettings(webhook.url)).send(NOTE)
    assert "secretsecret" not in str(caught.value)


def test_slack_that_is_away_is_retryable(webhook: Webhook) -> None:
    with pytest.raises(Retryable, match="cannot be reached") as caught:
        SlackNotifier(SlackSettings(f"http://127.0.0.1:{free_port()}/secretsecret")).send(NOTE)
    assert "secretsecret" not in str(caught.value)


def test_the_webhook_s_address_reaches_no_log(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        SlackNotifier(SlackSettings(webhook.url)).send(NOTE)
    assert len(webhook.posted) == 1
    assert "secretsecret" not in caplog.text
    assert "secretsecret" not in repr(SlackSettings(webhook.url))


def test_a_webhook_that_is_no_address_is_a_bad_setting() -> None:
    with pytest.raises(BadConfiguration, match="COSTWIRE_SLACK_WEBHOOK_URL"):
        SlackNotifier(SlackSettings("hooks.slack.com/services/x"))


def test_the_outbox_folder_keeps_one_file_a_message_however_often_it_is_written(tmp_path: Path) -> None:
    notifier = OutboxFolderNotifier(tmp_path / "outbox")
    where = {notifier.send(NOTE) for _ in range(3)}
    (written,) = (tmp_path / "outbox").iterdir()
    assert where == {str(written)}
    assert written.read_text(encoding="utf-8") == f"Subject: {NOTE.subject}\n\n{NOTE.text}"


def test_file_names_stay_in_the_folder_and_apart() -> None:
    names = [
        file_name(one)
        for one in ("../../etc/passwd", "..-..-etc-passwd", "a/b", "a_b", ".hidden", "x" * 500, "x" * 501)
    ]
    assert all("/" not in name and not name.startswith(".") and len(name) < 200 for name in names)
    assert len(set(names)) == len(names)


def test_an_outbox_that_cannot_be_written_is_retryable(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where a folder should be")
    with pytest.raises(Retryable, match="cannot write"):
        OutboxFolderNotifier(tmp_path / "outbox").send(NOTE)


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"COSTWIRE_{name}", value)
    return Settings()


def test_the_settings_choose_the_channels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [one.channel for one in configured(settings(monkeypatch), tmp_path)] == ["outbox"]
    slack = settings(monkeypatch, SLACK_WEBHOOK_URL="https://hooks.example.com/x")
    assert [one.channel for one in configured(slack, tmp_path)] == ["slack"]
    both = settings(
        monkeypatch, SMTP_HOST="mail.example.com", SMTP_SENDER="a@example.com", SMTP_RECIPIENTS="b@example.com, "
    )
    assert [one.channel for one in configured(both, tmp_path)] == ["email", "slack"]


def test_a_mail_server_without_recipients_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    half = settings(monkeypatch, SMTP_HOST="mail.example.com", SMTP_SENDER="a@example.com", SMTP_RECIPIENTS=" , ")
    with pytest.raises(BadConfiguration, match="COSTWIRE_SMTP_RECIPIENTS"):
        configured(half, tmp_path)


def make_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that nobody trusts yet, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


def test_starttls_encrypts_and_trusts_only_known_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, context = make_certificate(tmp_path)
    mailbox, port = Mailbox(), free_port()
    controller = Controller(mailbox, hostname="localhost", port=port, tls_context=context, require_starttls=True)
    controller.start()
    notifier = SmtpNotifier(MailServer(mailbox, port).settings(host="localhost", starttls=True))
    try:
        with pytest.raises(BadConfiguration, match="a certificate that is not trusted"):
            notifier.send(NOTE, ADA)
        assert mailbox.messages == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        notifier.send(NOTE, ADA)
    finally:
        controller.stop()
    assert len(mailbox.messages) == 1
