"""Slack by incoming webhook, in Block Kit.

Slack offers no way to tell a repeat: a worker that dies between Slack's answer and the mark in the outbox makes a
message come twice.  Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

import httpx

from common.errors import BadConfiguration, Permanent, Retryable
from common.ports import Notification

_SLACK_WORD = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True)
class SlackSettings:
    """The webhook, which is a secret: whoever has it can post."""

    webhook_url: str = field(repr=False)
    timeout_seconds: int = 10


class SlackNotifier:
    """Posts each message to the channel that the webhook belongs to."""

    channel = "slack"

    def __init__(self, settings: SlackSettings) -> None:
        if not settings.webhook_url.startswith(("https://", "http://")):
            raise BadConfiguration(
                "COSTWIRE_SLACK_WEBHOOK_URL is no web address; copy it from the Slack app's settings"
            )
        self._settings = settings
        logging.getLogger("httpx").addFilter(self._is_harmless)

    def send(self, notification: Notification) -> str:
        """Post the message.  Raises Retryable or Permanent without the webhook's address."""
        payload: dict[str, object] = {"text": notification.subject}
        if notification.blocks:
            payload["blocks"] = list(notification.blocks)
        try:
            answer = httpx.post(self._settings.webhook_url, json=payload, timeout=self._settings.timeout_seconds)
        except httpx.TransportError as error:
            raise Retryable(f"Slack cannot be reached ({type(error).__name__}); it stays in the outbox") from None
        except httpx.InvalidURL:
            raise BadConfiguration("COSTWIRE_SLACK_WEBHOOK_URL is no web address; copy it again") from None
        _check(answer)
        return "Slack"

    def _is_harmless(self, record: logging.LogRecord) -> bool:
        """Whether a log line of the HTTP library keeps the webhook's address to itself."""
        return self._settings.webhook_url not in record.getMessage()


def _check(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        wait = answer.headers.get("Retry-After", "")
        asked = f" and asks to wait {wait} seconds" if wait.isdigit() else ""
        raise Retryable(f"Slack takes no more messages for now{asked}; the message stays in the outbox")
    if answer.status_code >= 500:
        raise Retryable(f"Slack answered {answer.status_code}; the message stays in the outbox")
    if not answer.is_success:
        word = answer.text.strip()
        reason = f", {word}" if _SLACK_WORD.fullmatch(word) else ""
        raise Permanent(f"Slack refused the message ({answer.status_code}{reason}); check COSTWIRE_SLACK_WEBHOOK_URL")
