"""Deliveries of exports of DeepSeek's console at a location: each is a zip with `cost-<month>.csv` and `amount-<month>.csv`, unpacked.

The file of amounts has tokens and prices and no cost, so it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from common.errors import BadBill
from common.ports import Location
from common.providers.discovery import FoundDelivery, data_files, one_delivery


def discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """One delivery of all files of costs.  periods: not looked at; a delivery's periods are found by reading it.

    Raises BadBill where there is none, saying what is there instead.
    """
    found = data_files(location)
    costs = [item for item in found if not PurePosixPath(item.name).name.lower().startswith("amount")]
    if found and not costs:
        raise BadBill(
            f"{location.uri} holds amounts of tokens but no costs; give the cost-….csv of the same export too"
        )
    return [one_delivery(location, costs)]
