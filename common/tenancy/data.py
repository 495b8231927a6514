"""All data of a tenant, everywhere: removed permanently, or restored after its warehouse was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

from common.errors import CostError, NotFound
from common.ports import Document, DocumentStore, ObjectStore, Runtime, Scheduler
from common.records import organizations as tenants
from common.records import places
from common.records.audit import erasing
from common.records.batches import delete_all, delete_objects
from common.records.charges_version import note_change
from common.records.deliveries import CURRENT, REPLACED, Delivery
from common.records.names import check_org_slug
from common.records.organizations import below
from common.records.sizes import OBJECTS
from common.tenancy.members import forget_people
from common.tenancy.schedules import ensure_schedule
from common.warehouse.showing import show_again

COLLECTIONS: dict[str, tuple[str, ...]] = {
    "api_keys": (),
    "audit": (),
    "members": (),
    "integrations": ("known_deliveries", "known_files"),
    "channels": (),
    "external_ids": (),
    "webhooks": (),
    "runs": (),
    "deliveries": ("chunks",),
    "landings": (),
    "slices": (),
    "shown_accounts": (),
    "budgets": (),
    "budget_status": (),
    "versions": (),
    "arrivals": (),
    "alerts": (),
    "notifications": (),
    "preferences": (),
    "settings": (),
    "subscriptions": (),
    "usage": (),
    "plan_changes": (),
    "past_deliveries": (),
    "retention": (),
    "sizes": (),
    "meter_files": (),
    "platform_usage": (),
    "hierarchy": (),
}
"""What lies below `orgs/<org_slug>` among the documents, each with what lies below them."""
SEALED_COLLECTIONS: dict[str, tuple[str, ...]] = {"credentials": ()}
"""The same of the sealed ones."""

Say = Callable[[str], None]


def _silent(text: str) -> None:
    pass


def suspend(rt: Runtime, org_slug: str) -> Document:
    """Nothing new starts, and nothing ticks in vain.  Again changes nothing."""
    organization = tenants.suspend(rt.documents, rt.clock.now(), org_slug)
    remove_schedules(rt.scheduler, org_slug)
    return tenants.shown(organization, rt.settings.plans)


def resume(rt: Runtime, org_slug: str) -> Document:
    """What was suspended runs again, by the interval that it had."""
    organization = tenants.resume(rt.documents, rt.clock.now(), org_slug)
    if rt.documents.list(below(org_slug, "integrations")):
        ensure_schedule(rt, org_slug)
    return tenants.shown(organization, rt.settings.plans)


@dataclass(frozen=True)
class Removed:
    """What a removal took away.  under_way: runs that may still write something; another removal takes that too."""

    schedules: int
    dataset: bool
    objects: int
    documents: int
    under_way: int

    @property
    def anything(self) -> bool:
        """Whether there was something."""
        return bool(self.schedules or self.dataset or self.objects or self.documents)


def remove(rt: Runtime, org_slug: str, say: Say = _silent) -> Removed:
    """Take away all that a tenant has.  Safe to repeat, also where it was interrupted; nothing new starts meanwhile.

    The organization's own document goes last, and with it, in one transaction, comes the platform's audit record of its removal.
    Raises NotFound where there is nothing of that name anywhere.
    """
    check_org_slug(org_slug)
    known = tenants.begin_removal(rt.documents, rt.clock.now(), org_slug)
    with erasing(org_slug):
        removed = _remove_all(rt, org_slug, known, say)
    if not removed.anything:
        raise NotFound(f"there is nothing for organization {org_slug}; costwire tenants list shows them")
    return removed


def _remove_all(rt: Runtime, org_slug: str, known: bool, say: Say) -> Removed:
    say("schedules")
    schedules = remove_schedules(rt.scheduler, org_slug)
    under_way = len(rt.documents.list(below(org_slug, "runs"), {"status": "running"}))
    say("warehouse")
    dataset = rt.warehouse.remove(org_slug)
    say("objects")
    objects = sum(_remove_objects(rt.objects, f"{kind}/{org_slug}/") for kind in OBJECTS)
    say("documents")
    _release_places(rt.documents, org_slug)
    forget_people(rt, org_slug)
    documents = _remove_documents(rt.sealed, org_slug, SEALED_COLLECTIONS)
    documents += _remove_documents(rt.documents, org_slug, COLLECTIONS)
    if known:
        rt.documents.delete(tenants.organization_path(org_slug))
    return Removed(schedules, dataset, objects, documents + known, under_way)


def remove_schedules(scheduler: Scheduler, org_slug: str) -> int:
    """End every schedule whose message is for this tenant; returns how many."""
    found = [one for one in scheduler.list() if getattr(one.message, "org_slug", None) == org_slug]
    for schedule in found:
        scheduler.remove(schedule.name)
    return len(found)


def _remove_objects(objects: ObjectStore, prefix: str) -> int:
    found = objects.list(prefix)
    delete_objects(objects, [item.uri for item in found])
    return len(found)


def _release_places(documents: DocumentStore, org_slug: str) -> None:
    """Before the integrations go, since only they say where the claims lie."""
    for integration_id, document in documents.list(below(org_slug, "integrations")):
        places.release(documents, org_slug, integration_id, str(document.get("config", {}).get("location", "")))


def _remove_documents(documents: DocumentStore, org_slug: str, collections: Mapping[str, tuple[str, ...]]) -> int:
    """What lies below a document goes before it, so that an interrupted removal finds the rest."""
    return delete_all(documents, _paths_below(documents, org_slug, collections))


def _paths_below(documents: DocumentStore, org_slug: str, collections: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for collection, nested in collections.items():
        for name, _ in documents.list(below(org_slug, collection)):
            path = below(org_slug, collection, name)
            for inner in nested:
                yield from (f"{path}/{inner}/{one}" for one, _ in documents.list(f"{path}/{inner}"))
            yield path


@dataclass(frozen=True)
class Restored:
    """What became of one delivery.  shown: the warehouse shows it now.  reason: why it does not."""

    integration_id: str
    billing_period: str
    delivery_id: str
    shown: bool
    reason: str | None = None

    def as_document(self) -> dict[str, str | bool | None]:
        """Plain types only."""
        return asdict(self)


def restore(rt: Runtime, org_slug: str, history: bool = False, say: Say = _silent) -> list[Restored]:
    """Show every slice's current delivery again, from its document and its files.  What the warehouse has, stays.

    history: earlier deliveries first, in the provider's order, so that the restatements come about again.
    A delivery whose files are gone is told, the others go on.
    """
    tenants.load(rt.documents, org_slug)
    restored = []
    for delivery in _shown(rt.documents, org_slug, history):
        say(f"{delivery.integration_id} {delivery.billing_period}")
        restored.append(_show(rt, delivery))
    return restored


def _shown(documents: DocumentStore, org_slug: str, history: bool) -> list[Delivery]:
    states = (REPLACED, CURRENT) if history else (CURRENT,)
    found = [Delivery.from_document(one) for _, one in documents.list(below(org_slug, "deliveries"))]
    wanted = [one for one in found if one.state in states]
    return sorted(wanted, key=lambda one: (one.integration_id, one.billing_period, one.rank))


def _show(rt: Runtime, delivery: Delivery) -> Restored:
    known = (delivery.integration_id, delivery.billing_period, delivery.delivery_id)
    try:
        outcome = show_again(delivery, rt)
        note_change(rt.documents, delivery.org_slug)
    except CostError as error:
        return Restored(*known, shown=False, reason=str(error))
    shown = outcome.delivery is not None
    return Restored(*known, shown=shown, reason=None if delivery.state == REPLACED else outcome.reason)
