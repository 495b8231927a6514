"""Channels of an organization: a Slack webhook that it chose, and its own recipients behind the deployment's mail server.

An organization does not decide where the deployment connects to: a webhook's host must be one that the operator allows, over https and not
in a private network, and mail is sent over TLS.  That is checked at each send, since a setting may have changed since the
channel was stored.
"""

from __future__ import annotations

from collections.abc import Callable

from common.adapters.notifiers.slack import SlackNotifier, SlackSettings
from common.adapters.notifiers.smtp import SmtpNotifier, smtp_settings
from common.config import Settings
from common.domain.channels import EMAIL, SLACK, InvalidChannel, read_hosts, read_webhook, webhook_fault
from common.errors import BadConfiguration
from common.ports import Channel, Notification


class ChannelSlackNotifier:
    """Keeps common.ports.Notifier.  Its only recipient is the channel, so that two channels of an organization are two recipients."""

    channel = SLACK

    def __init__(self, channel: Channel, settings: Settings, webhook: Callable[[], str]) -> None:
        self._name = channel.name
        self._settings = settings
        self._webhook = webhook

    @property
    def recipients(self) -> tuple[str, ...]:
        """The channel's name."""
        return (self._name,)

    def send(self, notification: Notification, recipient: str = "") -> str:
        """Decrypt the webhook, check it and post.  Raises as SlackNotifier does, without the webhook's address."""
        source = f"the webhook of channel {self._name}"
        private = self._settings.allow_private_channels
        try:
            webhook = read_webhook(self._webhook())
        except InvalidChannel as error:
            raise BadConfiguration(f"channel {self._name}: {error}") from None
        fault = webhook_fault(webhook, read_hosts(self._settings.slack_hosts), private)
        if fault:
            raise BadConfiguration(f"channel {self._name}: {fault}")
        SlackNotifier(SlackSettings(webhook.url, source=source, private=private)).send(notification)
        return f"Slack, channel {self._name}"


class ChannelMailNotifier:
    """Keeps common.ports.Notifier.  A recipient is an address, whichever channels name it, so that it gets each message once."""

    channel = EMAIL

    def __init__(self, channel: Channel, settings: Settings) -> None:
        self._channel = channel
        self._settings = settings

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses of the channel."""
        return self._channel.recipients

    def send(self, notification: Notification, recipient: str) -> str:
        """Hand the message to the deployment's mail server.  Raises as SmtpNotifier does, without the address."""
        settings = self._settings
        if not settings.smtp_host or not settings.smtp_sender:
            raise BadConfiguration(
                "the deployment has no mail server; an operator sets COSTWIRE_SMTP_HOST and COSTWIRE_SMTP_SENDER"
            )
        source = f"channel {self._channel.name}"
        mail = smtp_settings(settings, settings.smtp_host, settings.smtp_sender, (recipient,), source)
        if not mail.is_encrypted and not settings.allow_private_channels:
            raise BadConfiguration(
                "the connection to the mail server is not encrypted, and organizations' channels require that; an operator sets "
                "COSTWIRE_SMTP_STARTTLS=true, or port 465"
            )
        return SmtpNotifier(mail).send(notification, recipient)
