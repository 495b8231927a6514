"""The supported providers.  To add one, add its folder beside this file, and its line here."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from common.providers.provider import Provider, ReadCredential

TITLES = {
    "aws": "AWS",
    "azure": "Azure",
    "gcp": "Google Cloud",
    "oci": "OCI",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "deepseek": "DeepSeek",
    "openrouter": "OpenRouter",
    "xai": "xAI",
    "github": "GitHub",
    "claude": "Claude Enterprise",
    "opencost": "OpenCost",
    "saas": "SaaS subscriptions",
    "focus": "FOCUS",
}
"""Name of the folder, and of the topic `ingest-<name>` -> what users read."""

PROVIDERS = tuple(TITLES)

ASKED = frozenset({"openai", "anthropic", "xai", "github", "claude", "saas"})
"""Providers that leave no bills anywhere: their API, or an organization's own ledger, is asked, with a scheme of their name."""

CLUSTERS = frozenset({"opencost"})
"""Providers whose API is asked at an address that the user gives."""

_OWNERS = {"s3": "aws", "az": "azure", "gs": "gcp", "bq": "gcp", "oci": "oci", **{name: name for name in ASKED}}
"""Scheme of a place -> whose credential opens it, whichever provider's bills lie there."""


def credential_reader(scheme: str, name: str) -> ReadCredential | None:
    """What checks the shape of a credential for the places of a scheme; None where any bytes are taken.

    name: the provider of the bills, whose credential opens a place that has no owner.
    """
    if scheme == "https" and name not in CLUSTERS:
        from common.providers.signed_address import read_credential

        return read_credential
    return provider(_OWNERS.get(scheme, name)).read_credential


@cache
def provider(name: str) -> Provider:
    """The provider of a name in TITLES; its code is imported on first use, so that a function loads only its own."""
    return cast("Provider", importlib.import_module(f"common.providers.{name}").PROVIDER)
