"""Command `audit`: who changed what, and when."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from common.reporting.arguments import read_since
from common.reporting.audit import MOST_RECORDS, AuditQuestion, AuditRecord, list_audit
from common.runtime.bootstrap import runtime
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, print_json, stacked, table
from costwire.tenant import tenant_of

_LONGEST = 60


def audit(
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only changes from this day or moment on, YYYY-MM-DD or ISO 8601, in UTC."),
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only this action, such as key.revoke, or key for all of keys.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only of this kind, name or key id.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Only of this target, such as budgets/cloud, or budgets.")
    ] = None,
    platform: Annotated[
        bool,
        typer.Option("--platform", help="The platform's own log: its settings, and organizations that were removed."),
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_RECORDS, help="Most records.")] = 100,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List who changed what, and when, the newest first."""
    rt = runtime()
    org = tenant_of(rt, org)
    with usage_errors():
        question = AuditQuestion(read_since(since) if since else None, action, actor, target, limit=limit)
    found, more = list_audit(rt, None if platform else org, question)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        asked = " that fits" if since or action or actor or target else ""
        console.print(f"No change is recorded{asked}.")
        return
    made = table("at, UTC", "actor", "action", "target", "changes")
    for one in found:
        made.add_row(one.at[:19].replace("T", " "), _actor(one), one.action, one.target, stacked(*_changes(one)))
    console.print(made)
    if more:
        console.print(f"Older ones are left out: --limit shows up to {MOST_RECORDS:,}.")


def _actor(record: AuditRecord) -> str:
    actor = record.actor
    known = f" …{actor.fingerprint}" if actor.fingerprint else ""
    return f"{actor.kind.value} {actor.name}{known}" if actor.name != actor.kind.value else actor.name


def _changes(record: AuditRecord) -> list[str]:
    shown = [
        f"{name}: {_value((change.before or {}).get(name))} → {_value((change.after or {}).get(name))}"
        for change in record.changes
        for name in {**(change.before or {}), **(change.after or {})}
    ]
    return shown[:8] + ([f"and {len(shown) - 8} more; --json shows all"] if len(shown) > 8 else [])


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else "-" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
