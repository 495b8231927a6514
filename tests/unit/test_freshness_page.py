"""docs/freshness.md has the data that the code uses."""

from datetime import timedelta

from common.domain import completeness, freshness
from common.providers.arrivals import OTHERS, stated, stated_pattern
from common.providers.registry import PROVIDERS
from deployment.freshness_page import PAGE, page


def test_the_table_of_refresh_rates_is_that_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "docs/freshness.md is stale: python -m deployment.freshness_page"


def test_every_provider_has_a_stated_pattern_and_each_statement_its_source() -> None:
    assert set(stated()) == {*PROVIDERS, OTHERS} - {"focus"}  # whose bills come from anywhere
    assert all(
        one.reference.startswith("https://") for name, one in stated().items() if name not in (OTHERS, "saas")
    )  # the latter is ours
    assert stated_pattern("focus") == stated_pattern(None) == stated()[OTHERS].pattern


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert timedelta(days=10) == completeness.FINAL_AFTER and "unchanged for 10 days" in text
    assert timedelta(days=45) == freshness.WINDOW and "last 45 days" in text
    assert freshness.MIN_INTERVALS == 5 and "At least five intervals" in text
    assert freshness.MIN_DAYS == 7 and "At least seven days" in text
    assert timedelta(hours=6) == freshness.SLACK and "six more hours" in text
