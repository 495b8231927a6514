"""Fetch what is new: which integrations are meant, and one request for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from common.domain.integrations import DISABLED
from common.errors import CostError, NotFound
from common.ingestion.requesting import Requested, new_request_id, publish, run_id_of
from common.messages import SyncRequested
from common.ports import Runtime
from common.records.integrations import load_integration
from common.records.organizations import below, check_known
from common.records.runs import Run, fail_queued
from common.records.usage import start_runs


def sync(
    rt: Runtime,
    org_slug: str,
    provider: str | None = None,
    integration_id: str | None = None,
    billing_periods: Sequence[str] = (),
) -> Requested:
    """Request a synchronization of each integration that is meant; None means any.

    Raises NotFound for an organization or an integration that does not exist, and where nothing is meant; BadConfiguration for an
    organization that may not run, QuotaExceeded where its plan has no room for all of the runs.  Nothing is requested then.
    """
    check_known(rt.documents, org_slug)
    if integration_id:
        load_integration(rt.documents, org_slug, integration_id)
    names = [
        one
        for one, document in rt.documents.list(below(org_slug, "integrations"))
        if one == integration_id
        or (integration_id is None and provider in (None, document["provider"]) and document["status"] != DISABLED)
    ]
    if not names:
        raise NotFound("there is nothing to sync; connect a location first: costwire connect PROVIDER --location URI")
    request_id, now = new_request_id(), rt.clock.now().isoformat()
    runs = [Run(run_id_of(request_id, name), org_slug, name, "manual", now) for name in names]
    start_runs(rt.documents, rt.clock, rt.settings.plans, runs)
    for place, name in enumerate(names):
        try:
            publish(rt, SyncRequested(request_id, "manual", org_slug, name, tuple(billing_periods)))
        except CostError as error:
            with suppress(CostError):
                for later in names[place + 1 :]:
                    fail_queued(rt.documents, rt.clock, org_slug, run_id_of(request_id, later), str(error))
            raise
    return Requested(org_slug, tuple(run_id_of(request_id, name) for name in names))


def request_all(rt: Runtime, org_slug: str, trigger: str, integration_ids: Sequence[str]) -> Requested:
    """One request for the whole organization, as the scheduler publishes it.

    integration_ids: its integrations, in the order in which their runs are told.
    """
    request_id = new_request_id()
    rt.bus.publish(SyncRequested(request_id, trigger, org_slug))
    return Requested(org_slug, tuple(run_id_of(request_id, name) for name in integration_ids))
