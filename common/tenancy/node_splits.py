"""Whether charges for a cluster's nodes are split among what ran on them: chosen per integration, and undone at any time."""

from __future__ import annotations

from common.errors import BadConfiguration
from common.formats.recognition import formats
from common.messages import DeliveryMapped
from common.ports import Document, Runtime, Transaction
from common.providers.registry import TITLES
from common.records.deliveries import CURRENT, of_integration
from common.records.integrations import SPLIT_NODES, integration_path, load_integration, note_change


def set_split(rt: Runtime, org_slug: str, integration_id: str, on: bool, requested_by: str) -> Document:
    """Split the charges for a cluster's nodes in all bills from now on, or show them whole again; of all months that it shows.

    Again changes nothing.  Raises NotFound; BadConfiguration for an integration that is not a cluster's.
    """
    path, now = integration_path(org_slug, integration_id), rt.clock.now()
    known = load_integration(rt.documents, org_slug, integration_id)
    if not has_nodes(known["provider"]):
        raise BadConfiguration(
            f"integration {integration_id} is one of {TITLES[known['provider']]}, expected one of a cluster: whose nodes are split "
            "is chosen there, in whatever bills they are"
        )

    def work(transaction: Transaction) -> Document | None:
        document = transaction.get(path)
        if document is not None and bool(document.get(SPLIT_NODES)) != on:
            document |= {SPLIT_NODES: on, "updated_at": now.isoformat()}
            note_change(document, now, requested_by, "nodes are split" if on else "nodes are shown whole")
            transaction.set(path, document)
        return document

    changed = rt.documents.transact(work) or load_integration(rt.documents, org_slug, integration_id)
    look_again(rt, org_slug, integration_id)
    return changed


def has_nodes(provider: str) -> bool:
    """Whether an integration of a provider is a cluster's."""
    return any(one.kubernetes and one.provider == provider for one in formats().values())


def look_again(rt: Runtime, org_slug: str, integration_id: str) -> None:
    """Have every month of a cluster decided again by the function that shows deliveries."""
    for one in of_integration(rt.documents, org_slug, integration_id):
        if one.state == CURRENT:
            rt.bus.publish(
                DeliveryMapped(
                    org_slug=org_slug,
                    integration_id=integration_id,
                    provider=one.provider,
                    billing_period=one.billing_period,
                    delivery_id=one.delivery_id,
                    run_id=one.run_id,
                )
            )
