"""A request to synchronize, fanned out over tenants and integrations."""

from __future__ import annotations

from common.domain.integrations import FETCHED
from common.errors import BadConfiguration
from common.ingestion.due_checks import is_due, order_of
from common.messages import IngestBill, SyncRequested
from common.ports import Clock, Document, DocumentStore, MessageBus
from common.records.integrations import is_one_off, load_integration
from common.records.names import check_org_slug
from common.records.organizations import below, check_may_run, may_run
from common.records.runs import fail_run, queue_run
from common.records.stalled import end_stalled


def dispatch(message: SyncRequested, documents: DocumentStore, bus: MessageBus, clock: Clock) -> None:
    """Publish one IngestBill an integration.  Where no tenant is named, of all that may run.

    Where the schedule asks, connections that were not checked for a day are checked too.

    Raises NotFound for a tenant or an integration that was named and is not there, BadConfiguration for a tenant that may not run.
    """
    by_schedule = message.trigger == "schedule" and message.integration_id is None
    if message.org_slug:
        _check_may_run(message, check_org_slug(message.org_slug), documents, clock)
        org_slugs = [message.org_slug]
    else:
        org_slugs = [org for org, organization in documents.list("orgs") if may_run(organization)]
    for org_slug in org_slugs:
        end_stalled(documents, clock, org_slug)
        orders = []
        for integration in _concerned(message, org_slug, documents):
            integration_id, provider = integration["integration_id"], integration["provider"]
            run_id = f"{message.run_id}.{integration_id}"
            queue_run(documents, clock, org_slug, run_id, integration_id, message.trigger)
            orders.append(IngestBill(provider, org_slug, integration_id, run_id, message.billing_periods))
            if by_schedule and is_due(integration, clock.now()):
                orders.append(order_of(org_slug, integration, run_id))
        bus.publish_all(orders)


def _check_may_run(message: SyncRequested, org_slug: str, documents: DocumentStore, clock: Clock) -> None:
    """Where one integration was meant, its run tells the refusal: somebody waits for it."""
    try:
        check_may_run(documents, org_slug)
    except BadConfiguration as error:
        if message.integration_id:
            run_id = f"{message.run_id}.{message.integration_id}"
            queue_run(documents, clock, org_slug, run_id, message.integration_id, message.trigger)
            fail_run(documents, clock, org_slug, run_id, str(error))
        raise


def _concerned(message: SyncRequested, org_slug: str, documents: DocumentStore) -> list[Document]:
    if message.integration_id:
        return [load_integration(documents, org_slug, message.integration_id)]
    everything = documents.list(below(org_slug, "integrations"))
    return [one for _, one in everything if one["status"] in FETCHED and not is_one_off(one)]
