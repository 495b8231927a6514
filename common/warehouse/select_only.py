"""Questions that users write: one SELECT over the tables and views of their own dataset, and nothing else.

The rule is the same in front of every warehouse, so that a question which is refused on one is refused on the other. The warehouses have
locks of their own behind it: DuckDB may open the tenant's files alone, BigQuery resolves names in the tenant's dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration
from common.warehouse.promised import TABLES, view_names

_ONE_SELECT = "expected one query that reads: SELECT ..., or WITH ... SELECT ..."
_REVEALING = ("AI", "ML", "Predict", "Session", "Read", "Current")
_CLOCKS = ("CurrentDate", "CurrentDatetime", "CurrentTime", "CurrentTimestamp")
"""How the names of functions begin that read files, call services outside the dataset, or reveal who asks; the clock's are none of them."""


def limited(sql: str, rows: int) -> str:
    """The question, bounded to one row more than `rows`, so that the caller notices that there are more.

    Raises BadConfiguration for what is not one SELECT over the tenant's tables and views.
    """
    tree = _parsed(sql)
    for check in _CHECKS:
        for fault in check(tree):
            raise BadConfiguration(fault)
    limit = tree.args.get("limit")
    own = limit.expression if isinstance(limit, exp.Limit) else None
    if not (isinstance(own, exp.Literal) and own.is_int and int(own.name) <= rows):
        tree.set("limit", exp.Limit(expression=exp.Literal.number(rows + 1)))
    return tree.sql("bigquery")


def _parsed(sql: str) -> exp.Query:
    try:
        statements = [one for one in sqlglot.parse(sql, read="bigquery") if one is not None]
    except SqlglotError as error:
        raise BadConfiguration(f"the query is not valid SQL: {str(error).splitlines()[0]}") from None
    if len(statements) != 1:
        raise BadConfiguration(f"found {len(statements)} statements, {_ONE_SELECT}")
    found = statements[0]
    if not isinstance(found, exp.Query):
        raise BadConfiguration(f"found {found.key.upper()}, {_ONE_SELECT}")
    return found


def _writes(tree: exp.Query) -> Iterator[str]:
    for node in tree.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into | exp.Lock) and not isinstance(node, exp.Query):
            yield f"found {node.key.upper()}, {_ONE_SELECT}"


def _foreign_tables(tree: exp.Query) -> Iterator[str]:
    known = TABLES | view_names()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            yield f"the query calls {table.this.name or table.this.key} as a table; it may read only the tables and views of its dataset"
        if table.args.get("version"):
            yield "the query asks for an earlier time; costwire costs --as-known-on DAY does that"
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    try:
        read = [one for scope in traverse_scope(tree) for one in scope.sources.values() if isinstance(one, exp.Table)]
    except SqlglotError as error:
        raise BadConfiguration(f"the query is not valid SQL: {str(error).splitlines()[0]}") from None
    # by scope, since a name of one WITH clause may be a table outside it; and all, since a scope does not list every place
    strange = [table for table in read if table.db or table.name not in known]
    strange += [table for table in tree.find_all(exp.Table) if table.db or table.name not in known | own]
    for table in strange:
        name = ".".join(part.name for part in table.parts)
        yield f"there is no table '{name}' in the dataset; there are {', '.join(sorted(known))}{did_you_mean(name, known)}"


def _foreign_functions(tree: exp.Query) -> Iterator[str]:
    for node in tree.find_all(exp.Func):
        unknown, kind = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc), type(node).__name__
        if unknown or (kind.startswith(_REVEALING) and kind not in _CLOCKS):
            name = node.name if unknown else node.sql_name()
            yield f"function {name.upper()} is not available; functions of BigQuery's standard SQL that compute values are"


def _parameters(tree: exp.Query) -> Iterator[str]:
    for node in tree.find_all(exp.Parameter, exp.SessionParameter, exp.Placeholder):
        yield f"the query names the parameter {node.sql('bigquery')}; write the value itself"


def _unclear_columns(tree: exp.Query) -> Iterator[str]:
    names = [name.lower() for name in tree.named_selects if name and name != "*"]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield f"two columns are called {name}; give each its own name with AS"


_CHECKS: tuple[Callable[[exp.Query], Iterator[str]], ...] = (
    _writes,
    _foreign_tables,
    _foreign_functions,
    _parameters,
    _unclear_columns,
)
