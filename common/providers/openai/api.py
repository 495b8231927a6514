"""What is asked of OpenAI: the costs of an organization and every kind of usage, by day.

Source: OpenAI API reference, organization costs and usage.  Lag and restatement are not documented, so the last seven days are read again
on each run, and a month on the 3rd and the 10th of the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from common.providers.answer_api import AnswerApi, ApiKey, Question

_USAGE = "/v1/organization/usage/"
_BY_MODEL = ("project_id", "user_id", "api_key_id", "model")


def _headers(credential: ApiKey) -> Mapping[str, str]:
    own = {"OpenAI-Organization": credential.organization} if credential.organization else {}
    return {"Authorization": f"Bearer {credential.key}", **own}


def _unix(moment: datetime) -> str:
    return str(int(moment.timestamp()))


API = AnswerApi(
    provider="openai",
    title="OpenAI",
    address="https://api.openai.com",
    questions=(
        Question("/v1/organization/costs", ("project_id", "line_item", "api_key_id")),
        Question(f"{_USAGE}completions", (*_BY_MODEL, "batch", "service_tier"), optional=True),
        Question(f"{_USAGE}embeddings", _BY_MODEL, optional=True),
        Question(f"{_USAGE}moderations", _BY_MODEL, optional=True),
        Question(f"{_USAGE}images", (*_BY_MODEL, "size", "source"), optional=True),
        Question(f"{_USAGE}audio_speeches", _BY_MODEL, optional=True),
        Question(f"{_USAGE}audio_transcriptions", _BY_MODEL, optional=True),
        Question(f"{_USAGE}vector_stores", ("project_id",), optional=True),
        Question(f"{_USAGE}code_interpreter_sessions", ("project_id",), optional=True),
        Question(
            f"{_USAGE}file_search_calls", ("project_id", "user_id", "api_key_id", "vector_store_id"), optional=True
        ),
        Question(f"{_USAGE}web_search_calls", (*_BY_MODEL, "context_level"), optional=True),
    ),
    period=("start_time", "end_time"),
    written=_unix,
    headers=_headers,
    key_hint="give an admin key of an organization owner (sk-admin-…); keys of projects cannot read costs",
)
