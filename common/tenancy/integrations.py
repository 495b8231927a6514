"""What users do with an integration once it is there: pause, resume and remove it."""

from __future__ import annotations

from common.ports import Document, Runtime, Transaction
from common.records import places
from common.records.deliveries import CURRENT
from common.records.integrations import ACTIVE, DISABLED, integration_path, load_integration, remove_integration
from common.records.organizations import below
from common.tenancy import credentials


def pause(rt: Runtime, org_slug: str, integration_id: str) -> Document:
    """Fetch no bills of it until it is resumed; its costs stay.  Again changes nothing.  Raises NotFound."""
    return _set_status(rt, org_slug, integration_id, DISABLED)


def resume(rt: Runtime, org_slug: str, integration_id: str) -> Document:
    """Fetch its bills again.  Again changes nothing.  Raises NotFound."""
    return _set_status(rt, org_slug, integration_id, ACTIVE)


def remove(rt: Runtime, org_slug: str, integration_id: str) -> int:
    """Erase its credential, then forget it; what it delivered stays.  Returns how many of its deliveries still count.

    Raises NotFound.  An integration of the same name goes on from there.
    """
    known = load_integration(rt.documents, org_slug, integration_id)
    places.release(rt.documents, org_slug, integration_id, str(known["config"]["location"]))
    rt.sealed.delete(credentials.credential_path(org_slug, integration_id))
    remove_integration(rt.documents, org_slug, integration_id)
    found = rt.documents.list(below(org_slug, "deliveries"), {"integration_id": integration_id, "state": CURRENT})
    return len(found)


def _set_status(rt: Runtime, org_slug: str, integration_id: str, status: str) -> Document:
    path = integration_path(org_slug, integration_id)

    def work(transaction: Transaction) -> Document | None:
        document = transaction.get(path)
        if document is not None and (document["status"] == DISABLED) != (status == DISABLED):
            document |= {"status": status, "updated_at": rt.clock.now().isoformat()}
            transaction.set(path, document)
        return document

    # none there: the error lists the names
    return rt.documents.transact(work) or load_integration(rt.documents, org_slug, integration_id)
