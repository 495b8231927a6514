"""What is asked of OpenCost and Kubecost: the allocations of one closed day, by node and controller, idle capacity on rows of its own.

Source: OpenCost API reference, /allocation; Kubecost's, /model/allocation.  Windows are narrow, since each is computed from Prometheus.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from common.errors import BadConfiguration
from common.formats.answers import Page
from common.providers.credential_file import Shape, read_shape

PATH = "/allocation"
AGAIN_DAYS = 7
"""How many days are read again on each run: adjustments come with the cloud's bill, some days later."""
CURRENCY = "USD"
"""OpenCost's own, where it was not set up with another one."""
_CODE = re.compile(r"[A-Z]{3}")
_SHAPE = Shape(
    "OpenCost credential",
    {"token", "username", "password"},
    '{"token": "<bearer token>"} or {"username": "<name>", "password": "<password>"}',
)


def query_of(day: date) -> list[tuple[str, str]]:
    """The parameters of a question about a day."""
    return [
        ("window", f"{_text(day)},{_text(day + timedelta(days=1))}"),
        ("step", "1d"),
        ("aggregate", "cluster,node,namespace,controllerKind,controller"),
        ("includeIdle", "true"),
        ("idleByNode", "true"),
        ("shareIdle", "false"),
        ("accumulate", "false"),
    ]


def fault_of(page: Page, day: date) -> str | None:
    """Why an answer is none about a day; None where it is.  Nothing of the answer is quoted."""
    steps = page.value.get("data")
    if page.value.get("code", "200") != "200":
        return "its answer says that it failed"
    if steps is not None and not (
        isinstance(steps, list) and all(isinstance(step, dict) or step is None for step in steps)
    ):
        return "it answers in another form than its reference says: no list `data` of allocations"
    windows = [one.get("window") for step in steps or () if step for one in step.values() if isinstance(one, dict)]
    if any(not isinstance(one, dict) or not _is_of(one, day) for one in windows):
        return f"it answers about another time than {day} (UTC)"
    return None


@dataclass(frozen=True)
class ClusterAddress:
    """Where a cluster answers.  base: scheme, host and port.  path: before /allocation.  currency: of its prices."""

    base: str
    host: str
    port: int
    path: str
    currency: str = CURRENCY

    @classmethod
    def of(cls, uri: str, private: bool) -> ClusterAddress:
        """The address of a location.  private: whether plain HTTP may be used.  Raises BadConfiguration, and quotes nothing of a secret."""
        expected = (
            "expected https://host or https://host/path, and ?currency=EUR where its prices are not in US dollars"
        )
        try:
            parts = urlsplit(uri)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise BadConfiguration(f"location is not the address of a cluster's OpenCost, {expected}") from None
        given = parse_qs(parts.query, keep_blank_values=True)
        currency = given.pop("currency", [CURRENCY])
        if not host or given or parts.fragment or parts.username is not None or len(currency) != 1:
            raise BadConfiguration(f"location is not the address of a cluster's OpenCost, {expected}")
        if not _CODE.fullmatch(currency[0]):
            raise BadConfiguration(
                "the currency of the location is not an ISO 4217 code, expected one such as ?currency=EUR"
            )
        if parts.scheme.lower() != "https" and not private:
            raise BadConfiguration(
                "location is http://, which is read on one's own machine only; give the cluster an https:// address"
            )
        path = parts.path.rstrip("/").removesuffix(PATH)
        standard = 443 if parts.scheme.lower() == "https" else 80
        return cls(f"{parts.scheme.lower()}://{parts.netloc.lower()}", host, port or standard, path, currency[0])


@dataclass(frozen=True)
class ClusterCredential:
    """What the proxy before a cluster's OpenCost asks for; it has no sign-in of its own."""

    headers: Mapping[str, str] = field(repr=False)

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "cluster"

    @property
    def is_assumed(self) -> bool:
        """Nothing is assumed."""
        return False


def read_credential(secret: bytes) -> ClusterCredential:
    """The credential in a file's bytes.  Raises BadConfiguration that quotes nothing of it."""
    found = read_shape(secret, _SHAPE)
    if set(found) not in ({"token"}, {"username", "password"}):
        raise BadConfiguration(_SHAPE.fault("has neither a token nor a user name and its password"))
    if not all(text.isascii() and text.isprintable() for text in found.values()):
        raise BadConfiguration(_SHAPE.fault("has characters that no token or password of a request has"))
    if "token" in found:
        return ClusterCredential({"Authorization": f"Bearer {found['token']}"})
    pair = base64.b64encode(f"{found['username']}:{found['password']}".encode()).decode()
    return ClusterCredential({"Authorization": f"Basic {pair}"})


def _text(day: date) -> str:
    return f"{day}T00:00:00Z"


def _is_of(window: Mapping[str, Any], day: date) -> bool:
    first = datetime.combine(day, time(), UTC)
    try:
        start, end = (datetime.fromisoformat(str(window.get(name))) for name in ("start", "end"))
        return first <= start < end <= first + timedelta(days=1)
    except (ValueError, TypeError):
        return False
