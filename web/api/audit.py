"""The audit log of an organization, and the platform's own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from common.ports import Runtime
from common.reporting.arguments import read_since
from common.reporting.audit import AuditQuestion, list_audit
from common.reporting.audit import AuditRecord as AuditEntry
from web.api.declare import Call, Needs, Routes
from web.api.paging import Paged, after_cursor, cursor_of
from web.api.shapes import Moment

routes = Routes("Audit")


class AuditOf(Paged):
    """Which records."""

    since: str | None = Field(
        None, max_length=40, description="Only from this day or moment on, YYYY-MM-DD or ISO 8601"
    )
    action: str | None = Field(
        None, max_length=60, description="Only this action, as `key.revoke`, or `key` for all of keys"
    )
    actor: str | None = Field(None, max_length=200, description="Only of actors of this kind, name or key id")
    target: str | None = Field(
        None, max_length=200, description="Only of this target, as `budgets/cloud`, or `budgets`"
    )


class Actor(BaseModel):
    """Who did it."""

    kind: str = Field(
        description="key, root key, person, this machine, command line, provider webhook, stripe, job or program"
    )
    name: str = Field(description="Of the key, the user, the integration or the function")
    key_id: str | None
    fingerprint: str | None = Field(description="The last 4 characters of the key")


class AuditChange(BaseModel):
    """One document that changed."""

    target: str
    before: dict[str, Any] | None = Field(description="What differs, as it was; null where it did not exist")
    after: dict[str, Any] | None = Field(description="What differs, as it is; null where it is gone")


class AuditRecord(BaseModel):
    """One operation."""

    record_id: str
    at: Moment
    org_slug: str | None
    actor: Actor
    action: str
    target: str
    request_id: str | None = Field(description="Of the request or the message; null for a command")
    changes: list[AuditChange] = Field(description="Without secrets; empty where nothing that is recorded differs")
    more_changes: int = Field(description="How many changes are not listed")


class AuditLog(BaseModel):
    """Records, the newest first."""

    records: list[AuditRecord]
    next: str | None


@routes.get("/api/v1/organizations/{org}/audit", needs=Needs.OWNER, answer=AuditLog)
def list_audit_records(call: Call, query: AuditOf) -> dict[str, Any]:
    """Who changed what, and when, the newest first."""
    return _page(call, call.org_slug, query)


@routes.get("/api/v1/admin/audit", needs=Needs.ROOT, answer=AuditLog)
def list_platform_audit_records(call: Call, query: AuditOf) -> dict[str, Any]:
    """The platform's own log: its settings, and organizations that were removed."""
    return _page(call, None, query)


def _page(call: Call, org_slug: str | None, query: AuditOf) -> dict[str, Any]:
    found, after = asked_records(call.rt, org_slug, query)
    return {"records": [one.as_json() for one in found], "next": after}


def asked_records(rt: Runtime, org_slug: str | None, query: AuditOf) -> tuple[list[AuditEntry], str | None]:
    """The records of a page and the cursor of the next one.  Raises InvalidQuestion."""
    after = after_cursor(query, 2)
    question = AuditQuestion(
        read_since(query.since) if query.since else None,
        query.action or None,
        query.actor or None,
        query.target or None,
        (after[0], after[1]) if after else None,
        query.limit,
    )
    found, more = list_audit(rt, org_slug, question)
    return found, cursor_of((found[-1].at, found[-1].record_id)) if more and found else None
