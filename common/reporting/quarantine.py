"""Quarantine: lines of bills that gave no FOCUS row, each with its reason and its amount."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from common.domain.money import add, plain
from common.formats.engine import engine
from common.formats.source import file_literal
from common.ports import ObjectStore, Runtime
from common.records.deliveries import REPLACED, SUPERSEDED
from common.records.organizations import below
from common.records.past_deliveries import find_delivery


@dataclass(frozen=True)
class QuarantinedLine:
    """One line of a bill that gave no FOCUS row.  amount None: its cost cannot be read.  source_row None: it was not asked for."""

    integration_id: str
    billing_period: str
    delivery_id: str
    source_row_id: str
    reason: str
    amount: Decimal | None
    currency: str | None
    source_row: str | None

    @property
    def delivery(self) -> tuple[str, str, str]:
        """The delivery that it came in."""
        return self.integration_id, self.billing_period, self.delivery_id

    def as_json(self, with_row: bool) -> dict[str, Any]:
        """For programs.  with_row: the line itself too, exactly as it came."""
        known = {name: value for name, value in vars(self).items() if name != "source_row" or with_row}
        return known | {"amount": None if self.amount is None else plain(self.amount)}


@dataclass(frozen=True)
class QuarantineReason:
    """Lines of one delivery with the same reason and currency.

    amount: of the lines whose cost can be read, None where it is none; unreadable: how many are not in it.
    """

    reason: str
    currency: str | None
    lines: int
    amount: Decimal | None
    unreadable: int
    first_line: str


@dataclass(frozen=True)
class QuarantinedDelivery:
    """The quarantined lines of one delivery, by reason and line; at least one."""

    integration_id: str
    billing_period: str
    delivery_id: str
    lines: tuple[QuarantinedLine, ...]

    def reasons(self) -> list[QuarantineReason]:
        """The lines, added up by reason and currency."""
        grouped = groupby(self.lines, key=lambda line: (line.reason, line.currency))
        return [_reason(reason, currency, list(lines)) for (reason, currency), lines in grouped]


def list_quarantine(
    rt: Runtime, org_slug: str, delivery_id: str | None = None, with_rows: bool = False
) -> list[QuarantinedDelivery]:
    """What is in quarantine, by delivery.

    delivery_id: only this one, or the one whose id begins so, also where it was replaced since; else those that count, or may yet.
    with_rows: read the lines too.  Raises BadConfiguration for what is no organization, NotFound for what is no delivery.
    """
    delivery_id = find_delivery(rt.documents, org_slug, delivery_id) if delivery_id else None
    past = {
        name for name, one in rt.documents.list(below(org_slug, "deliveries")) if one["state"] in (REPLACED, SUPERSEDED)
    }
    found = [
        line
        for line in read_lines(rt.objects, org_slug, with_rows)
        if (line.delivery_id == delivery_id if delivery_id else line.delivery_id not in past)
    ]
    return [_delivery(list(lines)) for _, lines in groupby(found, key=lambda line: line.delivery)]


def read_lines(objects: ObjectStore, org_slug: str, with_rows: bool) -> list[QuarantinedLine]:
    """All quarantined lines of a tenant, by delivery, reason and line; source_row stays None unless it is asked for."""
    found: list[QuarantinedLine] = []
    with ExitStack() as stack:
        connection = stack.enter_context(engine())
        row = "source_row" if with_rows else "null"
        for stored in objects.list(f"quarantine/{org_slug}/"):
            integration_id, billing_period, delivery_id = PurePosixPath(stored.uri).parts[-4:-1]
            path = stack.enter_context(objects.local(stored.uri))
            lines = connection.execute(
                f"select source_row_id, reason, amount, currency, {row} "
                f"from read_parquet({file_literal(str(path))}, hive_partitioning = false)"
            ).fetchall()
            found.extend(QuarantinedLine(integration_id, billing_period, delivery_id, *line) for line in lines)
    return sorted(found, key=lambda line: (line.delivery, line.reason, line.currency or "", line.source_row_id))


def _delivery(lines: Sequence[QuarantinedLine]) -> QuarantinedDelivery:
    first = lines[0]
    return QuarantinedDelivery(first.integration_id, first.billing_period, first.delivery_id, tuple(lines))


def _reason(reason: str, currency: str | None, lines: Sequence[QuarantinedLine]) -> QuarantineReason:
    known = [line.amount for line in lines if line.amount is not None]
    return QuarantineReason(
        reason,
        currency,
        len(lines),
        add(known) if known else None,
        len(lines) - len(known),
        lines[0].source_row_id,
    )
