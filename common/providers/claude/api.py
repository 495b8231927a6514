"""What is asked of Claude Enterprise: the cost report by product, model and kind of token, and the usage report, by day.

Source: Anthropic API reference, analytics.  Days usually appear within 4 hours, at the latest after 24, and may be revised for 30 days.
A day has at most 100 groups, and a group beyond them has no row: then fewer kinds are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from common.providers.answer_api import AnswerApi, ApiKey, Question

_PATH = "/v1/organizations/analytics/"
_BY_TIER = ("product", "model", "context_window", "inference_geo", "speed")


def _headers(credential: ApiKey) -> Mapping[str, str]:
    return {"x-api-key": credential.key, "anthropic-version": "2023-06-01"}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


API = AnswerApi(
    provider="claude",
    title="Claude Enterprise",
    address="https://api.anthropic.com",
    questions=(
        Question(
            f"{_PATH}cost_report",
            (*_BY_TIER, "cost_type", "token_type"),
            most_groups=100,
            coarser=(("product", "model", "cost_type", "token_type"), ("product", "model"), ("product",)),
        ),
        Question(
            f"{_PATH}usage_report",
            _BY_TIER,
            most_groups=100,
            coarser=(("product", "model"), ("product",)),
            optional=True,
        ),
    ),
    period=("starting_at", "ending_at"),
    written=_iso,
    headers=_headers,
    key_hint="give an Analytics API key (scope read:analytics) of the primary owner; admin keys cannot read these reports",
    again_days=31,
)
