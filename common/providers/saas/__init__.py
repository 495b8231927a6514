"""Subscriptions to software, from the ledger that an organization writes itself."""

from collections.abc import Sequence

from common.domain.checks import PASSED, Check
from common.errors import BadBill, NotReady
from common.ports import Location
from common.providers.discovery import FoundDelivery, data_files, one_delivery
from common.providers.examining import EXPORT, Examined
from common.providers.provider import Provider


def discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """Each month is one delivery.  periods: not looked at; a delivery's periods are found by reading it.

    Raises NotReady where there is no charge yet.
    """
    found = data_files(location)
    if not found and location.uri.startswith("saas://"):
        raise NotReady("no subscription has a charge yet; costwire subscriptions list shows when terms begin")
    if not found:
        raise BadBill(f"{location.uri} holds no bill of subscriptions")
    return [one_delivery(location, [item]) for item in found]


def examine(location: Location) -> Examined:
    """An organization has one ledger, so a second integration of it would count everything twice."""
    organization = location.uri.partition("://")[2].partition("/")[0]
    return Examined(
        frozenset({f"saas {organization}"}), (Check(EXPORT, PASSED, "the organization's own subscriptions"),)
    )


PROVIDER = Provider("saas", discover, examine)
