"""BigQuery SQL -> DuckDB SQL, with the answers that BigQuery would give.

sqlglot translates most of it.  This module corrects what it leaves wrong, and refuses, with a suggestion, what
would be silently wrong:

- NUMERIC is DECIMAL(38,9) and BIGNUMERIC DECIMAL(38,24); bare they would lose digits.
- SAFE_DIVIDE is exact: both sides as NUMERIC, the quotient rounded half away from zero to 9 fractional digits, null for
  a divisor of 0 (`exact_ratio` in MACROS).  DuckDB's own `/` and AVG go through DOUBLE and are refused.
- DATE_TRUNC, DATE_ADD and DATE_SUB give DATE.
- DATE of a FOCUS time is taken in UTC without DuckDB's zone tables, which are seven times slower (`utc_date`).
- CURRENT_DATE and CURRENT_TIMESTAMP read the variable `now`, which the warehouse sets from its clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from common.errors import BadConfiguration
from common.focus import TIME_TYPE, storage_schema

MACROS = """
create or replace macro utc_date(moment) as cast(make_timestamp(epoch_us(moment)) as date);
create or replace macro scaled_integer(x) as
    cast(replace(cast(cast(x as decimal(38, 9)) as varchar), '.', '') as hugeint);
create or replace macro ninths(rest, divisor) as (2 * rest * 1000000000 + divisor) // (2 * divisor);
create or replace macro ratio_of(a, b) as
    cast(a // b as decimal(38, 9))
    + cast(cast(ninths(a % b, b) as decimal(19, 0)) * cast('0.000000001' as decimal(10, 9)) as decimal(38, 9));
create or replace macro exact_ratio(x, y) as
    case
        when y = 0 then null
        when (x < 0) = (y < 0) then ratio_of(abs(scaled_integer(x)), abs(scaled_integer(y)))
        else -ratio_of(abs(scaled_integer(x)), abs(scaled_integer(y)))
    end;
"""
"""DuckDB macros that transpiled SQL leans on.

Whole numbers (HUGEINT) all the way: the whole part, then nine digits by long division.
"""


@dataclass(frozen=True)
class Transpiled:
    """A question for DuckDB.  parameters: the names it needs; tables: the relations it may read."""

    sql: str
    parameters: frozenset[str]
    tables: frozenset[str]

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Raises BadConfiguration where a parameter is missing, or is none of the question's."""
        missing, extra = self.parameters - set(parameters), set(parameters) - self.parameters
        if missing or extra:
            found = f"misses @{', @'.join(sorted(missing))}" if missing else f"has no @{', @'.join(sorted(extra))}"
            raise BadConfiguration(f"the question {found}; its parameters are {sorted(self.parameters) or 'none'}")


@lru_cache(maxsize=256)
def transpile(sql: str) -> Transpiled:
    """Turn one BigQuery query with named parameters (`@name`) into DuckDB SQL (`$name`).

    Raises BadConfiguration for anything but one query, and for what DuckDB would answer otherwise than BigQuery.
    """
    tree = _parse(sql)
    _refuse(tree)
    parameters = frozenset(node.name for node in tree.find_all(exp.Parameter))
    tables = frozenset(node.name for node in tree.find_all(exp.Table) if node.name)
    return Transpiled(_mend(tree).sql("duckdb"), parameters, tables)


def _parse(sql: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(sql, read="bigquery")
    except SqlglotError as error:
        raise BadConfiguration(f"the query is not valid BigQuery SQL: {str(error).splitlines()[0]}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise BadConfiguration("the question must be one query (SELECT or WITH ... SELECT), nothing else")
    return statements[0]


def _refuse(tree: exp.Expr) -> None:
    for node in tree.walk():
        for kind, condition, advice in _REFUSED:
            if isinstance(node, kind) and condition(node):
                raise BadConfiguration(f"the embedded warehouse cannot answer this exactly: {advice}")


def _always(node: exp.Expr) -> bool:
    return True


_REFUSED: tuple[tuple[type[exp.Expr], Callable[[exp.Expr], bool], str], ...] = (
    (exp.Div, _always, "found `/`, write SAFE_DIVIDE(x, y)"),
    (exp.IntDiv, _always, "found DIV, write CAST(FLOOR(SAFE_DIVIDE(x, y)) AS INT64)"),
    (exp.Avg, _always, "found AVG, write SAFE_DIVIDE(SUM(x), COUNT(x))"),
    (exp.Unnest, lambda node: bool(node.args.get("offset")), "found WITH OFFSET, order by a column instead"),
    (
        exp.ArrayAgg,
        lambda node: node.find(exp.Limit) is not None,
        "found ARRAY_AGG with LIMIT, keep the wanted rows with QUALIFY first",
    ),
)


def _mend(tree: exp.Expr) -> exp.Expr:
    for kind in list(tree.find_all(exp.DataType)):
        scale = _SCALES.get(kind.this)
        if scale is not None and not kind.expressions:
            kind.set("this", exp.DataType.Type.DECIMAL)
            kind.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(size)) for size in (38, scale)])
    for node in reversed(list(tree.walk())):  # children first, so that a mended node holds mended ones
        mended = _mend_node(node)
        if mended is not node:
            node.replace(mended)
    return tree


_SCALES = {exp.DataType.Type.DECIMAL: 9, exp.DataType.Type.BIGDECIMAL: 24}


def _mend_node(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.CurrentDate):
        now: exp.Expr = _now()
        if node.this is not None:
            now = exp.AtTimeZone(this=now, zone=node.this.copy())
        return exp.cast(now, "date")
    if isinstance(node, exp.CurrentTimestamp):
        return _now()
    if isinstance(node, exp.Date) and isinstance(node.this, exp.Column) and node.this.name in _focus_times():
        return exp.Anonymous(this="utc_date", expressions=[node.this.copy()])
    if isinstance(node, exp.SafeDivide):
        return exp.Anonymous(this="exact_ratio", expressions=[node.this.copy(), node.expression.copy()])
    if isinstance(node, exp.DateTrunc | exp.DateAdd | exp.DateSub) and not _is_cast_to_date(node.parent):
        return exp.cast(node.copy(), "date")
    if isinstance(node, exp.Var) and node.name.upper() == "ISOWEEK" and isinstance(node.parent, exp.Extract):
        return exp.var("WEEK")
    return node


def _is_cast_to_date(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DATE


@cache
def _focus_times() -> frozenset[str]:
    return frozenset(name for name, kind in storage_schema().items() if kind == TIME_TYPE)


def _now() -> exp.Expr:
    return exp.cast(exp.Anonymous(this="getvariable", expressions=[exp.Literal.string("now")]), "timestamptz")
