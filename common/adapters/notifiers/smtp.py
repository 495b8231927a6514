"""E-mail over SMTP: each recipient gets a separate message that names no other recipient.

A recipient's message has the same Message-ID on every try, so that a mail system can drop a repeat.  A message is sent once the server
has answered its end with 2xx; how the connection ends after that changes nothing.
Source: RFC 5321, 4.2 (replies) and 4.5.3.2 (time-outs); RFC 5322, 3.6.4 (Message-ID).
"""

from __future__ import annotations

import email.policy
import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from common.adapters.notifiers.deadline import TRY_SECONDS, Deadline
from common.config import Settings
from common.errors import BadConfiguration, CostError, Permanent, Retryable, Unanswered
from common.ports import DailyChart, Notification

IMPLICIT_TLS_PORT = 465
_READY = 220
_QUIT_SECONDS = 2
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True)
class SmtpSettings:
    """Where and as whom e-mail is sent.  Port 465 is TLS from the start, whatever starttls says.

    source: what to check where an address is refused.
    """

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    starttls: bool = True
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: int = 10
    try_seconds: float = TRY_SECONDS
    source: str = "COSTWIRE_SMTP_RECIPIENTS"

    @property
    def is_encrypted(self) -> bool:
        """Whether nothing is sent before TLS."""
        return self.starttls or self.port == IMPLICIT_TLS_PORT


def smtp_settings(
    settings: Settings, host: str, sender: str, recipients: tuple[str, ...], source: str = "COSTWIRE_SMTP_RECIPIENTS"
) -> SmtpSettings:
    """The deployment's mail server, for these recipients."""
    return SmtpSettings(
        host=host,
        sender=sender,
        recipients=recipients,
        port=settings.smtp_port,
        starttls=settings.smtp_starttls,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        source=source,
    )


class SmtpNotifier:
    """Sends each message as plain text and HTML."""

    channel = "email"

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses, each once."""
        return tuple(dict.fromkeys(self._settings.recipients))

    def send(self, notification: Notification, recipient: str) -> str:
        """Hand the message to the mail server.

        Raises Unanswered, Retryable or Permanent, without the account, its password or the address.
        """
        try:
            message = compose(notification, self._settings.sender, recipient)
        except ValueError:
            raise BadConfiguration(
                f"an address is not valid; check COSTWIRE_SMTP_SENDER and {self._settings.source}"
            ) from None
        try:
            with Deadline(self._settings.try_seconds) as deadline, self._connected(deadline) as server:
                _Exchange(server, self._settings, deadline).hand_over(message, recipient)
        except (smtplib.SMTPException, OSError) as error:
            raise self._explained(error) from None
        return f"e-mail to {recipient}"

    @contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[smtplib.SMTP]:
        """Connected here, not by smtplib, so that the deadline holds for the greeting and for what TLS says before it."""
        settings = self._settings
        server = smtplib.SMTP(timeout=settings.timeout_seconds)
        server._host = settings.host  # type: ignore[attr-defined]  # what STARTTLS compares the certificate with
        try:
            server.sock = socket.create_connection((settings.host, settings.port), settings.timeout_seconds)
            deadline.watch(server.sock)
            if settings.port == IMPLICIT_TLS_PORT:
                context = ssl.create_default_context()
                server.sock = context.wrap_socket(server.sock, server_hostname=settings.host)
            code, answer = server.getreply()
            if code != _READY:
                raise smtplib.SMTPConnectError(code, answer)
            yield server
        finally:
            _leave(server)

    def _explained(self, error: Exception) -> CostError:
        place = f"mail server {self._settings.host}:{self._settings.port}"
        if isinstance(error, _AnswerLost):
            return Unanswered(f"{place} took the message and gave no answer ({error.__cause__.__class__.__name__})")
        if isinstance(error, ssl.SSLCertVerificationError):
            return BadConfiguration(f"{place} presents a certificate that is not trusted; check COSTWIRE_SMTP_HOST")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return BadConfiguration(
                f"{place} does not offer what was asked (STARTTLS, a login or international addresses); check "
                "COSTWIRE_SMTP_STARTTLS and COSTWIRE_SMTP_USER"
            )
        code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
        if code is None or code < 500:
            detail = f"answered {code}" if code else f"cannot be reached ({type(error).__name__})"
            return Retryable(f"{place} {detail}; the message stays in the outbox")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return BadConfiguration(
                f"{place} refused the login ({code}); check COSTWIRE_SMTP_USER and COSTWIRE_SMTP_PASSWORD"
            )
        return Permanent(
            f"{place} refused the message ({code}); check COSTWIRE_SMTP_SENDER and {self._settings.source}"
        )


class _AnswerLost(smtplib.SMTPException):
    """The whole message was handed over, and what the server said to it cannot be known."""


class _Exchange:
    """One message over one connection, in steps, so that it is known which of them failed."""

    def __init__(self, server: smtplib.SMTP, settings: SmtpSettings, deadline: Deadline) -> None:
        self._server = server
        self._settings = settings
        self._deadline = deadline

    def hand_over(self, message: EmailMessage, recipient: str) -> None:
        """Raises SMTPException or OSError where the server did not take the message, _AnswerLost where nobody knows."""
        settings, server = self._settings, self._server
        if settings.starttls and settings.port != IMPLICIT_TLS_PORT:
            self._in_time().starttls(context=ssl.create_default_context())
        if settings.user:
            self._in_time().login(settings.user, settings.password or "")
        self._in_time().ehlo_or_helo_if_needed()
        sender = parseaddr(settings.sender)[1] or settings.sender
        international = not f"{sender}{recipient}".isascii()
        if international and not server.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError("SMTPUTF8")
        _expect(2, self._in_time().mail(sender, ["SMTPUTF8", "BODY=8BITMIME"] if international else []))
        _expect(2, self._in_time().rcpt(recipient))
        _expect(3, self._in_time().docmd("DATA"))
        policy = email.policy.SMTPUTF8 if international else email.policy.SMTP
        self._in_time().send(
            _LEADING_DOT.sub(b"..", message.as_bytes(policy=policy)).removesuffix(b"\r\n") + b"\r\n.\r\n"
        )
        try:
            code, answer = self._in_time().getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise _AnswerLost from error
        if not 200 <= code < 600:
            raise _AnswerLost from smtplib.SMTPDataError(code, answer)
        _expect(2, (code, answer))

    def _in_time(self) -> smtplib.SMTP:
        """The server, with no more patience than what is left of this try."""
        left = self._deadline.left()
        if self._server.sock is not None:
            self._server.sock.settimeout(min(left, self._settings.timeout_seconds))
        return self._server


def _expect(kind: int, reply: tuple[int, bytes]) -> None:
    code, answer = reply
    if code // 100 != kind:
        raise smtplib.SMTPResponseException(code, answer)


def _leave(server: smtplib.SMTP) -> None:
    """End the connection politely.  Whatever the server answers, or whether it does, says nothing about the message."""
    with suppress(smtplib.SMTPException, OSError):
        if server.sock is not None:
            server.sock.settimeout(_QUIT_SECONDS)
            server.quit()
    with suppress(OSError):
        server.close()


def compose(notification: Notification, sender: str, recipient: str) -> EmailMessage:
    """The e-mail of a notification to one recipient.  Raises ValueError where an address is not one."""
    message = EmailMessage()
    message["Subject"] = notification.subject
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = message_id(notification.notification_id, sender, recipient)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notification.text)
    if notification.html is not None:
        message.add_alternative(notification.html, subtype="html")
        if notification.chart is not None:
            _attach(message, notification.chart)
    return message


def _attach(message: EmailMessage, chart: DailyChart) -> None:
    """The picture that the HTML shows, beside it; mail programs show no SVG.  Source: RFC 2387 (multipart/related), RFC 2392 (cid)."""
    from common.adapters.notifiers.picture import png_of  # other channels need no drawing library

    html = message.get_body(("html",))
    if html is not None:
        html.add_related(png_of(chart), "image", "png", cid="<daily>", disposition="inline", filename="daily.png")


def message_id(notification_id: str, sender: str, recipient: str) -> str:
    """The Message-ID: the same on every try, another for each recipient, since it names one version of a message."""
    copy = hashlib.sha256(f"{notification_id}\n{recipient}".encode()).hexdigest()[:32]
    return f"<{copy}@{parseaddr(sender)[1].partition('@')[2] or 'costwire.invalid'}>"
