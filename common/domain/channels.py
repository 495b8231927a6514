"""Channels of an organization: what a name, an address and a webhook may be.

The address of a webhook is a secret, so no message of this module repeats more of it than its host.
Source: RFC 5321, 4.5.3.1 (lengths of an address); https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

EMAIL, SLACK = "email", "slack"
OF_DEPLOYMENT = (EMAIL, SLACK)
"""Names by which a budget selects what the settings of the deployment configure."""
RESERVED = (*OF_DEPLOYMENT, "outbox", "log")
MOST_RECIPIENTS = 50
_MOST_CHARACTERS, _MOST_OF_A_LOCAL_PART = 254, 64
_HTTPS = 443
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ADDRESS = re.compile(r"([^\s@<>()\[\]\\,;:\"]+)@((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?)")
_WEBHOOK = re.compile(r"(?P<scheme>(?i:https?))://(?P<host>[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?/[!-\[\]-~]*")
_LONGEST_WEBHOOK = 2000


class InvalidChannel(ValueError):
    """What makes no channel; the message says what was expected, without a secret."""


@dataclass(frozen=True)
class Webhook:
    """A webhook: whoever has its address can post.  host: lower case."""

    url: str = field(repr=False)
    encrypted: bool
    host: str
    port: int

    @property
    def place(self) -> str:
        """What may be shown of it, and is allowed or not: the host, with the port where it is not that of https."""
        return self.host if self.port == _HTTPS else f"{self.host}:{self.port}"


def channel_name_fault(name: str) -> str | None:
    """What is wrong with a channel's name, for an error message; None where nothing is."""
    if _NAME.fullmatch(name):
        return None
    # a webhook that was typed in the place of a name is not repeated
    found = "a web address" if "/" in name else f"'{name[:70]}'"
    return f"channel is {found}, expected a name of lower-case letters, digits, dashes, underscores"


def check_new_name(name: str) -> str:
    """The name as it is.  Raises InvalidChannel for one that no channel of an organization can have."""
    fault = channel_name_fault(name)
    if fault:
        raise InvalidChannel(fault)
    if name in RESERVED:
        raise InvalidChannel(f"'{name}' means the deployment's own channel; choose another name")
    return name


def read_addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Mail addresses, each once, with their domains in lower case.  Raises InvalidChannel."""
    found = tuple(dict.fromkeys(_address(text.strip()) for text in texts))
    if not found:
        raise InvalidChannel("an e-mail channel needs at least one address")
    if len(found) > MOST_RECIPIENTS:
        raise InvalidChannel(f"a channel has {len(found)} addresses, expected at most {MOST_RECIPIENTS}")
    return found


def read_webhook(text: str) -> Webhook:
    """A webhook from its address.  Raises InvalidChannel, which does not repeat it."""
    url = text.strip()
    found = _WEBHOOK.fullmatch(url) if len(url) <= _LONGEST_WEBHOOK else None
    if found is None:
        raise InvalidChannel(
            "the webhook is not a valid web address, expected https://HOST/PATH on one line; copy it from the Slack app's settings"
        )
    encrypted = found["scheme"].lower() == "https"
    port = int(found["port"] or (_HTTPS if encrypted else 80))
    if not 0 < port < 1 << 16:
        raise InvalidChannel(f"the webhook's port is {port}, expected 1 to 65535")
    return Webhook(url, encrypted, found["host"].lower(), port)


def webhook_fault(webhook: Webhook, hosts: Sequence[str], private: bool) -> str | None:
    """Why a notification may not be posted there; None where it may.

    hosts: those allowed, as `read_hosts` returns them.  private: whether the operator allows private networks, and so plain http.
    """
    if not webhook.encrypted and not private:
        return "the webhook's address begins with http://, expected https://"
    if webhook.place not in hosts:
        return (
            f"the webhook's host is {webhook.place}, expected one of {', '.join(hosts) or 'none'}; "
            "an operator can add it to COSTWIRE_SLACK_HOSTS"
        )
    return None


def read_hosts(text: str) -> tuple[str, ...]:
    """Hosts as a setting lists them, separated by commas: HOST, or HOST:PORT for a port other than 443."""
    return tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, not of a private network, this machine or a platform's metadata server."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


def _address(text: str) -> str:
    found = _ADDRESS.fullmatch(text)
    if (
        found is None
        or not text.isprintable()
        or len(text) > _MOST_CHARACTERS
        or len(found[1].encode()) > _MOST_OF_A_LOCAL_PART
    ):
        found_text = "a web address" if "://" in text else f"'{text[:70]}'"
        raise InvalidChannel(f"address is {found_text}, expected one such as ada@example.com")
    return f"{found[1]}@{found[2].lower()}"
