"""Allocations of Kubernetes clusters, as OpenCost and Kubecost answer."""

from collections.abc import Sequence

from common.errors import NotReady
from common.ports import Location
from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.discovery import FoundDelivery, data_files, one_delivery
from common.providers.examining import examine_nothing
from common.providers.opencost.api import read_credential
from common.providers.provider import Provider


def _discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """Of a cluster's address all days together, so that those of one listing are of one time; of any other place as saved answers are."""
    if location.uri.partition("://")[0].lower() not in ("http", "https"):
        return discover_answers(location, periods)
    found = data_files(location)
    if not found:
        raise NotReady("there are no allocations yet of the days that were asked for; the next run asks again")
    return [one_delivery(location, found)]


PROVIDER = Provider("opencost", _discover, examine_nothing, read_credential=read_credential, gather=GatheredPages)
