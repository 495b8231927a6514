"""What every ingest function does between its trigger and `bill-landed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from common.errors import BadBill, BadConfiguration, CostError
from common.ingestion.landing import land
from common.ingestion.progress import LandingProgress, TimeLimit, TimeUsed, plan_of
from common.ingestion.reading import IngestRequest, Ports
from common.messages import IngestBill
from common.ports import Location, Runtime
from common.progress import COPYING, expect
from common.providers.discovery import FoundDelivery, size_of
from common.providers.provider import Provider
from common.providers.registry import TITLES, provider
from common.records.deliveries import REJECTED, Delivery
from common.records.integrations import ERROR, load_integration, note_sync, source_of
from common.records.organizations import check_may_run
from common.records.runs import begin_run, fail_run, has_landed, note_landing, record_deliveries, run_path

MOST_AHEAD = timedelta(hours=1)
"""How far the clocks of a provider may be ahead of this one."""


def is_ahead(delivered_at: datetime, now: datetime) -> bool:
    """Whether the time of a delivery lies in the future, beyond what clocks differ by."""
    return delivered_at > now + MOST_AHEAD


def ingest(message: IngestBill, rt: Runtime) -> None:
    """Find the integration's deliveries, land each, announce its chunks.  Safe to repeat, and to interrupt.

    Where the setting `work_seconds` is used up, the same message is published again and this one is done: what was copied and read so
    far is kept.  A bill that cannot be read ends the run as rejected, and the message is done: another try would not help.  A
    location that cannot be read raises.  Either puts the integration into `error` with the reason.
    """
    org_slug, integration_id = message.org_slug, message.integration_id
    check_may_run(rt.documents, org_slug)  # the tenant's state is no fault of the integration
    progress = LandingProgress(rt.documents, rt.objects, org_slug, integration_id, message.run_id)
    if has_landed(rt.documents, org_slug, message.run_id) and progress.none():
        return  # the message once more, or its twin: copying 100 GB again would change nothing
    begin_run(rt.documents, org_slug, message.run_id)
    try:
        outcome = _land_all(message, rt, progress, provider(message.provider))
    except CostError as error:
        note_sync(rt.documents, rt.clock.now(), org_slug, integration_id, str(error))
        raise
    if outcome is None:
        return
    landed, refused = outcome
    record_deliveries(rt.documents, rt.clock, org_slug, message.run_id, [one.delivery_id for one in landed])
    unread = bool(refused)
    refused += [str(one.reason) for one in landed if one.state == REJECTED]
    if refused:
        fail_run(rt.documents, rt.clock, org_slug, message.run_id, refused[0], rejected=True, unread=unread)
    note_sync(rt.documents, rt.clock.now(), org_slug, integration_id, refused[0] if refused else None)
    progress.clear()


def _land_all(
    message: IngestBill, rt: Runtime, progress: LandingProgress, provider: Provider
) -> tuple[list[Delivery], list[str]] | None:
    """What was landed, and why others were refused; None where the rest went to another message."""
    org_slug, integration_id = message.org_slug, message.integration_id
    integration = load_integration(rt.documents, org_slug, integration_id)
    if integration["status"] not in ("active", ERROR):
        raise BadConfiguration(
            f"{TITLES[message.provider]} integration not active; costwire integrations resume {integration_id} reactivates it"
        )
    run = rt.documents.get(run_path(org_slug, message.run_id)) or {}
    location = rt.source(source_of(org_slug, integration, run.get("location")))
    request = IngestRequest(org_slug, integration_id, message.provider, message.run_id, message.billing_periods)
    time_limit = TimeLimit(rt.clock, rt.settings.work_seconds)
    ports = Ports(rt.documents, rt.objects, rt.bus, rt.clock, progress, time_limit)
    landed: list[Delivery] = []
    refused: list[str] = []
    found = [_as_stated(one, run) for one in _found(provider, location, message.billing_periods, refused)]
    if not run.get("force"):
        found = [one for one in found if not _is_of_the_future(one, rt.clock.now(), refused)]
    versions = {item.name: item.version for item in location.list()} if found else {}
    expect(lambda: (message.run_id, integration_id, {COPYING: size_of(found, location)}))
    try:
        for one in found:
            try:
                landed.extend(land(request, location, one, versions, ports, provider.rules))
            except BadBill as error:
                refused.append(str(error))
    except TimeUsed:
        progress.hand_over(plan_of(found, versions), sum(len(one.parts) for one in found))
        note_landing(rt.documents, org_slug, message.run_id)
        rt.bus.publish(message)
        return None
    return landed, refused


def _found(
    provider: Provider, location: Location, periods: Sequence[str], refused: list[str]
) -> Sequence[FoundDelivery]:
    """What lies at the location; a manifest that cannot be read, or nothing at all, is noted as refused."""
    try:
        return provider.discover(location, periods)
    except BadBill as error:
        refused.append(str(error))
        return ()


def _as_stated(found: FoundDelivery, run: Mapping[str, Any]) -> FoundDelivery:
    """The delivery with the time that was given with its run, where no manifest has one."""
    given = run.get("delivered_at")
    if not given or found.version is not None:
        return found
    return replace(
        found,
        delivered_at=datetime.fromisoformat(given),
        seen_at=found.delivered_at,
        corrects=bool(run.get("corrects")),
    )


def _is_of_the_future(found: FoundDelivery, now: datetime, refused: list[str]) -> bool:
    """Whether a delivery's time is one that no clock can have by now: shown, it would hide all that is delivered until then."""
    if not is_ahead(found.delivered_at, now):
        return False
    refused.append(
        f"{found.parts[0].name} was delivered at {found.delivered_at:%Y-%m-%d %H:%M} UTC, which is in the future; "
        "give the right time: costwire import PATH --delivered-at TIME, or --force to accept it"
    )
    return True
