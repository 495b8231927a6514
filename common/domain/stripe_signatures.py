"""Stripe's signatures of webhooks: `Stripe-Signature: t=<seconds>,v1=<hex>,v1=<hex>`, HMAC-SHA-256 of `<t>.<body>`.

Source: https://docs.stripe.com/webhooks/signature.  While a secret is rolled there is one v1 per secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may lie in the past or in the future."""
_LONGEST_HEADER = 4096
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def fault(payload: bytes, header: str, secret: str, now: datetime) -> str | None:
    """Why a delivery is not Stripe's, or not of now; None where it is.  payload: the raw bytes.  All v1 signatures are compared."""
    if len(header) > _LONGEST_HEADER:
        return "the signature header is too long"
    fields = [one.strip().partition("=") for one in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    given = [value for name, _, value in fields if name == "v1"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]):
        return "the signature header has no time"
    expected = signature(payload, secret, times[0]).encode()
    same = [hmac.compare_digest(expected, one.encode(errors="replace")) for one in given]
    if not any(same):
        return "no signature matches"
    age = timedelta(seconds=now.timestamp() - int(times[0]))
    if age > TOLERANCE:
        return "the signature is too old"
    if age < -TOLERANCE:
        return "the signature is of the future"
    return None


def signature(payload: bytes, secret: str, seconds: str) -> str:
    """What Stripe signs a payload with, in hexadecimal."""
    return hmac.new(secret.encode(), seconds.encode() + b"." + payload, hashlib.sha256).hexdigest()
