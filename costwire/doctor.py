"""Command `doctor`: what is wrong with this installation, or with a deployment, and the exact mend."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Annotated

import typer

from common.errors import CostError
from common.ports import Document, Runtime
from common.ports.inspection import Finding
from common.records.deliveries import HELD
from common.records.integrations import source_of
from common.records.organizations import below
from common.runtime.bootstrap import CloudRuntime, EmbeddedRuntime, runtime
from costwire.messages import messages_lost
from costwire.output import AsJson, Org, console, print_json, styled, table
from costwire.tenant import looked_at

_LOW_DISK_BYTES = 2 << 30
_MARKS = {True: ("ok", "green"), False: ("no", "red"), None: ("?", "yellow")}


def doctor(
    integration: Annotated[str | None, typer.Option("--integration", help="Look at this integration only.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Look at everything that can be wrong, and say what to do about each; nothing is changed.

    On a laptop: the state folder, messages that are stuck, every integration's location.  With COSTWIRE_RUNTIME=cloud: settings,
    credentials, every service of the deployment, permissions.  What could not be looked at is told, and is no fault.
    """
    rt = runtime()
    findings = list(_look(rt, looked_at(rt, org), integration))
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        _print(findings)
    if any(one.well is False for one in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    """What was found; below it each mend once, on a line of its own, so that it can be copied."""
    shown = table("", "what", "found")
    for one in findings:
        shown.add_row(styled(*_MARKS[one.well]), one.what, one.found)
    console.print(shown)
    about: dict[str, list[str]] = {}
    for one in sorted(findings, key=lambda one: one.well is None):
        if one.mend:
            about.setdefault(one.mend, []).append(one.what)
    for mend, things in about.items():
        more = f" and {len(things) - 3} more" if len(things) > 3 else ""
        console.line()
        console.print(styled(f"{', '.join(things[:3])}{more}:", "dim"), soft_wrap=True)
        console.print(f"  {mend}", soft_wrap=True)


def _look(rt: Runtime, org: str, integration: str | None) -> Iterator[Finding]:
    if integration is None and isinstance(rt, EmbeddedRuntime):
        yield from _state(rt)
        yield from _messages(rt)
    if integration is None and isinstance(rt, CloudRuntime):
        yield from rt.inspection.findings()
    yield from _integrations(rt, org, integration)
    if integration is None:
        yield from _notifications(rt, org)


def _integrations(rt: Runtime, org: str, integration: str | None) -> Iterator[Finding]:
    try:
        found = rt.documents.list(below(org, "integrations"))
    except CostError as error:
        yield Finding(f"integrations of {org}", None, f"not checked: {error}")
        return
    for name, document in found:
        if integration in (None, name):
            yield _integration(rt, org, name, document)
            yield from _held(rt, org, name)


def _held(rt: Runtime, org: str, name: str) -> Iterator[Finding]:
    """Months of an integration that are held back, since another one shows them."""
    held = rt.documents.list(below(org, "deliveries"), {"integration_id": name, "state": HELD})
    for _, document in held:
        yield Finding(
            f"{name} {document['billing_period']}",
            False,
            f"held back: {document['reason']}",
            f"costwire deliveries --integration {name} shows it; to count both: costwire import or connect with --allow-overlap",
        )


def _notifications(rt: Runtime, org: str) -> Iterator[Finding]:
    """Who does not have a message and is not tried any more."""
    try:
        lost = messages_lost(rt, org)
    except CostError:
        return  # the documents cannot be read, as _integrations says
    for alert_id, whom, why in lost:
        yield Finding(f"alert {alert_id}", False, f"not sent by {whom}: {why}", "fix the cause, then costwire replay")


def _state(rt: EmbeddedRuntime) -> Iterator[Finding]:
    free = shutil.disk_usage(rt.home).free
    low = free < _LOW_DISK_BYTES
    yield Finding("state folder", not low, f"{rt.home}, {free >> 30} GiB free", "free some disk space" if low else "")
    channels = ", ".join(one.channel for one in rt.notifiers)
    yield Finding("notifications", True, f"sent to: {channels}")


def _messages(rt: EmbeddedRuntime) -> Iterator[Finding]:
    pending = rt.bus.pending()
    yield Finding("messages", pending == 0, f"{pending} not done", "costwire sync finishes them" if pending else "")
    for letter in rt.bus.dead_letters():
        yield Finding(
            f"{letter.topic}-dead", False, letter.reason, f"mend the cause, then costwire replay --topic {letter.topic}"
        )


def _integration(rt: Runtime, org: str, name: str, document: Document) -> Finding:
    source = source_of(org, document)
    try:
        count = len(rt.source(source).list())
    except CostError as error:
        return Finding(name, False, str(error), f"costwire connect {document['provider']} --id {name} --location URI")
    if document["error_message"]:
        return Finding(
            name, False, str(document["error_message"]), f"costwire sync --integration {name} after mending it"
        )
    return Finding(name, True, f"{count} files at {source.location}")
