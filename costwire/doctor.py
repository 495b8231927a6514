"""Command `doctor`: what is wrong with this installation, and the exact mend."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from common.adapters.locations import open_location
from common.bootstrap import EmbeddedRuntime, embedded
from common.errors import CostError
from costwire.output import AsJson, Org, console, print_json, table

_LOW_DISK_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at.  mend: what to do, where it is not well."""

    what: str
    well: bool
    found: str
    mend: str = ""


def doctor(
    integration: Annotated[str | None, typer.Option("--integration", help="Look at this integration only.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Check the state folder, every integration's location, and messages that are stuck; say what to do."""
    findings = list(_look(embedded(), org, integration))
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        shown = table("", "what", "found", "to do")
        for one in findings:
            shown.add_row("[green]ok[/green]" if one.well else "[red]no[/red]", one.what, one.found, one.mend)
        console.print(shown)
    if not all(one.well for one in findings):
        raise typer.Exit(1)


def _look(rt: EmbeddedRuntime, org: str, integration: str | None) -> Iterator[Finding]:
    if integration is None:
        yield from _state(rt)
        yield from _messages(rt)
    for name, document in rt.documents.list(f"orgs/{org}/integrations"):
        if integration in (None, name):
            yield _integration(name, document)


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


def _integration(name: str, document: dict[str, object]) -> Finding:
    config = document["config"]
    location = config["location"] if isinstance(config, dict) else ""
    try:
        count = len(open_location(str(location)).list())
    except CostError as error:
        return Finding(name, False, str(error), f"costwire connect {document['provider']} --id {name} --location URI")
    if document["error_message"]:
        return Finding(
            name, False, str(document["error_message"]), f"costwire sync --integration {name} after mending it"
        )
    return Finding(name, True, f"{count} files at {location}")
