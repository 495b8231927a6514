"""What is asked of xAI: the invoices of a closed month, and the preview of the present month's invoice.

Source: xAI management API reference, billing.  Until a month's invoice is there, what the last preview said stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.domain.period import BillingPeriod
from common.providers.answer_api import CLOSED, OPEN, AnswerApi, ApiKey, Question

_TEAM = "/v1/billing/teams/{account}"


def _headers(credential: ApiKey) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {credential.key}"}


def _of_month(month: BillingPeriod, now: datetime) -> Sequence[tuple[str, str]]:
    if month == BillingPeriod.of(now.date()):
        return []
    return [("billingCycle.year", str(month.year)), ("billingCycle.month", str(month.month))]


API = AnswerApi(
    provider="xai",
    title="xAI",
    address="https://management-api.x.ai",
    questions=(
        Question(f"{_TEAM}/postpaid/invoice/preview", (), when=OPEN, entries=""),
        Question(f"{_TEAM}/invoices", (), when=CLOSED, entries=""),
    ),
    headers=_headers,
    key_hint="give a management key of the team with the permission to read billing; API keys cannot read invoices",
    parameters=_of_month,
    needs_account=True,
)
