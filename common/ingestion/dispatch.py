"""A request to synchronize, fanned out over tenants and integrations."""

from __future__ import annotations

from common.domain.integrations import FETCHED
from common.errors import BadConfiguration, QuotaExceeded
from common.ingestion.due_checks import is_due, order_of
from common.messages import IngestBill, SyncRequested
from common.ports import Document, DocumentStore, Runtime
from common.records.audit import note_event
from common.records.integrations import is_one_off, load_integration
from common.records.names import check_org_slug
from common.records.organizations import below, check_may_run, may_run
from common.records.runs import WEBHOOK, Run, end_waiting, fail_run, queue_run
from common.records.stalled import end_stalled
from common.records.usage import start_runs


def dispatch(message: SyncRequested, rt: Runtime) -> None:
    """Publish one IngestBill an integration.  Where no tenant is named, of all that may run.

    Where the schedule asks, connections that were not checked for a day are checked too.  A run for which the plan has no room ends as
    waiting with the reason; the integrations that were fetched longest ago come first.

    Raises NotFound for a tenant or an integration that was named and is not there, BadConfiguration for a tenant that may not run.
    """
    documents, clock, plans = rt.documents, rt.clock, rt.settings.plans
    by_schedule = message.trigger == "schedule" and message.integration_id is None
    if message.org_slug:
        _check_may_run(message, check_org_slug(message.org_slug), rt)
        org_slugs = [message.org_slug]
    else:
        org_slugs = [org for org, organization in documents.list("orgs") if may_run(organization, plans)]
    if message.trigger == WEBHOOK and message.org_slug and message.integration_id:
        target = f"integrations/{message.integration_id}"
        note_event(documents, clock.now(), message.org_slug, "integration.sync", message.run_id, target)
    for org_slug in org_slugs:
        end_stalled(documents, clock, org_slug)
        orders = []
        for integration in _concerned(message, org_slug, documents):
            integration_id, provider = integration["integration_id"], integration["provider"]
            run_id = f"{message.run_id}.{integration_id}"
            if _started(rt, org_slug, run_id, integration_id, message.trigger):
                orders.append(IngestBill(provider, org_slug, integration_id, run_id, message.billing_periods))
            if by_schedule and is_due(integration, clock.now()):
                orders.append(order_of(org_slug, integration, run_id))
        rt.bus.publish_all(orders)


def _started(rt: Runtime, org_slug: str, run_id: str, integration_id: str, trigger: str) -> bool:
    """Whether the run is to be worked on."""
    run = Run(run_id, org_slug, integration_id, trigger, rt.clock.now().isoformat())
    try:
        return bool(start_runs(rt.documents, rt.clock, rt.settings.plans, [run]))
    except QuotaExceeded as error:
        _note(rt, run)
        end_waiting(rt.documents, rt.clock, org_slug, run_id, str(error))
        return False


def _check_may_run(message: SyncRequested, org_slug: str, rt: Runtime) -> None:
    """Where one integration was meant, its run tells the refusal: somebody waits for it."""
    try:
        check_may_run(rt.documents, org_slug, rt.settings.plans)
    except BadConfiguration as error:
        if message.integration_id:
            run_id = f"{message.run_id}.{message.integration_id}"
            _note(rt, Run(run_id, org_slug, message.integration_id, message.trigger, rt.clock.now().isoformat()))
            fail_run(rt.documents, rt.clock, org_slug, run_id, str(error))
        raise


def _note(rt: Runtime, run: Run) -> None:
    """Note a run that is refused, which no plan counts."""
    queue_run(rt.documents, rt.clock, run.org_slug, run.run_id, run.integration_id, run.trigger)


def _concerned(message: SyncRequested, org_slug: str, documents: DocumentStore) -> list[Document]:
    if message.integration_id:
        return [load_integration(documents, org_slug, message.integration_id)]
    everything = [one for _, one in documents.list(below(org_slug, "integrations"))]
    wanted = [one for one in everything if one["status"] in FETCHED and not is_one_off(one)]
    return sorted(wanted, key=lambda one: one.get("last_sync") or "")
