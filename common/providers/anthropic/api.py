"""What is asked of Anthropic: the cost report and the usage report of messages, by day.

Source: Anthropic API reference and guide, Usage and Cost API.  Data usually arrive within minutes; restatement is not documented, so days
are read again as those of OpenAI.  Usage is asked for by the fields by which costs are told apart, and by API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from common.providers.answer_api import AnswerApi, ApiKey, Question

_REPORTS = "/v1/organizations/"
_USAGE_GROUPS = ("api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo")


def _headers(credential: ApiKey) -> Mapping[str, str]:
    return {"x-api-key": credential.key, "anthropic-version": "2023-06-01"}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


API = AnswerApi(
    provider="anthropic",
    title="Anthropic",
    address="https://api.anthropic.com",
    questions=(
        Question(f"{_REPORTS}cost_report", ("workspace_id", "description")),
        Question(f"{_REPORTS}usage_report/messages", _USAGE_GROUPS),
    ),
    period=("starting_at", "ending_at"),
    written=_iso,
    headers=_headers,
    key_hint="give an admin key of the organization (sk-ant-admin…); keys of a workspace cannot read costs",
)
