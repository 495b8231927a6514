"""A tenant's own meter against what providers counted and charged, with what the charges are worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from common.match.answer import Match
from common.match.gathering import CURRENCY
from common.match.matching import match
from common.match.meters import CSV, meters
from common.ports import Runtime
from common.records.charges_version import current_version
from common.reporting.arguments import read_choice
from common.reporting.receipt import Receipt
from common.reporting.receipts import receipt_of
from common.reporting.sources import asked_rows, within
from common.warehouse.cost_report import ALL_DAYS, Days


@dataclass(frozen=True)
class MatchQuestion:
    """days: of the charges and calls.  meter, provider: only this kind of meter, this provider."""

    days: Days = ALL_DAYS
    meter: str | None = None
    provider: str | None = None


@dataclass(frozen=True)
class MatchAnswer:
    """receipt: what the charges are worth that the meter is compared with."""

    question: MatchQuestion
    found: Match
    receipt: Receipt = field(default_factory=Receipt)

    def as_json(self) -> dict[str, Any]:
        """For programs: plain types, amounts as exact decimals in text."""
        return {**self.found.as_json(), "receipt": self.receipt.as_json()}


def ask_match(rt: Runtime, org_slug: str, question: MatchQuestion) -> MatchAnswer:
    """Compare the settled days that the meter has calls of, key by key and model by model."""
    version = current_version(rt.documents, org_slug)
    found = match(rt, org_slug, question.days, question.meter, question.provider)
    if found.days is None:
        return MatchAnswer(question, found)
    with asked_rows(rt, org_slug, None) as rows:
        sources = [one for one in rows.sources if one.provider in found.providers and within(one, found.days)]
        receipt = receipt_of(rt, org_slug, rows, sources, found.days, version, {CURRENCY}, found.charges)
    return MatchAnswer(question, found, receipt)


def read_meter(text: str) -> str:
    """A kind of meter.  Raises InvalidQuestion."""
    return read_choice(text, (*meters(), CSV), "a kind of meter")
