"""The platform's own bill, by organization: `costwire://<operator>/<integration>`, which only the operator's organization may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime

from common.errors import NotReady
from common.ports import Location
from common.ports.locations import Probe
from common.providers.discovery import FoundDelivery, data_files, one_delivery
from common.providers.made_files import MadeFiles

SCHEME = "costwire://"


def platform_bill_location(
    uri: str, make: Callable[[Sequence[str]], Mapping[str, bytes]], now: datetime, periods: Sequence[str] = ()
) -> MadeFiles:
    """The months that can still change, each a file: the present one and the one before; or those that are asked for."""
    months = tuple(periods) or _open_months(now)
    probes = (
        Probe("identity", lambda: "the operator's organization"),
        Probe("reading", lambda: f"{len(make(months))} months have something to bill"),
    )
    return MadeFiles(uri, lambda: make(months), now, probes)


def discover(location: Location) -> list[FoundDelivery]:
    """Each month is one delivery.  Raises NotReady before the first day has been noted."""
    found = data_files(location)
    if not found:
        raise NotReady("no day of the platform's use has been noted yet; clean-up notes each day once it is over")
    return [one_delivery(location, [item]) for item in found]


def _open_months(now: datetime) -> tuple[str, str]:
    today = now.astimezone(UTC).date()
    before = date.fromordinal(today.replace(day=1).toordinal() - 1)
    return f"{before:%Y-%m}", f"{today:%Y-%m}"
