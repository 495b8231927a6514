"""Check a connection step by step: who is signed in, what may be listed and read, what the export is, and when it last delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.alerts.raising import Subject, raise_alert
from common.domain import alerts
from common.domain.checks import (
    CREDENTIAL,
    FAILED,
    NOT_CHECKED,
    NOT_FOUND,
    NOT_YET,
    PASSED,
    PERMISSION,
    UNAVAILABLE,
    UNKNOWN,
    Check,
    changes,
)
from common.domain.integrations import DISABLED
from common.errors import BadBill, CostError, NoSuchPlace, NotAllowed, NotReady, NotSignedIn, Retryable
from common.ingestion.due_checks import Checked, last_checked
from common.ingestion.listing import Listing
from common.ports import Document, Probe, ProbedLocation, Runtime
from common.providers.registry import provider
from common.records.alerts import INTEGRATION_ERROR, alert_path
from common.records.integrations import is_one_off, load_integration, note_checks, source_of
from common.records.organizations import below

DELIVERS_WITHIN = timedelta(hours=48)
"""How old the newest delivery of an export may be: providers write one at least daily, and complete it within two days."""
ACCESS = "identity"
"""The check that stands for all access where the place cannot even be opened."""
SYNCHRONIZATION, DELIVERY = "synchronization", "delivery"


def check_integration(rt: Runtime, org_slug: str, integration_id: str) -> Checked:
    """Try an integration now; nothing is changed.  In the cloud what its function found last, where a credential is needed: nobody else may
    decrypt it.

    Raises NotFound for an integration that does not exist.
    """
    integration = load_integration(rt.documents, org_slug, integration_id)
    if rt.settings.runtime == "cloud" and integration.get("credential_ref"):
        return last_checked(integration) or _never(rt, integration_id)
    return Checked(integration_id, rt.clock.now(), tuple(_checks(rt, org_slug, integration)))


def last_check(rt: Runtime, org_slug: str, integration_id: str) -> Checked | None:
    """How the last stored check of an integration went; None where it was never checked.  Raises NotFound."""
    return last_checked(load_integration(rt.documents, org_slug, integration_id))


def check_integrations(rt: Runtime, org_slug: str, integration_id: str | None = None) -> list[Checked]:
    """The same for one, or for all by name.  Raises NotFound."""
    names = (
        [integration_id] if integration_id else [name for name, _ in rt.documents.list(below(org_slug, "integrations"))]
    )
    return [check_integration(rt, org_slug, name) for name in names]


def check_and_report(rt: Runtime, org_slug: str, integration_id: str, run_id: str | None = None) -> None:
    """Try an integration, store how it went, and alert of what fails; an alert is taken back when its check passes.  Safe to repeat.

    Nothing happens for bills that were imported by hand: whoever did that was there.
    """
    integration = load_integration(rt.documents, org_slug, integration_id)
    if is_one_off(integration) or integration["status"] == DISABLED:
        return
    last = last_checked(integration)
    now = rt.clock.now()
    checked = Checked(integration_id, now, tuple(_checks(rt, org_slug, integration)))
    changed = changes(last.checks if last else (), checked.checks)
    stored = {"checked_at": now.isoformat(), "checks": [one.as_document() for one in checked.checks]}
    note_checks(rt.documents, now, org_slug, integration_id, stored, changed)
    for one in checked.checks:
        _alert(rt, org_slug, integration_id, one, run_id)


def _alert(rt: Runtime, org_slug: str, integration_id: str, one: Check, run_id: str | None) -> None:
    alert_id = f"check-{integration_id}-{one.name.replace(' ', '-')}"
    event = {FAILED: alerts.CROSSED, PASSED: alerts.CLEARED}.get(one.outcome)
    if event is None or (event == alerts.CLEARED and rt.documents.get(alert_path(org_slug, alert_id)) is None):
        return
    failed = one.outcome == FAILED
    title = f"Integration {integration_id}: " + (
        f"check {one.name} failed" if failed else f"check {one.name} passes again"
    )
    lines = {"integration": integration_id, "check": one.name, "found": one.found}
    notes = [f"Fix: {' '.join(one.fix.split())}"] if failed and one.fix else []
    more = {"permission": one.permission} if failed and one.permission else {}
    facts = {"lines": {**lines, **more}, "notes": notes}
    subject = Subject(INTEGRATION_ERROR, alert_id, title, facts, about=lines)
    raise_alert(org_slug, subject, event, rt.documents, rt.bus, rt.clock.now(), run_id)


def _never(rt: Runtime, integration_id: str) -> Checked:
    words = "never yet; the next synchronization does it"
    check = Check(ACCESS, UNKNOWN, words, NOT_CHECKED, fix=f"costwire sync --integration {integration_id}")
    return Checked(integration_id, rt.clock.now(), (check,))


def _checks(rt: Runtime, org_slug: str, integration: Document) -> Iterator[Check]:
    again = _Again(integration)
    try:
        location = rt.source(source_of(org_slug, integration))
        probes = location.probes()
    except CostError as error:
        yield _explained(ACCESS, error, again)
    else:
        opened = True
        for probe in probes:
            one = _tried(probe, again) if opened or not probe.needed else _left_out(probe.name)
            opened = opened and (one.outcome == PASSED or not probe.needed)
            yield one
        yield from _of_export(rt, location, integration, again) if opened else (_left_out(DELIVERY),)
    yield _last_synchronization(integration)


@dataclass(frozen=True)
class _Again:
    """The commands that connect an integration once more."""

    integration: Document

    @property
    def place(self) -> str:
        """With another location."""
        one = self.integration
        return f"costwire connect {one['provider']} --id {one['integration_id']} --location URI"

    @property
    def credential(self) -> str:
        """With another credential."""
        one = self.integration
        location = one["config"]["location"]
        return (
            f"costwire connect {one['provider']} --id {one['integration_id']} --location {location} --credential FILE"
        )


def _tried(probe: Probe, again: _Again) -> Check:
    try:
        return Check(probe.name, PASSED, probe.run(), permission=probe.permission)
    except CostError as error:
        return _explained(probe.name, error, again, probe)


def _explained(name: str, error: CostError, again: _Again, probe: Probe | None = None) -> Check:
    """The check that an error of ours makes: what it is by its class, never by its words."""
    found, fix = str(error), probe.fix if probe else ""
    match error:
        case NotSignedIn():
            return Check(name, FAILED, found, CREDENTIAL, fix=again.credential)
        case NotAllowed():
            permission = (probe.permission if probe else None) or error.permission
            return Check(name, FAILED, found, PERMISSION, permission, fix)
        case NoSuchPlace():
            return Check(name, FAILED, found, NOT_FOUND, fix=again.place)
        case NotReady():
            return Check(name, UNKNOWN, found, NOT_YET)
        case Retryable():
            return Check(name, UNKNOWN, found, UNAVAILABLE)
        case _:
            return Check(name, FAILED, found, fix=fix)


def _left_out(name: str) -> Check:
    return Check(name, UNKNOWN, "an earlier check did not pass", NOT_CHECKED)


def _of_export(rt: Runtime, location: ProbedLocation, integration: Document, again: _Again) -> Sequence[Check]:
    """What the export is and when it last delivered, by one listing and its manifests."""
    bills = provider(integration["provider"])
    try:
        listing = Listing.of(location)
        examined = bills.examine(listing).checks
    except CostError as error:
        return [_explained(DELIVERY, error, again)]
    try:
        found = bills.discover(listing, ())
    except BadBill as error:
        return [*examined, Check(DELIVERY, FAILED, str(error))]
    except CostError as error:
        return [*examined, _explained(DELIVERY, error, again)]
    if not found:
        return [*examined, Check(DELIVERY, UNKNOWN, "no delivery yet; a new export takes up to 48 hours", NOT_YET)]
    newest = max(found, key=lambda one: one.delivered_at)
    periods = {one.billing_period for one in found}
    what = "deliver" + ("y" if len(found) == 1 else "ies") if None in periods else "month" + "s" * (len(periods) > 1)
    count = len(found) if None in periods else len(periods)
    words = f"{count} {what}; the newest delivery is of {newest.delivered_at:%Y-%m-%d %H:%M} UTC"
    if is_one_off(integration) or rt.clock.now() - newest.delivered_at <= DELIVERS_WITHIN:
        return [*examined, Check(DELIVERY, PASSED, words)]
    return [*examined, Check(DELIVERY, UNKNOWN, f"{words}: look whether the export is still active", fix="")]


def _last_synchronization(integration: Document) -> Check:
    error, name = integration.get("error_message"), integration["integration_id"]
    if error:
        return Check(SYNCHRONIZATION, FAILED, str(error), fix=f"costwire sync --integration {name} after fixing it")
    waiting = integration.get("waiting_for")
    if waiting:
        return Check(SYNCHRONIZATION, UNKNOWN, str(waiting), NOT_YET)
    last = integration.get("last_sync")
    if not last:
        return Check(SYNCHRONIZATION, UNKNOWN, "none yet", NOT_YET, fix=f"costwire sync --integration {name}")
    return Check(SYNCHRONIZATION, PASSED, f"the last one was at {datetime.fromisoformat(last):%Y-%m-%d %H:%M} UTC")
