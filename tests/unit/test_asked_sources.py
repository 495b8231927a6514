"""Which sources an answer about some charges rests on: those that no condition rules out."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from common.reporting.arguments import read_filter
from common.reporting.sources import Source, may_have

DAY = date(2026, 3, 1)


def source(name: str, provider: str | None) -> Source:
    return Source(name, provider, datetime(2026, 3, 2, tzinfo=UTC), DAY, DAY, DAY, (), {})


SOURCES = [source("main", "aws"), source("models", "openai"), source("native", "focus"), source("gone", None)]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ([], ["main", "models", "native", "gone"]),
        (["provider=openai"], ["models", "native", "gone"]),
        (["provider!=openai"], ["main", "native", "gone"]),
        (["provider in (aws, gcp)", "region=us-east-1"], ["main", "native", "gone"]),
        (["integration=models"], ["models"]),
        (["integration!=models", "provider=aws"], ["main", "native", "gone"]),
        (["x_Provider=aws"], ["main", "native", "gone"]),
        (["provider~open"], ["main", "models", "native", "gone"]),
    ],
)
def test_a_condition_on_the_provider_or_integration_rules_sources_out(conditions: list[str], left: list[str]) -> None:
    filters = [read_filter(one) for one in conditions]
    assert [one.integration_id for one in SOURCES if may_have(one, filters)] == left
