"""Sources and deliveries as pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from common.domain.money import add
from common.domain.period import BillingPeriod
from common.ports import Runtime
from common.records.deliveries import CURRENT, HELD, JOINED, REJECTED, REPLACED, SUPERSEDED, WITHDRAWN
from common.reporting.deliveries import DeliveryReport
from common.reporting.integrations import IntegrationReport, list_integrations
from common.reporting.sources import Source, asked_rows

_MOST_MONTHS = 13
STATES: Mapping[str, tuple[str, str]] = {
    CURRENT: ("Proved", "good"),
    JOINED: ("Proved, joined", "good"),
    REPLACED: ("Replaced", "quiet"),
    SUPERSEDED: ("Superseded", "quiet"),
    REJECTED: ("Rejected", "bad"),
    HELD: ("Held back", "warn"),
    WITHDRAWN: ("Withdrawn", "quiet"),
}
UNDER_WAY = ("Under way", "warn")


@dataclass(frozen=True)
class SourceView:
    """One integration.  source: what its charges rest on; None where it shows none."""

    integration: IntegrationReport
    source: Source | None


@dataclass(frozen=True)
class Cell:
    """One month of one source: the delivery that counts most there; None where none arrived."""

    month: str
    delivery: DeliveryReport | None
    word: str
    kind: str


@dataclass(frozen=True)
class ProofSum:
    """The proof of one currency, as a sum.  unaccounted: the difference."""

    currency: str
    column: str
    source: Decimal
    written: Decimal
    quarantined: Decimal
    rounded_away: Decimal
    unaccounted: Decimal
    lines: int
    unreadable: int

    @property
    def accounted(self) -> Decimal:
        """What was written, is in quarantine, or was rounded away."""
        return add((self.written, self.quarantined, self.rounded_away))


def sources_of(rt: Runtime, org_slug: str) -> list[SourceView]:
    """Every integration with the state of its charges."""
    with asked_rows(rt, org_slug, None) as rows:
        known = {one.integration_id: one for one in rows.sources}
    return [SourceView(one, known.get(one.integration_id)) for one in list_integrations(rt, org_slug)]


def grid(deliveries: Sequence[DeliveryReport]) -> tuple[list[str], dict[str, list[Cell]]]:
    """(months, integration -> a cell per month), the newest 13 months that have deliveries or lie between such months."""
    periods = sorted({one.billing_period for one in deliveries if one.billing_period})
    if not periods:
        return [], {}
    last = BillingPeriod.parse(periods[-1])
    month, months = last, list[str]()
    while len(months) < _MOST_MONTHS and str(month) >= periods[0]:
        months.insert(0, str(month))
        month = month.previous()
    cells: dict[str, list[Cell]] = {}
    for name in sorted({one.integration_id for one in deliveries}):
        of_source = [one for one in deliveries if one.integration_id == name]
        cells[name] = [_cell(each, [one for one in of_source if one.billing_period == each]) for each in months]
    return months, cells


def state_words(delivery: DeliveryReport) -> tuple[str, str]:
    """(the state in words, how it is shown: good, warn, bad or quiet)."""
    return STATES.get(delivery.state, UNDER_WAY)


def proof_sums(delivery: DeliveryReport) -> list[ProofSum]:
    """The proof of each currency; empty while nothing is proved."""
    return [
        ProofSum(
            currency=one["currency"] or "",
            column=one.get("column", "BilledCost"),
            source=Decimal(one["source"]),
            written=Decimal(one["written"]),
            quarantined=Decimal(one["quarantined"]),
            rounded_away=Decimal(one["rounded_away"]),
            unaccounted=Decimal(one["difference"]),
            lines=one.get("source_lines", 0),
            unreadable=one.get("unreadable", 0),
        )
        for one in delivery.document.get("proof") or ()
    ]


def _cell(month: str, found: Sequence[DeliveryReport]) -> Cell:
    """The newest rejected one where nothing newer is shown, else the current one, else the newest."""
    shown = next((one for one in found if one.state in (CURRENT, JOINED)), None)
    newest = found[0] if found else None
    if newest is None:
        return Cell(month, None, "No delivery", "none")
    if newest.state == REJECTED or newest.state not in STATES:
        return Cell(month, newest, *state_words(newest))
    chosen = shown or newest
    return Cell(month, chosen, *state_words(chosen))


def grouped_fixes(found: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """(fix, what it is for), each fix once.  found: what is at fault and its fix, "" for none."""
    fixes: dict[str, list[str]] = {}
    for what, fix in found:
        if fix:
            fixes.setdefault(fix, []).append(what)
    return list(fixes.items())
