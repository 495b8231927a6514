"""What is asked of GitHub: the billing usage of an organization, a month at once.

Source: GitHub REST API reference, billing usage.  An answer is whole, without pages, and has the usage of the last 24 months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.domain.period import BillingPeriod
from common.providers.answer_api import AnswerApi, ApiKey, Question


def _headers(credential: ApiKey) -> Mapping[str, str]:
    return {
        "Authorization": f"Bearer {credential.key}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def _of_month(month: BillingPeriod, now: datetime) -> Sequence[tuple[str, str]]:
    return [("year", str(month.year)), ("month", str(month.month))]


API = AnswerApi(
    provider="github",
    title="GitHub",
    address="https://api.github.com",
    questions=(Question("/organizations/{account}/settings/billing/usage", (), entries="usageItems"),),
    headers=_headers,
    key_hint="give a token of an organization owner that may read Administration of the organization",
    parameters=_of_month,
    needs_account=True,
)
