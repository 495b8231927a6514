"""Which organization reads where (`places/<scheme>.<container>`), and the rules of a runtime for its places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common.domain.places import FILE, Place, PlaceRules
from common.errors import BadConfiguration
from common.ports import Document, DocumentStore, Runtime, Source, Transaction
from common.records.organizations import below

UPLOADS = "uploads"
OWN_FILES = (
    "objects", "outbox", "tmp", "keys.json", "documents.sqlite", "credentials.sqlite", "processed.sqlite", "bus.sqlite",
)  # fmt: skip
"""What the embedded runtime keeps in its folder."""
_OWN_BUCKETS = ("{project}-costwire", "{project}-costwire-source", "{project}-costwire-state")
_GOOGLES_COPIES = ("gcf-v2-sources-", "gcf-v2-uploads-", "run-sources-")
"""Buckets in which Cloud Functions and Cloud Run store the code of functions."""


def rules_of(rt: Runtime) -> PlaceRules:
    """What this runtime reads bills from."""
    settings = rt.settings
    if settings.runtime != "cloud":
        home = settings.home.resolve()
        return PlaceRules(reads_files=True, own=tuple(_of_file(home / name) for name in OWN_FILES))
    named = [one.format(project=settings.project) for one in _OWN_BUCKETS] if settings.project else []
    own = dict.fromkeys([*([settings.bucket] if settings.bucket else []), *named])
    uploads = Place.of(f"gs://{settings.bucket}/{UPLOADS}") if settings.bucket else None
    # tenants' datasets lie in the project, whose names an operator need not list here
    warehouse = [Place.of(f"bq://{settings.project}")] if settings.project else []
    return PlaceRules(False, (*(Place.of(f"gs://{one}") for one in own), *warehouse), _GOOGLES_COPIES, uploads)


def check_settable(rt: Runtime, location: str) -> None:
    """Raises BadConfiguration for a location that no integration may have."""
    _raise_for(rules_of(rt).setting_fault(_place(location), location))


def check_readable(rt: Runtime, source: Source) -> None:
    """Raises BadConfiguration where bills of this integration must not be read from this place.

    It is asked each time that a place is opened, since a document may have been changed by other means than `costwire connect`.
    """
    if source.on_this_machine:
        return
    rules, place = rules_of(rt), _place(source.location)
    _raise_for(rules.reading_fault(place, source.location, source.org_slug, source.integration_id))
    if rt.settings.runtime == "cloud" and not rules.is_upload(place, source.org_slug, source.integration_id):
        stored = rt.documents.get(claims_path(source.location)) or {}
        _check_free(rt.documents.get, stored, source.org_slug, source.location)


def is_upload(rt: Runtime, source: Source) -> bool:
    """Whether a place is the platform's own, where `costwire import` put a bill of this integration."""
    return rules_of(rt).is_upload(_place(source.location), source.org_slug, source.integration_id)


def claims_path(location: str) -> str:
    """Where the claims on a bucket lie."""
    place = Place.of(location)
    return f"places/{place.scheme}.{quote(place.container, safe='')}"


def claims_with(
    transaction: Transaction, org_slug: str, integration_id: str, location: str, earlier: str | None
) -> dict[str, Document | None]:
    """Path -> the claims that it holds once this integration reads at `location` and no longer at `earlier`; None for none left.

    Raises BadConfiguration where another organization has claimed the location, or a folder above or below it.
    """
    stored = transaction.get(claims_path(location)) or {}
    _check_free(transaction.get, stored, org_slug, location)
    changed: dict[str, Document | None] = {}
    if earlier and Place.of(earlier).scheme != FILE:
        changed = _without(transaction, org_slug, integration_id, earlier)
    own = {"org_slug": org_slug, "integration_id": integration_id, "location": location}
    return {**changed, claims_path(location): {"claims": [*_others(stored, org_slug, integration_id), own]}}


def release(documents: DocumentStore, org_slug: str, integration_id: str, location: str) -> None:
    """Give up an integration's claim.  Nothing happens where there is none."""

    def work(transaction: Transaction) -> None:
        write(transaction, _without(transaction, org_slug, integration_id, location))

    if Place.of(location).scheme != FILE:
        documents.transact(work)


def write(transaction: Transaction, claims: Mapping[str, Document | None]) -> None:
    """Store changed claims."""
    for path, document in claims.items():
        if document is None:
            transaction.delete(path)
        else:
            transaction.set(path, document)


def _without(transaction: Transaction, org_slug: str, integration_id: str, location: str) -> dict[str, Document | None]:
    stored = transaction.get(claims_path(location)) or {}
    left = _others(stored, org_slug, integration_id)
    return {claims_path(location): {"claims": left} if left else None}


def _others(stored: Document, org_slug: str, integration_id: str) -> list[dict[str, Any]]:
    return [one for one in _claims(stored) if (one["org_slug"], one["integration_id"]) != (org_slug, integration_id)]


def _check_free(read: Callable[[str], Document | None], stored: Document, org_slug: str, location: str) -> None:
    place = Place.of(location)
    for one in _claims(stored):
        if one["org_slug"] != org_slug and place.overlaps(Place.of(one["location"])) and _holds(read, one):
            # which organization is nobody else's business
            raise BadConfiguration(
                f"location {location} is read by another organization; give each organization a bucket or folder of its own"
            )


def _holds(read: Callable[[str], Document | None], claim: Document) -> bool:
    """Whether the integration still has that location: one that was removed or connected elsewhere holds nothing."""
    integration = read(below(claim["org_slug"], "integrations", claim["integration_id"]))
    return integration is not None and integration["config"].get("location") == claim["location"]


def _claims(stored: Document) -> list[dict[str, Any]]:
    return list(stored.get("claims", []))


def _place(location: str) -> Place:
    """The place; a file's with its links followed, so that none leads into the platform's storage."""
    place = Place.of(location)
    if place.scheme != FILE or "\x00" in "".join(place.steps):
        return place
    return _of_file((Path("/", *place.steps) if "://" in location else Path(location).expanduser()).resolve())


def _of_file(path: Path) -> Place:
    return Place(FILE, "", path.parts[1:])


def _raise_for(fault: str | None) -> None:
    if fault:
        raise BadConfiguration(fault)
