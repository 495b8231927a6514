"""Running the rules over a relation: one scan for the cheap rules, a grouping for each of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import duckdb

from common.formats.source import literal
from common.validation import datasets
from common.validation.catalogue import Check, Kind, catalogue
from common.validation.exact import register
from common.validation.predicate import bind, looked_at, mentioned
from common.validation.report import Failure
from common.validation.rows import Rows

_SHOWN_LENGTH = 60


@dataclass(frozen=True)
class Outcome:
    """What running gave.  skipped: rules that could not be told, since the file lacks a column that they look at."""

    row_count: int
    failures: tuple[Failure, ...]
    checked: Mapping[str, int]
    skipped: tuple[str, ...]


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the functions and macros of rule predicates known to a connection."""
    register(connection)
    connection.execute(files("common.validation").joinpath("rules", "macros.sql").read_text(encoding="utf-8"))


def run(connection: duckdb.DuckDBPyConnection, rows: Rows) -> Outcome:
    """Check every row rule and rule over rows that the relation's columns allow to check."""
    tellable = [check for check in catalogue() if check.needs and check.needs <= rows.held.keys()]
    filled = _fill(connection, rows)
    suspects = [check for check in tellable if filled.allow(check)]
    breakable = [check for check in suspects if check.kind is Kind.ROW and _breakable(check, rows)]
    counts = _count(connection, rows, breakable)
    broken = [check for check in breakable if counts[check.predicate]]
    examples = _examples(connection, rows, broken)
    failures = [_failure(check, counts[check.predicate], examples[check.rule_id]) for check in broken]
    failures += _faults(rows, tellable)
    for check in suspects:
        found = datasets.run(connection, rows, check) if check.kind is Kind.DATASET else None
        if found:
            failures.append(_failure(check, *found))
    told = Counter(check.kind for check in tellable)
    untold = [check for check in catalogue() if check.needs and not check.needs <= rows.held.keys()]
    return Outcome(
        filled.rows,
        tuple(failures),
        {kind.value: told[kind] for kind in (Kind.ROW, Kind.DATASET)},
        tuple(check.rule_id for check in untold),
    )


@dataclass(frozen=True)
class _Filled:
    """How many rows there are, and in how many each column has a value; one that the relation lacks has none."""

    rows: int
    values: Mapping[str, int]

    def allow(self, check: Check) -> bool:
        """Whether a row may break the rule, as far as nulls tell."""
        return all(self.values.get(name, 0) for name in check.filled) and all(
            self.values.get(name, 0) < self.rows for name in check.null
        )


def _fill(connection: duckdb.DuckDBPyConnection, rows: Rows) -> _Filled:
    counts = "".join(f", count({held.names['plain']})" for held in rows.held.values())
    found = connection.execute(f"select count(*){counts} from {rows.relation}").fetchall()[0]
    return _Filled(found[0], dict(zip(rows.held, found[1:], strict=True)))


def _breakable(check: Check, rows: Rows) -> bool:
    held = rows.held[check.column]
    return held.form in check.forms and not (held.fault and check.text.startswith("type "))


def _failure(check: Check, count: int, example: str) -> Failure:
    return Failure(check.rule_id, check.keyword, check.column, check.text, count, example)


def _faults(rows: Rows, checks: Iterable[Check]) -> list[Failure]:
    """Columns of another type than the specification's."""
    found = []
    for check in checks:
        held = rows.held.get(check.column)
        if held and held.fault and check.text.startswith("type "):
            found.append(_failure(check, 1, f"column {check.column} is {held.fault}"))
    return found


def _count(connection: duckdb.DuckDBPyConnection, rows: Rows, checks: Sequence[Check]) -> dict[str, int]:
    """Predicate -> rows that break it.  What several rules share is counted once, coarse before costly."""
    scanned = [check for check in checks if check.coarse or not check.distinct]
    found = _scan(connection, rows, [check.coarse or check.predicate for check in scanned])
    counts = {check.predicate: found[check.coarse or check.predicate] for check in scanned}
    suspected = [check for check in scanned if check.coarse and counts[check.predicate]]
    exact = [check.predicate for check in suspected if not check.distinct]
    if exact:
        counts |= _scan(connection, rows, exact)
    grouped = [check for check in checks if check.distinct and (not check.coarse or check in suspected)]
    for predicates in _by_columns(check.predicate for check in grouped).values():
        counts |= _count_distinct(connection, rows, predicates)
    return counts


def _scan(connection: duckdb.DuckDBPyConnection, rows: Rows, predicates: Iterable[str]) -> dict[str, int]:
    different = list(dict.fromkeys(predicates))
    sums = "".join(f", count_if({rows.sql(predicate)})" for predicate in different)
    found = connection.execute(f"select count(*){sums} from {rows.relation}").fetchall()[0]
    return dict(zip(different, found[1:], strict=True))


def _by_columns(predicates: Iterable[str]) -> dict[frozenset[str], list[str]]:
    """Columns -> the predicates that look at nothing else; predicates on a part of the columns of another join it."""
    grouped: dict[frozenset[str], list[str]] = {}
    for predicate in sorted(dict.fromkeys(predicates), key=lambda text: -len(mentioned(text))):
        names = mentioned(predicate)
        home = next((wider for wider in grouped if names <= wider), names)
        grouped.setdefault(home, []).append(predicate)
    return grouped


def _count_distinct(connection: duckdb.DuckDBPyConnection, rows: Rows, predicates: Sequence[str]) -> dict[str, int]:
    """As _count, with each different combination of values tried once."""
    pairs = dict.fromkeys(pair for predicate in predicates for pair in looked_at(predicate))
    values = {pair: rows.name(*pair) for pair in pairs}
    alias = {value: f"v{place}" for place, value in enumerate(dict.fromkeys(values.values()))}
    columns = ", ".join(f"{value} as {name}" for value, name in alias.items())
    different = f"select {columns}, count(*) as occurrences from {rows.relation} group by all"
    bound = [bind(predicate, lambda form, column: alias[values[(form, column)]]) for predicate in predicates]
    sums = ", ".join(f"coalesce(sum(occurrences) filter (where {predicate}), 0)" for predicate in bound)
    found = connection.execute(f"select {sums} from ({different})").fetchall()[0]
    return {predicate: int(count) for predicate, count in zip(predicates, found, strict=True)}


def _examples(connection: duckdb.DuckDBPyConnection, rows: Rows, checks: Sequence[Check]) -> dict[str, str]:
    """Rule -> its first breaking row: the row's number and the values that the rule looks at."""
    number = rows.row_number or "row_number() over ()"
    source = f"(select *, {number} as focus_row from {rows.relation})"
    found = {}
    for check in checks:
        query = f"select {_shown(rows, check)} from {source} where {rows.sql(check.predicate)} limit 1"
        found[check.rule_id] = _example(connection.execute(query).fetchall()[0][0])
    return found


def _shown(rows: Rows, check: Check) -> str:
    entries = ["'row': cast(focus_row as varchar)"]
    if rows.source_row_id:
        entries.append("'x_SourceRowId': cast(x_SourceRowId as varchar)")
    for name in check.shown:
        if name in rows.held:
            value = rows.sql(f"raw({name})" if f"raw({name})" in check.predicate else name)
            entries.append(f"{literal(name)}: left(cast({value} as varchar), {_SHOWN_LENGTH + 1})")
    return "{" + ", ".join(entries) + "}"


def _example(shown: Mapping[str, Any]) -> str:
    values = [f"{name}={_short(text)}" for name, text in shown.items() if name != "row"]
    return f"row {shown['row']}: " + ", ".join(values)


def _short(text: str | None) -> str:
    if text is None:
        return "null"
    if text == "":
        return "''"
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
