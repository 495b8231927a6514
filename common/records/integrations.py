"""Integrations: where a tenant's bills come from (`orgs/<org>/integrations/<id>`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from common.domain.integrations import (
    CONNECTED,
    FAILED,
    SUCCEEDED,
    WAITS,
    Change,
    next_state,
    with_change,
)
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration, NotFound
from common.ports import Document, DocumentStore, Source, Transaction
from common.providers.registry import PROVIDERS, TITLES
from common.records import places
from common.records.batches import delete_all
from common.records.names import check_integration_id
from common.records.organizations import below
from common.records.runs import load_run

ALLOW_OVERLAP = "allow_overlap"
"""In an integration's config: what it shows may be shown by another one too."""
ONE_OFF = "one_off"
"""In an integration's config: its bills were imported by hand, so its location is not looked at again by itself."""

ACCOUNTS = "accounts"
"""In an integration's document: the billing accounts that the export at its location named when it was connected."""
SPLIT_NODES = "split_nodes"
"""In the document of a cluster's integration: charges for its nodes are split among what ran on them."""
_STAYING = ("history", "checks", SPLIT_NODES)
"""What connecting again leaves as it is."""
SYNCHRONIZATION, CHECK = "synchronization", "check"
"""In its history: what changed it."""
CLAIM = "landing"
"""In an integration's document: the run that lands its files, and until when at the latest."""
LANDS_WITHIN = timedelta(hours=1)
"""How long a run keeps others of its integration from landing, after its last sign of life: then it is given up for lost."""
KNOWN_FILES, KNOWN_DELIVERIES = "known_files", "known_deliveries"
"""What lies below an integration's document: what landing knows of the files at its location."""


def integration_path(org_slug: str, integration_id: str) -> str:
    """Where an integration's document lies."""
    return below(org_slug, "integrations", integration_id)


def save_integration(
    documents: DocumentStore,
    now: datetime,
    org_slug: str,
    integration_id: str,
    provider: str,
    location: str,
    keep_location: bool = False,
    allow_overlap: bool = False,
    credential_ref: str | None = None,
    claim: bool = False,
    external_id: str | None = None,
    accounts: Sequence[str] = (),
    waiting: str | None = None,
    requested_by: str = "",
) -> dict[str, Any]:
    """Make an integration, or point the one of that name at another location of the same provider.

    keep_location: where there is one of that name, it goes on reading where it reads; a new one reads once, here.  allow_overlap: what
    another integration shows too is shown on purpose, from now on.  credential_ref: the path of the credential that is stored for it; an
    earlier one's stays.  claim: the location becomes this organization's, and no other one may read there.
    external_id: what the customer's role asks for.  accounts: whose costs the export says that it holds.
    waiting: why nothing lies there yet.  requested_by: for its history.
    Raises BadConfiguration for an unknown provider, an id of another provider, an id that is no name, or a location that another
    organization has claimed.
    """
    if provider not in PROVIDERS:
        raise BadConfiguration(f"provider is '{provider}', expected one of {', '.join(PROVIDERS)}")
    check_integration_id(integration_id)
    path = integration_path(org_slug, integration_id)

    def work(transaction: Any) -> dict[str, Any]:
        before = transaction.get(path) or {}
        config = before.get("config", {})
        earlier = config.get("location")
        claims = places.claims_with(transaction, org_slug, integration_id, location, earlier) if claim else {}
        if before and before["provider"] != provider:
            raise BadConfiguration(
                f"integration {integration_id} is one of {TITLES[before['provider']]}, the bill is one of {TITLES[provider]}; "
                "choose another --integration"
            )
        if keep_location:
            config = {"location": location, **config} if before else {"location": location, ONE_OFF: True}
        else:
            config = {name: value for name, value in config.items() if name != ONE_OFF} | {"location": location}
        if external_id:
            config = {**config, "external_id": external_id}
        if allow_overlap:
            config[ALLOW_OVERLAP] = True
        state = next_state(before.get("status"), CONNECTED) if not (keep_location and before) else before["status"]
        if waiting and not keep_location:
            state = next_state(state, WAITS)
        document = {
            **{name: before[name] for name in _STAYING if name in before},
            "integration_id": integration_id,
            "provider": provider,
            "display_name": before.get("display_name", integration_id),
            "account_identifier": before.get("account_identifier"),
            "status": state,
            "config": config,
            "credential_ref": credential_ref or before.get("credential_ref"),
            "validated_at": now.isoformat(),
            "last_sync": before.get("last_sync"),
            "next_sync": before.get("next_sync"),
            "error_message": before.get("error_message") if keep_location else None,
            "waiting_for": before.get("waiting_for") if keep_location else waiting,
            ACCOUNTS: before.get(ACCOUNTS, []) if keep_location else sorted(accounts),
            "created_at": before.get("created_at", now.isoformat()),
            "updated_at": now.isoformat(),
        }
        if not (keep_location and before):
            what = "imported by hand" if keep_location else f"connected at {location}"
            what += ", with a new credential" if credential_ref else ""
            note_change(document, now, requested_by or "import", what)
        transaction.set(path, document)
        places.write(transaction, claims)
        return document

    return documents.transact(work)


def note_change(document: Document, now: datetime, by: str, what: str) -> None:
    """Add a change to the history in an integration's document, which has its new state already."""
    change = Change(now.isoformat(), by, what, document["status"])
    document["history"] = with_change(document.get("history", ()), change)


def load_integration(documents: DocumentStore, org_slug: str, integration_id: str) -> dict[str, Any]:
    """The integration.  Raises NotFound that lists the ones there are, and the nearest."""
    document = documents.get(integration_path(org_slug, integration_id))
    if document is None:
        known = [one for one, _ in documents.list(below(org_slug, "integrations"))]
        listed = ", ".join(known) or "none yet"
        raise NotFound(
            f"there is no integration {integration_id} in {org_slug}; known: {listed}{did_you_mean(integration_id, known)}"
        )
    return document


def remove_integration(documents: DocumentStore, org_slug: str, integration_id: str) -> None:
    """Remove an integration and what is known of its files; nothing happens where there is none."""
    path = integration_path(org_slug, integration_id)
    for collection in (KNOWN_DELIVERIES, KNOWN_FILES):
        delete_all(documents, [f"{path}/{collection}/{name}" for name, _ in documents.list(f"{path}/{collection}")])
    documents.delete(path)


def is_one_off(integration: Document) -> bool:
    """Whether its bills were imported by hand, and no location was connected since."""
    return bool(integration["config"].get(ONE_OFF))


def source_of(org_slug: str, integration: Document, location: str | None = None, periods: Sequence[str] = ()) -> Source:
    """What opening the integration's place needs.

    location: read there this once instead of where its config says.  periods: the billing periods that are wanted, none for all.
    """
    config = integration["config"]
    return Source(
        location=str(location or config["location"]),
        org_slug=org_slug,
        integration_id=integration["integration_id"],
        provider=integration["provider"],
        config=config,
        credential_ref=integration.get("credential_ref"),
        periods=tuple(periods),
    )


def claim_landing(
    documents: DocumentStore, now: datetime, org_slug: str, integration_id: str, run_id: str, until: datetime
) -> str | None:
    """Let a run land the integration's files until then; the run that does so already, where there is another one.

    A claim ends with the landing of its run.  Safe to repeat.
    """
    path = integration_path(org_slug, integration_id)

    def work(transaction: Transaction) -> str | None:
        document = transaction.get(path)
        if document is None:
            return None
        claim = document.get(CLAIM)
        if claim and claim["run_id"] != run_id and datetime.fromisoformat(claim["until"]) > now:
            other = load_run(transaction, org_slug, claim["run_id"])
            if other is not None and other.is_landing:
                return str(claim["run_id"])
        transaction.set(path, {**document, CLAIM: {"run_id": run_id, "until": until.isoformat()}})
        return None

    return documents.transact(work)


def note_looked(documents: DocumentStore, now: datetime, org_slug: str, integration_id: str) -> None:
    """Write down that its location was looked at and nothing was new; nothing is read for it."""
    fields = {"last_sync": now.isoformat(), "updated_at": now.isoformat()}
    documents.update(integration_path(org_slug, integration_id), fields)


def note_sync(
    documents: DocumentStore,
    now: datetime,
    org_slug: str,
    integration_id: str,
    error: str | None,
    waiting: str | None = None,
) -> None:
    """Write down how the last synchronisation went; an error puts the integration into `error` with words for a person.

    waiting: why nothing could be fetched yet, which is no error.
    """
    path = integration_path(org_slug, integration_id)

    def work(transaction: Any) -> None:
        document = transaction.get(path)
        if document is None:
            return
        before = document["status"], document.get("error_message"), document.get("waiting_for")
        state = next_state(document["status"], FAILED if error else WAITS if waiting else SUCCEEDED)
        document |= {
            "status": state,
            "error_message": error,
            "waiting_for": waiting,
            "last_sync": now.isoformat(),
            "updated_at": now.isoformat(),
        }
        if (state, error, waiting) != before:
            what = f"failed: {error}" if error else f"waits: {waiting}" if waiting else "fetched"
            note_change(document, now, SYNCHRONIZATION, what)
        transaction.set(path, document)

    documents.transact(work)


def note_checks(
    documents: DocumentStore,
    now: datetime,
    org_slug: str,
    integration_id: str,
    checks: Document,
    changed: Sequence[str],
) -> None:
    """Write down how its connection was checked.  changed: what is different from the checks before, for its history."""
    path = integration_path(org_slug, integration_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is None:
            return
        document |= {"checks": checks, "updated_at": now.isoformat()}
        for what in changed:
            note_change(document, now, CHECK, what)
        transaction.set(path, document)

    documents.transact(work)
