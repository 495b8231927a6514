"""What was charged, by one dimension: the question, its answer, and what asking would be billed for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.money import plain
from common.domain.one_view import OneView, one_view_notes
from common.ports import Runtime
from common.records.one_view import shown_in_one_view
from common.reporting.arguments import InvalidQuestion, read_dimension
from common.warehouse.cost_report import (
    CurrencyCosts,
    Metric,
    costs_scan,
    report_costs,
    report_deliveries,
    report_span,
)

USD_PER_TEBIBYTE = Decimal("6.25")
"""On-demand analysis in us-central1, https://cloud.google.com/bigquery/pricing; docs/cost.md says as of when."""


@dataclass(frozen=True)
class CostsQuestion:
    """by: a dimension, as read_dimension takes it.  first_day, last_day: UTC days of the charges' starts, both included; None: no end.

    Raises InvalidQuestion for a dimension that is not known, and for days in the wrong order.
    """

    by: str = "service"
    metric: Metric = Metric.BILLED_COST
    first_day: date | None = None
    last_day: date | None = None

    def __post_init__(self) -> None:
        read_dimension(self.by)
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise InvalidQuestion(f"the last day, {self.last_day}, is before the first, {self.first_day}")


@dataclass(frozen=True)
class CostsAnswer:
    """Charges by one dimension, each currency by itself, since currencies never add up.

    charged_days: where nothing was found, the first and the last day that have charges; None where there are none at all.
    one_view: deliveries with charges in these days whose source does not provide the metric for commitments.
    """

    question: CostsQuestion
    currencies: tuple[CurrencyCosts, ...]
    charged_days: tuple[date, date] | None = None
    one_view: tuple[OneView, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not known of the sums, in sentences."""
        return tuple(one_view_notes(one.as_facts() for one in self.one_view))

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        asked = self.question
        return {
            "by": asked.by,
            "metric": asked.metric.value,
            "from": asked.first_day.isoformat() if asked.first_day else None,
            "to": asked.last_day.isoformat() if asked.last_day else None,
            "currencies": [_currency(one) for one in self.currencies],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class CostsPrice:
    """What a question would scan; None where asking costs nothing."""

    scanned_bytes: int | None

    @property
    def list_price_usd(self) -> Decimal | None:
        """At list price, before the first tebibyte of a month, which is free."""
        return None if self.scanned_bytes is None else self.scanned_bytes * USD_PER_TEBIBYTE / (1 << 40)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        price = self.list_price_usd
        return {"scanned_bytes": self.scanned_bytes, "list_price_usd": None if price is None else plain(price)}


def ask_costs(rt: Runtime, org_slug: str, question: CostsQuestion) -> CostsAnswer:
    """What was charged.  Raises BadConfiguration for what is no organization."""
    asked = question.by, question.metric, question.first_day, question.last_day
    found = tuple(report_costs(rt.warehouse, org_slug, *asked))
    if not found:
        return CostsAnswer(question, found, report_span(rt.warehouse, org_slug))
    return CostsAnswer(question, found, one_view=_in_one_view(rt, org_slug, question))


def price_costs(rt: Runtime, org_slug: str, question: CostsQuestion) -> CostsPrice:
    """What asking would be billed for; nothing is asked."""
    asked = question.by, question.metric, question.first_day, question.last_day
    return CostsPrice(costs_scan(rt.warehouse, org_slug, *asked))


def _in_one_view(rt: Runtime, org_slug: str, asked: CostsQuestion) -> tuple[OneView, ...]:
    known = shown_in_one_view(rt.documents, org_slug, asked.metric.value)
    ids = [one.delivery_id for one in known]
    charged = report_deliveries(rt.warehouse, org_slug, ids, asked.first_day, asked.last_day)
    return tuple(one for one in known if one.delivery_id in charged)


def _currency(found: CurrencyCosts) -> dict[str, Any]:
    return {
        "currency": found.currency,
        "total": plain(found.total),
        "rows": [
            {"key": row.key, "name": row.name, "cost": plain(row.cost), "charges": row.charges} for row in found.rows
        ],
    }
