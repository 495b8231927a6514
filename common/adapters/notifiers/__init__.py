"""Notification channels, and which of them are configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import BadConfiguration

if TYPE_CHECKING:
    from common.config import Settings
    from common.ports import Notifier


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


def _smtp(settings: Settings) -> Notifier:
    from common.adapters.notifiers.smtp import SmtpNotifier, SmtpSettings

    recipients = tuple(part.strip() for part in (settings.smtp_recipients or "").split(",") if part.strip())
    if not settings.smtp_host or not settings.smtp_sender or not recipients:
        raise BadConfiguration(
            "COSTWIRE_SMTP_HOST is set, but e-mail needs COSTWIRE_SMTP_SENDER and COSTWIRE_SMTP_RECIPIENTS too"
        )
    return SmtpNotifier(
        SmtpSettings(
            host=settings.smtp_host,
            port=settings.smtp_port,
            starttls=settings.smtp_starttls,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            sender=settings.smtp_sender,
            recipients=recipients,
        )
    )
