"""Finding what a user names: ids by a unique prefix, and integrations; an error names what is nearest."""

from __future__ import annotations

from collections.abc import Iterable

from common.domain.nearest import did_you_mean
from common.errors import NotFound
from common.ports import DocumentStore
from common.records.deliveries import delivery_path
from common.records.organizations import below

_NAMED = 3


def the_one(prefix: str, known: Iterable[str], what: tuple[str, str], listed_by: str) -> str:
    """The id that is, or alone begins with, `prefix`.

    what: one and several, as `delivery` and `deliveries`.  listed_by: the command that shows the ids.
    Raises NotFound for none and for several.
    """
    ids = sorted(known)
    found = [one for one in ids if prefix and one.startswith(prefix)]
    if prefix in found:
        return prefix
    if not found:
        raise NotFound(f"there is no {what[0]} {prefix}; {listed_by} shows them{did_you_mean(prefix, ids)}")
    if len(found) > 1:
        some = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
        raise NotFound(f"{prefix} matches {len(found)} {what[1]} ({some}); give more characters of the id")
    return found[0]


def find_delivery(documents: DocumentStore, org_slug: str, prefix: str) -> str:
    """The id of the one delivery whose id is, or begins with, `prefix`.  Raises NotFound for none and for several."""
    if "/" not in prefix and prefix and documents.get(delivery_path(org_slug, prefix)) is not None:
        return prefix
    ids = (name for name, _ in documents.list(below(org_slug, "deliveries")))
    return the_one(prefix, ids, ("delivery", "deliveries"), "costwire deliveries")


def check_integration(documents: DocumentStore, org_slug: str, integration_id: str) -> None:
    """Raises NotFound for an integration that does not exist, with those that do."""
    known = [name for name, _ in documents.list(below(org_slug, "integrations"))]
    if integration_id not in known:
        there = f"there are {', '.join(known)}" if known else "there are none yet"
        raise NotFound(
            f"there is no integration {integration_id} in {org_slug}; {there}{did_you_mean(integration_id, known)}"
        )
