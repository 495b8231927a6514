"""Slack by incoming webhook, in Block Kit.

A message is sent once Slack has answered with 2xx; what becomes of the connection after that changes nothing.  Slack offers no way to
recognise a repeat, so an answer that is lost after posting is Unanswered: the outbox allows one more copy and then stops.
Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/messaging/formatting-message-text (what `<` and `&` mean in text)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from common.adapters.notifiers.deadline import TRY_SECONDS, Deadline
from common.adapters.shared.outgoing import Trace, unlogged, watched
from common.domain.legible import without_slack_markup
from common.errors import BadConfiguration, Permanent, Retryable, Unanswered
from common.ports import ONE_PLACE, Notification

_SLACK_WORD = re.compile(r"[a-z_]{1,60}")
_MAX_ANSWER_BYTES = 1000
_NEVER_POSTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_GATEWAY = frozenset({httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT})
"""Said by what stands before Slack, which does not know what Slack did."""


@dataclass(frozen=True)
class SlackSettings:
    """The webhook, which is a secret: whoever has it can post.

    source: what to check where it does not work.  private: whether it may lead to a private network.
    """

    webhook_url: str = field(repr=False)
    timeout_seconds: int = 10
    try_seconds: float = TRY_SECONDS
    source: str = "COSTWIRE_SLACK_WEBHOOK_URL"
    private: bool = True


class SlackNotifier:
    """Posts each message to the channel that the webhook belongs to."""

    channel = "slack"
    recipients = ONE_PLACE

    def __init__(self, settings: SlackSettings) -> None:
        if not settings.webhook_url.startswith(("https://", "http://")):
            raise BadConfiguration(
                f"{settings.source} is not a valid web address; copy it from the Slack app's settings"
            )
        self._settings = settings

    def send(self, notification: Notification, recipient: str = "") -> str:
        """Post the message.  Raises Unanswered, Retryable or Permanent without the webhook's address."""
        # the fallback of a message with blocks is read as Slack's markup, too
        payload: dict[str, object] = {"text": without_slack_markup(notification.subject)}
        if notification.blocks:
            payload["blocks"] = list(notification.blocks)
        status: int | None = None
        word = wait = ""
        try:
            with (
                unlogged(),
                Deadline(self._settings.try_seconds) as deadline,
                httpx.Client(timeout=self._settings.timeout_seconds) as client,
                client.stream(
                    "POST", self._settings.webhook_url, json=payload, extensions={"trace": self._watched(deadline)}
                ) as answer,
            ):
                status, wait = answer.status_code, answer.headers.get("Retry-After", "")
                word = "" if answer.is_success else _beginning(answer)
        except TimeoutError:  # the deadline passed before the connection stood
            raise Retryable("Slack cannot be reached in time; it stays in the outbox") from None
        except _NEVER_POSTED as error:
            raise Retryable(f"Slack cannot be reached ({type(error).__name__}); it stays in the outbox") from None
        except httpx.TransportError as error:
            if status is None:
                raise Unanswered(f"Slack was given the message and did not answer ({type(error).__name__})") from None
        except httpx.InvalidURL:
            raise BadConfiguration(f"{self._settings.source} is not a valid web address; copy it again") from None
        _check(int(status or 0), wait, word, self._settings.source)
        return "Slack"

    def _watched(self, deadline: Deadline) -> Trace:
        refusal = BadConfiguration(
            f"{self._settings.source} leads to a private address; an operator can allow that by "
            "COSTWIRE_ALLOW_PRIVATE_CHANNELS"
        )
        host = urlsplit(self._settings.webhook_url).hostname
        return watched(host, None if self._settings.private else refusal, deadline.watch)


def _beginning(answer: httpx.Response) -> str:
    """Slack's one word for what is wrong; of a longer answer, its beginning."""
    read = b""
    for part in answer.iter_bytes(_MAX_ANSWER_BYTES):
        read += part
        if len(read) >= _MAX_ANSWER_BYTES:
            break
    return read.decode(errors="replace").strip()


def _check(status: int, wait: str, word: str, source: str) -> None:
    if httpx.codes.is_success(status):
        return
    if status == httpx.codes.TOO_MANY_REQUESTS:
        asked = f" and asks to wait {wait} seconds" if wait.isdecimal() and wait.isascii() else ""
        raise Retryable(f"Slack accepts no more messages for now{asked}; the message stays in the outbox")
    if status in _GATEWAY:
        raise Unanswered(f"Slack answered {status}, which does not confirm whether the message was posted")
    if status >= 500:
        raise Retryable(f"Slack answered {status}; the message stays in the outbox")
    reason = f", {word}" if _SLACK_WORD.fullmatch(word) else ""
    raise Permanent(f"Slack refused the message ({status}{reason}); check {source}")
