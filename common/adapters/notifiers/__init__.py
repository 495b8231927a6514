"""Notification channels: those that the settings configure for the deployment, and those of an organization."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from common.domain.channels import EMAIL
from common.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.config import Settings
    from common.ports import Channel, Notifier


def configured(settings: Settings, outbox: Path | None) -> tuple[Notifier, ...]:
    """Every channel that the settings name; the outbox folder where they name none, the log where there is no folder either.

    Raises BadConfiguration.
    """
    channels: list[Notifier] = []
    if settings.smtp_host:
        channels.append(_smtp(settings))
    if settings.slack_webhook_url is not None:
        from common.adapters.notifiers.slack import SlackNotifier, SlackSettings

        channels.append(SlackNotifier(SlackSettings(settings.slack_webhook_url.get_secret_value())))
    if not channels and outbox is None:
        from common.adapters.notifiers.log import LogNotifier

        channels.append(LogNotifier())
    elif not channels and outbox is not None:
        from common.adapters.notifiers.outbox_folder import OutboxFolderNotifier

        channels.append(OutboxFolderNotifier(outbox))
    return tuple(channels)


def notifier_of(channel: Channel, settings: Settings, webhook: Callable[[], str]) -> Notifier:
    """What sends to a channel of an organization.  webhook: decrypts its address; called once for each send, of Slack only."""
    from common.adapters.notifiers.of_organization import ChannelMailNotifier, ChannelSlackNotifier

    if channel.kind == EMAIL:
        return ChannelMailNotifier(channel, settings)
    return ChannelSlackNotifier(channel, settings, webhook)


def _smtp(settings: Settings) -> Notifier:
    from common.adapters.notifiers.smtp import SmtpNotifier, smtp_settings

    recipients = tuple(part.strip() for part in (settings.smtp_recipients or "").split(",") if part.strip())
    if not settings.smtp_host or not settings.smtp_sender or not recipients:
        raise BadConfiguration(
            "COSTWIRE_SMTP_HOST is set, but e-mail needs COSTWIRE_SMTP_SENDER and COSTWIRE_SMTP_RECIPIENTS too"
        )
    return SmtpNotifier(smtp_settings(settings, settings.smtp_host, settings.smtp_sender, recipients))
