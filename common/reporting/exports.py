"""Exports: the current rows as FOCUS 1.3, for other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.domain.period import BillingPeriod
from common.ports import Runtime
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
    """A written file and how many FOCUS rows it holds."""

    path: Path
    rows: int
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"path": str(self.path), "rows": self.rows, "size_bytes": self.size_bytes}


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
    return Exported(request.path, rows, request.path.stat().st_size)
