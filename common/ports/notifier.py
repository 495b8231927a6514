"""Notifiers: how a message reaches people (e-mail, Slack, a folder where nothing is configured)."""

from dataclasses import dataclass
from typing import Any, Protocol

ONE_PLACE = ("",)
"""The recipients of a channel that leads to one place, which needs no name."""


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
    """One channel.  Each of its recipients is sent to, tried again and recorded by itself."""

    channel: str

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets each message, without repeats; ONE_PLACE where that is the channel's own matter."""
        ...

    def send(self, notification: Notification, recipient: str) -> str:
        """Deliver to one recipient, and say where it went in words fit for a terminal.

        Returning means that the channel has accepted the message: nothing after the acceptance may raise.  Raises Retryable where the
        recipient did not get it and may later, Unanswered where that cannot be known, Permanent where it never will; without secrets
        and addresses of people.
        """
        ...
