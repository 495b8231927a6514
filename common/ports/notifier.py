"""Notifiers: how a message reaches its recipients (e-mail, Slack, a folder where nothing is configured)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from common.domain.legible import in_all, lines, one_line

ONE_PLACE = ("",)
"""The recipients of a channel that leads to one place, which needs no name."""


@dataclass(frozen=True)
class Channel:
    """One channel of an organization, as sending needs it; its webhook is not among this.

    kind: email or slack.  recipients: mail addresses; empty for Slack.  is_default: whether it gets what names no channel.
    """

    org_slug: str
    name: str
    kind: str
    recipients: tuple[str, ...] = ()
    is_default: bool = True


@dataclass(frozen=True)
class DailyChart:
    """What a channel that has pictures draws as bars.  title: what it shows, in words, for who sees none.

    amounts: of consecutive days.  filling: how many of the last may still lack charges.
    """

    title: str
    amounts: tuple[Decimal, ...]
    filling: int = 0


@dataclass(frozen=True)
class Notification:
    """One message to people, whose every text is made fit for them here, whatever channel it goes to.

    notification_id is the same on every try, so that a channel can tell repeats.

    text: plain text.  html: e-mail body or None.  blocks: Slack Block Kit blocks or None.  chart: stands in the html as `cid:daily`.
    """

    notification_id: str
    subject: str
    text: str
    html: str | None = None
    blocks: tuple[dict[str, Any], ...] = ()
    chart: DailyChart | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", one_line(self.subject))
        object.__setattr__(self, "text", lines(self.text))
        object.__setattr__(self, "html", None if self.html is None else lines(self.html))
        object.__setattr__(self, "blocks", tuple(in_all(block, lines) for block in self.blocks))


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
