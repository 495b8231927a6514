"""The choices of the controls on the Costs screen."""

from __future__ import annotations

from datetime import date
from typing import Any

from common.domain.period import BillingPeriod
from common.reporting.costs import CostsAnswer
from web.formatting import month_name
from web.pages.cost_address import (
    CostsPage,
    plain_name,
)

_GROUPS = (
    "service", "provider", "account", "region", "resource", "integration", "month", "day", "ChargeCategory", "ServiceCategory",
    "PricingCategory", "BillingAccountId", "InvoiceIssuer", "SkuId",
    "node:1", "node:2", "node:3", "node",
)  # fmt: skip
_SPANS = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days", "365d": "Last 365 days"}
_MONTHS = 12


def _span_words(span: str) -> str:
    count, unit = span[:-1], span[-1:].lower()
    return f"Last {count} {'weeks' if unit == 'w' else 'days'}"


def controls_of(answer: CostsAnswer, query: CostsPage, today: date) -> dict[str, Any]:
    """The choices of each control, with what is chosen."""
    months: list[tuple[str, str]] = []
    if answer.charged_days:
        month = BillingPeriod.of(min(answer.charged_days[1], today))
        while len(months) < _MONTHS and month >= BillingPeriod.of(answer.charged_days[0]):
            months.append((f"month:{month}", month_name(month.start.date())))
            month = month.previous()
    spans = [(f"last:{span}", words) for span, words in _SPANS.items()]
    chosen = "all"
    if query.last or query.month:
        chosen = f"last:{query.last}" if query.last else f"month:{query.month}"
    elif query.first_day or query.last_day:
        chosen = "days"
    periods = [*spans, *months, ("all", "All days"), ("days", "From … to …")]
    if chosen not in dict(periods):
        periods.insert(
            0,
            (
                chosen,
                month_name(BillingPeriod.parse(query.month).start.date())
                if query.month
                else _span_words(query.last or ""),
            ),
        )
    groups = [(one, plain_name(one)) for one in _GROUPS]
    for one in filter(None, (query.group, query.group2)):
        if one not in _GROUPS:
            groups.append((one, plain_name(one)))
    seconds = [one for one in groups if one[0] not in ("day", "month")]
    return {
        "periods": periods,
        "period": chosen,
        "groups": groups,
        "seconds": seconds,
        "filters": groups[:6] + groups[8:],
    }
