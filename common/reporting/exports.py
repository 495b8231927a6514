"""Exports: the current rows as FOCUS 1.3, for other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.domain.one_view import OneView, one_view_notes
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.records.one_view import shown_in_one_view
from common.reporting.arguments import InvalidQuestion

ENDINGS = (".parquet", ".csv")


@dataclass(frozen=True)
class ExportRequest:
    """What is to be written where.  None: of all periods, of all integrations.

    path: ends in .parquet or .csv, which is the format; a file that is there is replaced.  Raises InvalidQuestion for other endings.
    """

    path: Path
    billing_period: BillingPeriod | None = None
    integration_id: str | None = None

    def __post_init__(self) -> None:
        if self.path.suffix not in ENDINGS:
            raise InvalidQuestion(f"'{self.path.name}' must end in {' or '.join(ENDINGS)}")


@dataclass(frozen=True)
class Exported:
    """A written file and how many FOCUS rows it holds.  one_view: deliveries in it whose source does not provide a cost column."""

    path: Path
    rows: int
    size_bytes: int
    one_view: tuple[OneView, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not known of the rows, in sentences."""
        return tuple(one_view_notes(one.as_facts() for one in self.one_view))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"path": str(self.path), "rows": self.rows, "size_bytes": self.size_bytes, "notes": list(self.notes)}


def export_rows(rt: Runtime, org_slug: str, request: ExportRequest) -> Exported:
    """Write the current rows: FOCUS columns first, then x_ ones.  The file appears whole or not at all."""
    conditions: list[str] = ["true"]
    parameters: dict[str, object] = {}
    if request.billing_period:
        conditions.append("BillingPeriodStart >= @period_start and BillingPeriodStart < @period_end")
        parameters |= {"period_start": request.billing_period.start, "period_end": request.billing_period.end}
    if request.integration_id:
        conditions.append("x_IntegrationId = @integration")
        parameters["integration"] = request.integration_id
    rows = rt.warehouse.export(org_slug, str(request.path), " and ".join(conditions), parameters)
    one_view = _in_one_view(rt, org_slug, request) if rows else ()
    return Exported(request.path, rows, request.path.stat().st_size, one_view)


def _in_one_view(rt: Runtime, org_slug: str, request: ExportRequest) -> tuple[OneView, ...]:
    wanted = None if request.billing_period is None else str(request.billing_period)
    return tuple(
        one
        for one in shown_in_one_view(rt.documents, org_slug)
        if wanted in (None, one.billing_period) and request.integration_id in (None, one.integration_id)
    )
