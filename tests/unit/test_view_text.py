"""What the promised views repeat, they repeat word for word (docs/decisions/0015): one cannot be mended without the others."""

from __future__ import annotations

import re

import pytest

from common.warehouse.promised import view_names, view_sql

_CONVERTED = re.compile(r"^converted as \($.*?^\)", re.MULTILINE | re.DOTALL)
_RATE_MISSING = re.compile(r"else cast\(\s+error\(.*?\)\n\s+as numeric\n\s+\)", re.DOTALL)
_RATED = sorted(name for name in view_names() if "exchange_rates" in view_sql(name))


def test_the_views_in_dollars_convert_in_the_same_words() -> None:
    found = {name: _CONVERTED.findall(view_sql(name)) for name in _RATED if name != "gcp_billing_summary"}
    assert set(found) == {"cost_by_service", "cost_daily", "cost_hourly", "cost_summary"}
    assert {tuple(texts) for texts in found.values()} == {tuple(found["cost_daily"])}
    assert len(found["cost_daily"]) == 1


@pytest.mark.parametrize("name", _RATED)
def test_a_missing_rate_is_the_same_error_in_each(name: str) -> None:
    assert _RATE_MISSING.findall(view_sql(name)) == _RATE_MISSING.findall(view_sql("cost_daily")) != []
    assert view_sql(name).count("left join exchange_rates using (currency, month)") == 1
