"""Runs: each synchronisation, what asked for it, how it ended and how much it read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from common.errors import NotFound
from common.ports import Runtime
from common.records.runs import Run, load_run
from common.reporting.plain_types import plain_row
from common.warehouse.catalogued import catalogued


@dataclass(frozen=True)
class RunReport:
    """One run, as `pipeline_runs` has it.  records: FOCUS rows.  bytes: of the bill.  error: why it failed, was rejected or waits."""

    run_id: str
    org_slug: str
    integration_id: str | None
    trigger: str | None
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    records: int | None
    bytes: int | None
    error: str | None
    delivery_ids: list[str]

    @property
    def took_seconds(self) -> int | None:
        """How long the run lasted, in whole seconds; None before it has ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return int((self.ended_at - self.started_at).total_seconds())

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return plain_row(vars(self))


def list_runs(rt: Runtime, org_slug: str, integration_id: str | None = None) -> list[RunReport]:
    """The runs, newest first, as they are recorded.  Raises BadConfiguration for what is no organization."""
    names = [one.name for one in fields(RunReport)]
    return [
        RunReport(**{name: row[name] for name in names})
        for row in rt.warehouse.query(org_slug, catalogued("runs"))
        if integration_id in (None, row["integration_id"])
    ]


def show_run(rt: Runtime, org_slug: str, run_id: str) -> Run:
    """One run by its whole id.  Raises NotFound."""
    found = load_run(rt.documents, org_slug, run_id)
    if found is None:
        raise NotFound(f"there is no run {run_id}; costwire runs shows them")
    return found
