"""Which names secrets may have, and which part of a stored value is the secret, in the environment and in Secret Manager."""

from __future__ import annotations

import re

from common.errors import BadConfiguration

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,20}")
_MAX_LENGTH = 100


def check_secret_name(name: str) -> str:
    """The name itself.  Raises BadConfiguration where an environment variable and a secret could not both be called so."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_LENGTH:
        raise BadConfiguration(
            f"secret name {name[:_MAX_LENGTH]!r} is not valid: expected lower-case words joined by single dashes, "
            "as slack-webhook-url"
        )
    return name


def secret_value(text: str) -> str | None:
    """The secret in what was stored: without the line break that `echo` leaves at its end; None where nothing is left."""
    return text.rstrip("\r\n") or None
