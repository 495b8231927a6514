"""What is wrong: with the installation or deployment, with an organization's integrations, with what it was to be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from common.domain.channels import OF_DEPLOYMENT, SLACK, read_hosts
from common.domain.checks import FAILED, NOT_CHECKED, PASSED, UNAVAILABLE, UNKNOWN
from common.domain.money import plain
from common.errors import CostError
from common.ingestion.checking import check_integration
from common.ports import Document, Runtime
from common.ports.inspection import Finding
from common.records.deliveries import HELD
from common.records.organizations import below
from common.records.sizes import Size, Sizes, first_of_last, in_words, measure, noted_sizes
from common.reporting.messages import lost_messages
from common.reporting.unclassified import unknown_codes

_NAMED = 3
GROWTH_DAYS = 30


def look(rt: Runtime, org_slug: str, integration_id: str | None = None) -> Iterator[Finding]:
    """Everything that can be wrong, each with what to do about it; nothing is changed.

    integration_id: only this integration.  What could not be looked at is a finding too, and no fault.
    """
    if integration_id is None:
        yield from rt.inspection.findings()
    yield from look_at_integrations(rt, org_slug, integration_id)
    if integration_id is None:
        yield from look_at_channels(rt, org_slug)
        yield from look_at_messages(rt, org_slug)
        yield from look_at_services(rt, org_slug)
        yield from look_at_sizes(rt, org_slug)


def look_at_integrations(rt: Runtime, org_slug: str, integration_id: str | None = None) -> Iterator[Finding]:
    """Whether each integration's connection and its last fetch are well, and which months are held back."""
    try:
        found = rt.documents.list(below(org_slug, "integrations"))
    except CostError as error:
        yield Finding(f"integrations of {org_slug}", None, f"not checked: {error}")
        return
    for name, _ in found:
        if integration_id in (None, name):
            yield from _integration(rt, org_slug, name)
            yield from _held(rt, org_slug, name)


def look_at_channels(rt: Runtime, org_slug: str) -> Iterator[Finding]:
    """Whether the organization's channels can be sent to, and budgets name channels that exist.  Nothing is sent."""
    try:
        found = rt.documents.list(below(org_slug, "channels"))
        budgets = [budget for _, budget in rt.documents.list(below(org_slug, "budgets"))]
    except CostError:
        return  # the documents cannot be read, as look_at_integrations says
    for name, document in found:
        yield _channel(rt, name, document)
    known = {*(name for name, _ in found), *OF_DEPLOYMENT}
    for budget in budgets:
        gone = [name for name in budget.get("channels", ()) if name not in known]
        if gone:
            yield Finding(
                f"budget {budget['name']}",
                False,
                f"names channels that do not exist ({', '.join(gone)}), so its alerts go to the default channels",
                f"costwire channels add {gone[0]}, or costwire budgets set '{budget['name']}' --notify OTHER",
            )


def look_at_messages(rt: Runtime, org_slug: str) -> Iterator[Finding]:
    """Who does not have a message and is not tried any more."""
    try:
        lost = lost_messages(rt, org_slug)
    except CostError:
        return  # the documents cannot be read, as look_at_integrations says
    for one in lost:
        yield Finding(
            f"alert {one.alert_id}",
            False,
            f"not sent by {one.recipient}: {one.reason}",
            "fix the cause, then costwire replay",
        )


def look_at_services(rt: Runtime, org_slug: str) -> Iterator[Finding]:
    """What the organization's bills hold that no table knows; no fault, since its cost is shown all the same."""
    try:
        if not rt.documents.list(below(org_slug, "integrations")):
            return  # nothing was delivered, and a question to BigQuery is billed
        found = unknown_codes(rt, org_slug)
    except CostError as error:
        yield Finding(f"services of {org_slug}", None, f"not checked: {error}")
        return
    if found:
        kinds = Counter(one.kind for one in found)
        named = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())
        most = ", ".join(f"{one.code} {plain(one.billed_cost)} {one.currency}" for one in found[:_NAMED])
        yield Finding(
            f"services of {org_slug}", True, f"in no table: {named}, as {most}", "costwire services unknown lists them"
        )


def _channel(rt: Runtime, name: str, document: Document) -> Finding:
    what, settings = f"channel {name}", rt.settings
    if document["kind"] == SLACK:
        if document["endpoint"] in read_hosts(settings.slack_hosts):
            return Finding(what, True, f"Slack at {document['endpoint']}")
        words = (
            f"{document['endpoint']} is not among the hosts that COSTWIRE_SLACK_HOSTS allows: nothing is posted to it"
        )
        return Finding(what, False, words, f"costwire channels add {name} --slack --replace, or allow the host")
    recipients = f"e-mail to {len(document['recipients'])} addresses"
    if settings.smtp_host:
        return Finding(what, True, recipients)
    if settings.runtime == "cloud":
        return Finding(
            what,
            None,
            f"{recipients}; this shell does not know whether the deployment has a mail server",
            f"costwire channels test {name}",
        )
    return Finding(
        what, False, f"{recipients}, but there is no mail server", "set COSTWIRE_SMTP_HOST and COSTWIRE_SMTP_SENDER"
    )


def look_at_sizes(rt: Runtime, org_slug: str) -> Iterator[Finding]:
    """How much is stored, by kind, and how it has grown.  Measured now on one machine, by the last clean-up on a deployment."""
    what, today = f"storage of {org_slug}", rt.clock.now().date()
    try:
        noted = noted_sizes(rt.documents, org_slug)
        if rt.settings.runtime == "embedded":
            measured, now = today, measure(rt.objects, org_slug)
        elif noted:
            measured = max(noted)
            now = noted[measured]
        elif not rt.documents.list(below(org_slug, "integrations")):
            return  # nothing was delivered
        else:
            yield Finding(
                what, None, "not measured yet; clean-up measures it once a day", f"costwire clean-up --org {org_slug}"
            )
            return
    except CostError as error:
        yield Finding(what, None, f"not checked: {error}")
        return
    before = first_of_last(noted, measured, GROWTH_DAYS)
    shown = ", ".join(f"{kind} {_size_words(kind, size, before)}" for kind, size in now.items() if size.files)
    if shown:
        since = f"; growth since {before[0]}" if before else ""
        yield Finding(what, True, f"{shown}{since}", "")


def _size_words(kind: str, size: Size, before: tuple[date, Sizes] | None) -> str:
    grown = size.bytes - before[1].get(kind, Size()).bytes if before else 0
    return in_words(size.bytes) + (f" ({'+' if grown >= 0 else ''}{in_words(grown)})" if before else "")


def _held(rt: Runtime, org_slug: str, name: str) -> Iterator[Finding]:
    """Months of an integration that are held back, since another one shows them."""
    held = rt.documents.list(below(org_slug, "deliveries"), {"integration_id": name, "state": HELD})
    for _, document in held:
        yield Finding(
            f"{name} {document['billing_period']}",
            False,
            f"held back: {document['reason']}",
            f"costwire deliveries --integration {name} shows it; to count both: costwire import or connect with --allow-overlap",
        )


def _integration(rt: Runtime, org_slug: str, name: str) -> Iterator[Finding]:
    """Each check that failed; one finding for all where none did."""
    checked = check_integration(rt, org_slug, name)
    failed = [one for one in checked.checks if one.outcome == FAILED]
    for one in failed:
        yield Finding(f"{name} {one.name}", False, one.found, one.fix)
    if not failed:
        passed = sum(one.outcome == PASSED for one in checked.checks)
        open_ones = [one for one in checked.checks if one.outcome == UNKNOWN]
        known = not any(one.cause in (UNAVAILABLE, NOT_CHECKED) for one in open_ones)
        words = "; ".join(f"{one.name}: {one.found}" for one in open_ones)
        yield Finding(name, True if known else None, f"{passed} checks passed" + (f"; {words}" if words else ""))
