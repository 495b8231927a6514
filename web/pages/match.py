"""Match, of the data pages: a tenant's own meter against what providers counted and charged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from common.domain.match import GREEN, RED, YELLOW, Line, provider_tokens, total
from common.domain.period import BillingPeriod
from common.match.answer import Match
from common.match.gathering import CURRENCY
from common.match.importing import list_logs
from common.records.meter_files import MeterFile
from common.reporting.arguments import read_period
from common.reporting.match import MatchQuestion, ask_match
from common.warehouse.cost_report import ALL_DAYS, Days
from web.pages.data import PageOf
from web.pages.receipts import view
from web.pages.screen import Call, Screen, Screens

screens = Screens()
_ROWS = 30
_LOGS = 20
_MOST_MONTHS = 24
_COLOURS: Mapping[str, tuple[str, str]] = {
    GREEN: ("Agrees", "good"),
    YELLOW: ("Up to 3 %", "warn"),
    RED: ("Over 3 %", "bad"),
}
_NO_COLOUR = ("Not compared", "quiet")


class MatchPage(PageOf):
    """Which month; by default the newest that the meter has calls of."""

    month: str | None = Field(None, max_length=20)


@dataclass(frozen=True)
class LineView:
    """A line, and how far its model is apart on that day.  tokens: of the meter and of the provider, None where unknown."""

    line: Line
    chip: tuple[str, str]
    metered_tokens: Decimal | None
    counted_tokens: Decimal | None


@screens.get("/{org}/data/match")
def match(call: Call, query: MatchPage) -> Screen:
    """Per key, model and day: the difference, its reasons, and what is unexplained."""
    logs = list_logs(call.rt, call.org_slug)
    months = _months(logs)
    month = str(read_period(query.month)) if query.month else months[0] if months else None
    answer = ask_match(call.rt, call.org_slug, MatchQuestion(_days(month)))
    lines = _views(answer.found)
    pages = max(-(-len(lines) // _ROWS), 1)
    start = (min(query.page, pages) - 1) * _ROWS
    context = {
        "tab": "match",
        "logs": logs[::-1][:_LOGS],
        "log_count": len(logs),
        "months": months[:_MOST_MONTHS],
        "month": month,
        "found": answer.found,
        "receipt": view(answer.receipt),
        "currency": CURRENCY,
        "lines": lines[start : start + _ROWS],
        "line_count": len(lines),
        "page": query.page,
        "pages": pages,
    }
    return Screen("match.html", "Match", "data", context)


def _months(logs: Sequence[MeterFile]) -> list[str]:
    """The months that logs have calls of, the newest first."""
    found: set[str] = set()
    for one in logs:
        month, last = BillingPeriod.of(one.first_day), BillingPeriod.of(one.last_day)
        while len(found) <= _MOST_MONTHS * 10 and str(last) >= str(month):
            found.add(str(last))
            last = last.previous()
    return sorted(found, reverse=True)


def _days(month: str | None) -> Days:
    if month is None:
        return ALL_DAYS
    period = BillingPeriod.parse(month)
    return Days(period.start.date(), period.end.date() - timedelta(days=1))


def _views(found: Match) -> list[LineView]:
    """The largest difference first."""
    colours = {(one.provider, one.day, one.model): one.colour for one in found.model_days}
    views = []
    for line in sorted(found.lines, key=lambda one: (-abs(one.difference or Decimal(0)), one.cell.day)):
        cell = line.cell
        theirs = provider_tokens(line.counted, line.billed)
        colour = colours.get((cell.provider, cell.day, cell.model))
        views.append(
            LineView(
                line,
                _COLOURS[colour] if colour else _NO_COLOUR,
                total(line.metered.tokens) if line.metered else None,
                total(theirs) if theirs is not None else None,
            )
        )
    return views
