"""Notifiers: how a message reaches people (e-mail, Slack, a folder where nothing is configured)."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Notification:
    """One message to people.  notification_id is the same on every try, so that a channel can tell repeats.

    text: plain text.  html: e-mail body or None.  blocks: Slack Block Kit blocks or None.
    """

    notification_id: str
    subject: str
    text: str
    html: str | None = None
    blocks: tuple[dict[str, Any], ...] = ()


class Notifier(Protocol):
    """One channel."""

    channel: str

    def send(self, notification: Notification) -> str:
        """Deliver, and say where it went in words fit for a terminal.  Raises Retryable or Permanent."""
        ...
