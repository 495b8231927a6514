"""What users do with an integration once it is there: pause, resume and remove it."""

from __future__ import annotations

from common.alerts.raising import lapse
from common.domain.integrations import PAUSED, RESUMED, next_state
from common.ports import Document, Runtime, Transaction
from common.records import places
from common.records.alerts import INTEGRATION_ERROR
from common.records.deliveries import CURRENT
from common.records.integrations import SPLIT_NODES, integration_path, load_integration, note_change, remove_integration
from common.records.organizations import below
from common.tenancy import credentials, node_splits, webhooks


def pause(rt: Runtime, org_slug: str, integration_id: str, requested_by: str) -> Document:
    """Fetch no bills of it until it is resumed; its costs stay.  Again changes nothing.  Raises NotFound."""
    return _move(rt, org_slug, integration_id, PAUSED, requested_by)


def resume(rt: Runtime, org_slug: str, integration_id: str, requested_by: str) -> Document:
    """Fetch its bills again; the next synchronization shows whether it works.  Again changes nothing.  Raises NotFound."""
    return _move(rt, org_slug, integration_id, RESUMED, requested_by)


def remove(rt: Runtime, org_slug: str, integration_id: str) -> int:
    """Erase its webhook and its credential, then forget it; what it delivered stays, and its alerts are resolved.

    Returns how many of its deliveries still count.

    Raises NotFound.  An integration of the same name goes on from there.
    """
    known = load_integration(rt.documents, org_slug, integration_id)
    places.release(rt.documents, org_slug, integration_id, str(known["config"]["location"]))
    webhooks.remove(rt, org_slug, integration_id)
    rt.sealed.delete(credentials.credential_path(org_slug, integration_id))
    remove_integration(rt.documents, org_slug, integration_id)
    if known.get(SPLIT_NODES):
        node_splits.look_again(rt, org_slug, integration_id)
    for alert_id, alert in rt.documents.list(below(org_slug, "alerts"), {"type": INTEGRATION_ERROR}):
        if alert.get("integration") == integration_id:
            lapse(rt.documents, org_slug, alert_id, rt.clock.now())
    found = rt.documents.list(below(org_slug, "deliveries"), {"integration_id": integration_id, "state": CURRENT})
    return len(found)


def remove_webhook(rt: Runtime, org_slug: str, integration_id: str) -> None:
    """Take no more calls of its provider.  Again changes nothing.  Raises NotFound for an integration that does not exist."""
    load_integration(rt.documents, org_slug, integration_id)
    webhooks.remove(rt, org_slug, integration_id)


def _move(rt: Runtime, org_slug: str, integration_id: str, event: str, requested_by: str) -> Document:
    path, now = integration_path(org_slug, integration_id), rt.clock.now()

    def work(transaction: Transaction) -> Document | None:
        document = transaction.get(path)
        if document is None:
            return None
        state = next_state(document["status"], event)
        if state != document["status"]:
            document |= {"status": state, "updated_at": now.isoformat()}
            note_change(document, now, requested_by, event)
            transaction.set(path, document)
        return document

    # none there: the error lists the names
    return rt.documents.transact(work) or load_integration(rt.documents, org_slug, integration_id)
