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

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_WORD = re.compile(r"\b[a-z_]\w*")
_SIGN = re.compile(r"[()]|\b(?:and|or|case|end|between)\b")
_DEEPER = {"(": 1, ")": -1, "case": 1, "end": -1}
_IS_NULL = re.compile(r"([A-Z]\w+) is null")
_HAS_VALUE = re.compile(
    r"([A-Z]\w+) is not null|case when ([A-Z]\w+) is not null then (?:(?!\b(?:when|else|end)\b).)* end"
    r"|len\(list_filter\(focus_(?:keys|pairs)\(([A-Z]\w+)\), .*\)\) > 0"
)
_STRICT = frozenset(
    (
        "and", "or", "not", "in", "value", "contains", "chr", "lower", "upper", "trim", "regexp_full_match",
        "focus_is_unit", "focus_is_object", "focus_is_flat", "focus_has_elements",
    )
)  # fmt: skip
"""Words of predicates that give null for null."""


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


@cache
def must_be_filled(predicate: str) -> frozenset[str]:
    """Columns that have a value in every row that breaks the rule: those of which that is easily seen."""
    found = set(mentioned(predicate)) if _is_strict(predicate) else set()
    for part in _conjuncts(predicate):
        if match := _HAS_VALUE.fullmatch(part):
            found.add(next(filter(None, match.groups())))
        elif _is_strict(part):
            found |= mentioned(part)
    return frozenset(found & column_names())


@cache
def must_be_null(predicate: str) -> frozenset[str]:
    """Columns that are null in every row that breaks the rule: those of which that is easily seen."""
    found = {match[1] for part in _conjuncts(predicate) if (match := _IS_NULL.fullmatch(part))}
    return frozenset(found & column_names())


def _conjuncts(predicate: str) -> list[str]:
    """Parts that are all true where the predicate is; none where it is an alternative."""
    plain = _LITERAL.sub(lambda found: "_" * len(found[0]), predicate)
    parts, depth, begin, bounds = [], 0, 0, 0
    for piece in _SIGN.finditer(plain):
        depth += _DEEPER.get(piece[0], 0)
        if depth or piece[0] in _DEEPER:
            continue
        if piece[0] == "or":
            return []
        if piece[0] == "between":
            bounds += 1
        elif bounds:
            bounds -= 1
        else:
            parts.append(predicate[begin : piece.start()].strip())
            begin = piece.end()
    return [*parts, predicate[begin:].strip()]


def _is_strict(part: str) -> bool:
    """Whether it is not true where one of its columns is null: nothing in it takes a null for a value."""
    words = set(_WORD.findall(_LITERAL.sub("", part)))
    return words <= _STRICT and (len(mentioned(part)) == 1 or words <= {"value"})


def in_list(values: Iterable[str]) -> str:
    """Values as SQL literals with commas."""
    return ", ".join(literal(value) for value in values)
