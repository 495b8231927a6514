"""The alert of a source whose next delivery is overdue: one per delivery that was not followed, retracted when the next one comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from common.alerts.raising import Subject, lapse, raise_alert
from common.domain import alerts
from common.domain.freshness import Freshness, in_words
from common.ports import Document, DocumentStore, MessageBus, Transaction
from common.records.arrivals import Arrivals, arrivals_of, arrivals_path, is_watched
from common.records.integrations import integration_path

KIND = "source_late"


def check_sources(org_slug: str, documents: DocumentStore, bus: MessageBus, now: datetime) -> Mapping[str, Arrivals]:
    """Raise the alert of each source that is late, and retract that of each that has delivered.  Safe to repeat; never asks the warehouse.

    Returns what is known of every source's deliveries, by integration.
    """
    known = arrivals_of(documents, org_slug)
    for name, arrivals in known.items():
        freshness = arrivals.freshness
        if freshness is not None and (arrivals.late or freshness.is_late(now)):
            integration = documents.get(integration_path(org_slug, name))
            _check(org_slug, arrivals, freshness, integration, documents, bus, now)
    return known


def _check(
    org_slug: str,
    arrivals: Arrivals,
    freshness: Freshness,
    integration: Document | None,
    documents: DocumentStore,
    bus: MessageBus,
    now: datetime,
) -> None:
    alert_id = _alert_id(arrivals, freshness)
    if arrivals.late and arrivals.late != alert_id:  # another delivery is the newest
        if arrivals.late < alert_id:
            _move(org_slug, arrivals.late, alerts.CLEARED, _came(arrivals, freshness), documents, bus, now)
        else:  # the one that was has been withdrawn
            lapse(documents, org_slug, arrivals.late, now)
        _note(org_slug, arrivals, None, documents)
    if not is_watched(integration):
        if arrivals.late == alert_id:
            lapse(documents, org_slug, alert_id, now)
            _note(org_slug, arrivals, None, documents)
    elif freshness.is_late(now):
        _move(org_slug, alert_id, alerts.CROSSED, _overdue(arrivals, freshness, integration, now), documents, bus, now)
        if arrivals.late != alert_id:
            _note(org_slug, arrivals, alert_id, documents)


def _move(
    org_slug: str,
    alert_id: str,
    event: str,
    said: tuple[str, dict[str, str]],
    documents: DocumentStore,
    bus: MessageBus,
    now: datetime,
) -> None:
    title, lines = said
    about = {name.replace(" ", "_"): value for name, value in lines.items()}
    subject = Subject(KIND, alert_id, title, {"lines": lines, "notes": []}, about=about)
    raise_alert(org_slug, subject, event, documents, bus, now)


def _overdue(
    arrivals: Arrivals, freshness: Freshness, integration: Document | None, now: datetime
) -> tuple[str, dict[str, str]]:
    name, pattern = arrivals.integration_id, freshness.pattern
    problem = (integration or {}).get("error_message") or (integration or {}).get("waiting_for")
    advice = (
        f"costwire integrations show {name}; if nothing is wrong there, look at the export in the provider's console"
    )
    return f"{name} is late: no delivery for {in_words(now - freshness.newest_delivery)}", {
        "integration": name,
        "newest delivery": _moment(freshness.newest_delivery),
        "newest data": _moment(freshness.newest_data),
        "usual arrival": f"every {in_words(pattern.interval)}, at most {in_words(pattern.longest_interval)}",
        "expected": _moment(freshness.expected_next),
        **({"problem": str(problem)} if problem else {}),
        "what to do": advice,
    }


def _came(arrivals: Arrivals, freshness: Freshness) -> tuple[str, dict[str, str]]:
    name = arrivals.integration_id
    return f"{name} has delivered again", {
        "integration": name,
        "newest delivery": _moment(freshness.newest_delivery),
        "newest data": _moment(freshness.newest_data),
    }


def _note(org_slug: str, arrivals: Arrivals, alert_id: str | None, documents: DocumentStore) -> None:
    """Write down which alert stands, in a document that deliveries change meanwhile."""
    path = arrivals_path(org_slug, arrivals.integration_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None:
            transaction.set(path, replace(Arrivals.from_document(document), late=alert_id).as_document())

    documents.transact(work)


def _alert_id(arrivals: Arrivals, freshness: Freshness) -> str:
    """Of one integration, a later delivery's is greater."""
    return f"late-{arrivals.integration_id}-{freshness.newest_delivery:%Y%m%dT%H%M%S}"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "not known"
