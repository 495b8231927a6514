"""The page about rule coverage says what the code does."""

from __future__ import annotations

from pathlib import Path

from common.focus import columns
from common.validation.catalogue import rule_ids
from common.validation.coverage import page

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m common.validation.coverage > docs/validation.md"


def test_the_page_has_a_line_for_every_rule() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for column in columns():
        for rule_id in rule_ids(column):
            assert text.count(f"\n| {rule_id} | ") == 1
