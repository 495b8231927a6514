"""Values stand in SQL text by `literal` and `quoted` alone: no f-string puts quotes around a value by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SQL = re.compile(
    r"\b(select|copy \(|copy \w+ to|create|insert|attach|read_(csv|parquet|ndjson\w*|json)|set (variable )?\w+ =|in \(|regexp_\w+"
    r"|timestamptz|compression =)"
)
READERS = re.compile(r"read_(csv|parquet|ndjson\w*)\((\[)?$")
SOURCES = sorted(
    path
    for folder in ("common", "functions", "costwire", "web", "deployment", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)


def spliced(source: str) -> Iterator[int]:
    """Lines of f-strings of SQL with a value between quotes that they set themselves; constants of a module are no values."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        texts = [part.value if isinstance(part, ast.Constant) else "" for part in node.values]
        if not SQL.search("".join(map(str, texts))):
            continue
        for before, part in zip(texts, node.values[1:], strict=False):
            if isinstance(part, ast.FormattedValue) and str(before).endswith("'") and not _is_constant(part.value):
                yield part.lineno


def unescaped(source: str) -> Iterator[int]:
    """Lines where a reader of DuckDB is given a path by `literal`, which leaves patterns in it."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, part in zip(node.values, node.values[1:], strict=False):
            called = part.value if isinstance(part, ast.FormattedValue) else None
            name = called.func.id if isinstance(called, ast.Call) and isinstance(called.func, ast.Name) else ""
            if isinstance(before, ast.Constant) and READERS.search(str(before.value)) and name == "literal":
                yield part.lineno


def _is_constant(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id.lstrip("_").isupper()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_value_is_quoted_by_hand(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert list(spliced(source)) == []
    assert list(unescaped(source)) == []


def test_the_guard_finds_what_it_is_for() -> None:
    assert list(spliced("x = f\"set temp_directory = '{folder}'\"")) == [1]
    assert list(spliced("x = f\"select * from read_csv('{file}')\"")) == [1]
    assert list(spliced("x = f\"set memory_limit = '{LIMIT}'\"")) == []
    assert list(unescaped('x = f"select * from read_parquet({literal(path)})"')) == [1]
