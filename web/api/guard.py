"""What a service must have before it answers anybody but the user of its own machine."""

from __future__ import annotations

from collections.abc import Iterator

from common.config import PRODUCTION, ServiceSettings, Settings
from common.errors import BadConfiguration
from common.ports import Runtime
from common.records.asked import AskedCounter
from web.api.access import Door, KeyDoor, OpenDoor
from web.api.app import Service
from web.api.limits import RateLimits

LEAST_ROOT_KEY = 32
_KNOWN = ("change", "default", "example", "secret", "test", "root", "password", "your", "12345678")
"""No key of random characters contains one of these; those of guides do."""
_LEAST_CHARACTERS = 10
ROOT_KEY_SECRET = "ca-root-api-key"  # noqa: S105  # its name


def service_of(rt: Runtime, own: ServiceSettings) -> Service:
    """How the application runs for others.  Raises BadConfiguration that names everything that is missing."""
    root_key = own.ca_root_api_key.get_secret_value() if own.ca_root_api_key else rt.secrets.get(ROOT_KEY_SECRET)
    if own.environment == PRODUCTION and (missing := list(faults(rt.settings, own, root_key))):
        raise BadConfiguration(f"the service does not start with ENVIRONMENT={PRODUCTION}: {'; '.join(missing)}")
    door: Door = OpenDoor() if own.disable_auth else KeyDoor(rt, root_key)
    limits = RateLimits(rt.clock, own.rate_limit_per_minute) if own.rate_limit_enabled else None
    asked = AskedCounter(rt) if rt.settings.operator_org else None
    return Service(door, limits, encrypted=rt.settings.runtime == "cloud", asked=asked)


def faults(settings: Settings, own: ServiceSettings, root_key: str | None) -> Iterator[str]:
    """What is not fit for production, each with what is expected; never a secret's value."""
    if not root_key:
        yield "CA_ROOT_API_KEY is not set"
    elif len(root_key) < LEAST_ROOT_KEY:
        yield f"CA_ROOT_API_KEY has {len(root_key)} characters, expected at least {LEAST_ROOT_KEY}"
    elif _is_known(root_key):
        yield "CA_ROOT_API_KEY is one of a guide, expected random characters, as of openssl rand -hex 32"
    if own.disable_auth:
        yield "DISABLE_AUTH is true, expected false"
    if not own.rate_limit_enabled:
        yield "RATE_LIMIT_ENABLED is false, expected true"
    if not settings.kms_key:
        yield "COSTWIRE_KMS_KEY is not set"


def _is_known(root_key: str) -> bool:
    folded = root_key.lower()
    return len(set(root_key)) < _LEAST_CHARACTERS or any(word in folded for word in _KNOWN)
