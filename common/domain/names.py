"""Valid names of tenants and integrations.  Paths, datasets and objects are built from them."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

_ORG_SLUG = re.compile(r"[a-zA-Z0-9_]{3,50}")
_INTEGRATION_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LONGEST_SLUG = 50
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def org_slug_fault(text: str) -> str | None:
    """What is wrong with an organization's slug, for an error message; None where nothing is."""
    if _ORG_SLUG.fullmatch(text):
        return None
    return f"organization is '{text[:60]}', expected 3 to 50 letters, digits or underscores"


def integration_id_fault(text: str) -> str | None:
    """What is wrong with an integration's id, for an error message; None where nothing is."""
    if _INTEGRATION_ID.fullmatch(text):
        return None
    return f"integration id is '{text[:70]}', expected lower-case letters, digits, dashes, underscores"


def identifier(text: str) -> str:
    """A text as an integration id: lower case, other characters become dashes."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:63] or "bill"


def make_slug(name: str, now: datetime) -> str:
    """`{company_name}_{base36 timestamp}`: the name in plain letters, the time in milliseconds."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stamp = _base36(int(now.timestamp() * 1000))
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "org"
    return f"{words[: _LONGEST_SLUG - len(stamp) - 1].rstrip('_')}_{stamp}"


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
