"""docs/tables.md describes every table, view and column that a question may read, and nothing else."""

from __future__ import annotations

from pathlib import Path

from common.warehouse.catalogue import meanings, page, relations
from common.warehouse.promised import TABLES, view_names

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m common.warehouse.catalogue > docs/tables.md"


def test_every_column_has_a_meaning_and_no_other_has() -> None:
    found = relations()
    assert set(found) == set(meanings()) == TABLES | view_names()
    for name, columns in found.items():
        assert set(meanings()[name]) == {"about", *columns}
        assert all(text.strip() for text in meanings()[name].values())
