"""What a service must have before it answers anybody but the user of its own machine."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from common.config import PRODUCTION, ServiceSettings, Settings
from common.errors import BadConfiguration
from common.ports import Runtime
from common.records.asked import AskedCounter
from web.api.access import Door, KeyDoor, OpenDoor, PeopleDoor
from web.api.app import Service
from web.api.limits import RateLimits
from web.api.people import TRIES_PER_MINUTE, People, read_origin

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
    encrypted = rt.settings.runtime == "cloud"
    keys = KeyDoor(rt, root_key)
    people = None if own.disable_auth else _people(rt, encrypted)
    door: Door = OpenDoor() if own.disable_auth else PeopleDoor(rt, keys, people) if people else keys
    limits = RateLimits(rt.clock, own.rate_limit_per_minute) if own.rate_limit_enabled else None
    asked = AskedCounter(rt) if rt.settings.operator_org else None
    return Service(door, limits, encrypted=encrypted, asked=asked, people=people)


def _people(rt: Runtime, proxied: bool) -> People | None:
    """How people sign in; None where no setting of sign-in is set.  Raises BadConfiguration that names what is missing."""
    settings = rt.settings
    if not _wants_sign_in(settings):
        return None
    if missing := list(sign_in_faults(settings)):
        raise BadConfiguration(f"users cannot sign in: {'; '.join(missing)}")
    tries = RateLimits(rt.clock, TRIES_PER_MINUTE, "this address")
    return People(read_origin(settings.public_url or "") or "", tries, proxied)


def _wants_sign_in(settings: Settings) -> bool:
    return bool(settings.oidc_issuer or settings.oidc_client_id)


def sign_in_faults(settings: Settings) -> Iterator[str]:
    """What sign-in lacks, where some of it is set."""
    if not settings.oidc_issuer:
        yield "COSTWIRE_OIDC_ISSUER is not set"
    elif urlsplit(settings.oidc_issuer).scheme not in ("https", "http"):
        yield f"COSTWIRE_OIDC_ISSUER is '{settings.oidc_issuer[:100]}', expected an address such as https://login.example.com"
    if not settings.oidc_client_id:
        yield "COSTWIRE_OIDC_CLIENT_ID is not set"
    if "openid" not in settings.oidc_scopes.split():
        yield f"COSTWIRE_OIDC_SCOPES is '{settings.oidc_scopes[:100]}', expected openid among them"
    if not settings.public_url:
        yield "COSTWIRE_PUBLIC_URL is not set"
    elif read_origin(settings.public_url) is None:
        yield f"COSTWIRE_PUBLIC_URL is '{settings.public_url[:100]}', expected https://HOST without a path"


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
    if _wants_sign_in(settings):
        yield from sign_in_faults(settings)
        for name, address in (("OIDC_ISSUER", settings.oidc_issuer), ("PUBLIC_URL", settings.public_url)):
            if address and not address.startswith("https://"):
                yield f"COSTWIRE_{name} is '{address[:100]}', expected an address that begins with https://"


def _is_known(root_key: str) -> bool:
    folded = root_key.lower()
    return len(set(root_key)) < _LEAST_CHARACTERS or any(word in folded for word in _KNOWN)
