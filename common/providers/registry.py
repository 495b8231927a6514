"""The supported providers.  To add one, add its folder beside this file, and its line here."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from common.providers.provider import Provider

TITLES = {
    "aws": "AWS",
    "azure": "Azure",
    "gcp": "Google Cloud",
    "oci": "OCI",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "deepseek": "DeepSeek",
    "focus": "FOCUS",
}
"""Name of the folder, and of the topic `ingest-<name>` -> what users read."""

PROVIDERS = tuple(TITLES)

ASKED = frozenset({"openai", "anthropic"})
"""Providers that leave no bills anywhere: their API is asked, with a scheme of their name."""

_OWNERS = {"s3": "aws", "az": "azure", "gs": "gcp", "bq": "gcp", "oci": "oci", **{name: name for name in ASKED}}
"""Scheme of a place -> whose credential opens it, whichever provider's bills lie there."""


def opened_by(scheme: str, name: str) -> str:
    """The provider whose credential opens the places of a scheme: that of the bills, `name`, where a place has no owner."""
    return _OWNERS.get(scheme, name)


@cache
def provider(name: str) -> Provider:
    """The provider of a name in TITLES; its code is imported on first use, so that a function loads only its own."""
    return cast("Provider", importlib.import_module(f"common.providers.{name}").PROVIDER)
