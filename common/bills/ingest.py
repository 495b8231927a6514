"""What every ingest function does between its trigger and `bill-landed`; a provider brings how it finds deliveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from common.bills.deliveries import REJECTED, Delivery
from common.bills.discovery import FoundDelivery
from common.bills.integrations import ERROR, TITLES, load_integration, note_sync
from common.bills.landing import land
from common.bills.reading import Customs, Order, Ports
from common.bills.runs import fail_run, record_deliveries, run_path
from common.errors import BadBill, BadConfiguration, CostError
from common.messages import IngestBill
from common.ports import Location, Runtime
from common.tenants import check_may_run

Discover = Callable[[Location, Sequence[str]], list[FoundDelivery]]
_PLAIN = Customs()


def ingest(message: IngestBill, rt: Runtime, discover: Discover, customs: Customs = _PLAIN) -> None:
    """Find the integration's deliveries, land each, announce its chunks.  Safe to repeat.

    A bill that cannot be read ends the run as rejected, and the message is done: another try would not help.  A location that
    cannot be read raises.  Either puts the integration into `error` with the reason.
    """
    org_slug, integration_id = message.org_slug, message.integration_id
    check_may_run(rt.documents, org_slug)  # the tenant's state is no fault of the integration
    try:
        integration = load_integration(rt.documents, org_slug, integration_id)
        if integration["status"] not in ("active", ERROR):
            raise BadConfiguration(f"{TITLES[message.provider]} integration not active")
        run = rt.documents.get(run_path(org_slug, message.run_id)) or {}
        location = rt.location(run.get("location") or integration["config"]["location"])
        order = Order(org_slug, integration_id, message.provider, message.run_id, message.billing_periods)
        ports = Ports(rt.documents, rt.objects, rt.bus, rt.clock)
        stated = run.get("delivered_at")
        landed: list[Delivery] = []
        refused: list[str] = []
        for found in _found(discover, location, message.billing_periods, refused):
            try:
                landed.extend(land(order, location, _as_stated(found, stated), ports, customs))
            except BadBill as error:
                refused.append(str(error))
    except CostError as error:
        note_sync(rt.documents, rt.clock.now(), org_slug, integration_id, str(error))
        raise
    record_deliveries(rt.documents, rt.clock, org_slug, message.run_id, [one.delivery_id for one in landed])
    refused += [str(one.extra.get("reason")) for one in landed if one.state == REJECTED]
    if refused:
        fail_run(rt.documents, rt.clock, org_slug, message.run_id, refused[0], rejected=True)
    note_sync(rt.documents, rt.clock.now(), org_slug, integration_id, refused[0] if refused else None)


def _found(
    discover: Discover, location: Location, periods: Sequence[str], refused: list[str]
) -> Sequence[FoundDelivery]:
    """What lies at the location; a manifest that cannot be read, or nothing at all, is noted as refused."""
    try:
        return discover(location, periods)
    except BadBill as error:
        refused.append(str(error))
        return ()


def _as_stated(found: FoundDelivery, stated: str | None) -> FoundDelivery:
    """The delivery with the time that a person stated for it, where no manifest tells one."""
    return replace(found, delivered_at=datetime.fromisoformat(stated)) if stated and found.version is None else found
