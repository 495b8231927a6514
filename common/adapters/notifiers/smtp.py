"""E-mail over SMTP.  A message keeps its Message-ID on every try, so that a mail system can drop a repeat."""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from common.errors import BadConfiguration, CostError, Permanent, Retryable
from common.ports import Notification

IMPLICIT_TLS_PORT = 465
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,180}")


@dataclass(frozen=True)
class SmtpSettings:
    """Where and as whom e-mail is sent.  Port 465 is TLS from the start, whatever starttls says."""

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    starttls: bool = True
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: int = 10


class SmtpNotifier:
    """Sends each message as plain text and HTML to all recipients."""

    channel = "email"

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification) -> str:
        """Hand the message to the mail server.  Raises Retryable or Permanent without the account or its password."""
        message = compose(notification, self._settings)
        try:
            with self._connect() as server:
                refused = self._deliver(server, message)
        except (smtplib.SMTPException, OSError) as error:
            raise self._explained(error) from None
        reached = [address for address in self._settings.recipients if address not in refused]
        where = f"e-mail to {', '.join(reached)}"
        return f"{where} (the mail server refused {', '.join(sorted(refused))})" if refused else where

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.port == IMPLICIT_TLS_PORT:
            return smtplib.SMTP_SSL(
                settings.host,
                settings.port,
                timeout=settings.timeout_seconds,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)

    def _deliver(self, server: smtplib.SMTP, message: EmailMessage) -> Mapping[str, object]:
        settings = self._settings
        if settings.starttls and settings.port != IMPLICIT_TLS_PORT:
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.password or "")
        return server.send_message(message, settings.sender, list(settings.recipients))

    def _explained(self, error: Exception) -> CostError:
        place = f"mail server {self._settings.host}:{self._settings.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return BadConfiguration(f"{place} shows a certificate that is not trusted; check COSTWIRE_SMTP_HOST")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return BadConfiguration(
                f"{place} does not offer what was asked (STARTTLS or a login); check COSTWIRE_SMTP_STARTTLS "
                "and COSTWIRE_SMTP_USER"
            )
        code = _code(error)
        if code is None or code < 500:
            detail = f"answered {code}" if code else f"cannot be reached ({type(error).__name__})"
            return Retryable(f"{place} {detail}; the message stays in the outbox")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return BadConfiguration(
                f"{place} refused the login ({code}); check COSTWIRE_SMTP_USER and COSTWIRE_SMTP_PASSWORD"
            )
        return Permanent(
            f"{place} refused the message ({code}); check COSTWIRE_SMTP_SENDER and COSTWIRE_SMTP_RECIPIENTS"
        )


def compose(notification: Notification, settings: SmtpSettings) -> EmailMessage:
    """The e-mail of a notification."""
    message = EmailMessage()
    message["Subject"] = notification.subject
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{_plain_id(notification.notification_id)}@{_domain(settings.sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notification.text)
    if notification.html is not None:
        message.add_alternative(notification.html, subtype="html")
    return message


def _plain_id(notification_id: str) -> str:
    if _PLAIN_ID.fullmatch(notification_id):
        return notification_id
    return hashlib.sha256(notification_id.encode()).hexdigest()


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].partition("@")[2] or "costwire.invalid"


def _code(error: Exception) -> int | None:
    """The reply code that decides: the worst for the sender's patience is a 4xx, which may pass."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min(code for code, _ in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
