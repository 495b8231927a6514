"""The small language of rule predicates: SQL in which FOCUS column names stand for values.

`Column` is the value for null tests and comparisons, `value(Column)` the exact number or time, `raw(Column)` a text
with placeholders for null still in it (it may be null for any other text), `written(Column)` the text of a value that
was written as text (null otherwise), `mistyped(Column)` whether a row holds another type than the column's.  `bind`
turns it into SQL over a relation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from common.focus import columns
from common.formats.source import literal

FORMS = ("plain", "value", "raw", "written", "mistyped")
_PIECE = re.compile(r"('(?:[^']|'')*')|\b(value|raw|written|mistyped)\((\w+)\)|(?<![.$\w])([A-Z]\w+)\b")


@cache
def column_names() -> frozenset[str]:
    """The names of the 65 columns."""
    return frozenset(column.name for column in columns())


def mentioned(predicate: str) -> frozenset[str]:
    """The FOCUS columns that a predicate looks at."""
    return frozenset(column for _form, column in looked_at(predicate))


def looked_at(predicate: str) -> tuple[tuple[str, str], ...]:
    """The (form, column) pairs that a predicate looks at."""
    found: dict[tuple[str, str], None] = {}
    for _text, form, inner, bare in _PIECE.findall(predicate):
        if (inner or bare) in column_names():
            found[(form or "plain", inner or bare)] = None
    return tuple(found)


def bind(predicate: str, name: Callable[[str, str], str]) -> str:
    """The predicate with `name(form, column)` for each column it looks at; form is one of FORMS."""

    def replace(piece: re.Match[str]) -> str:
        text, form, inner, bare = piece.groups()
        column = inner or bare
        if text is not None or column not in column_names():
            return piece.group(0)
        return name(form or "plain", column)

    return _PIECE.sub(replace, predicate)


def in_list(values: Iterable[str]) -> str:
    """Values as SQL literals with commas."""
    return ", ".join(literal(value) for value in values)
