"""Rules over several rows: one value per key, and a few sums."""

from __future__ import annotations

import re

import duckdb

from common.validation.catalogue import Check
from common.validation.rows import Rows

_ROWS = re.compile(r"\brows\b")


def run(connection: duckdb.DuckDBPyConnection, rows: Rows, check: Check) -> tuple[int, str] | None:
    """How many keys break the rule and the first of them in words, or None where the rule is kept."""
    query = (
        "select count(*), min(key), arg_min(first, key), arg_min(second, key) "
        f"from ({_ROWS.sub(lambda _found: rows.relation, rows.sql(breaking_keys(check)))})"
    )
    count, key, first, second = connection.execute(query).fetchall()[0]
    return (count, _words(check, key, first, second)) if count else None


def breaking_keys(check: Check) -> str:
    """A SELECT over `rows` that gives key, first, second for every key that breaks the rule."""
    entry = check.dataset
    if "select" in entry:
        return str(entry["select"])
    if "from" in entry:
        return (
            f"select key, min(one) as first, max(one) as second from ({entry['from']}) "
            "group by key having min(one) <> max(one)"
        )
    keys, one = ", ".join(entry["key"]), entry["one"]
    shown = " || ' ' || ".join(f"cast({part} as varchar)" for part in entry["key"])
    known = " and ".join(f"{part} is not null" for part in (*entry["key"], one))
    return (
        f"select {shown} as key, min({one}) as first, max({one}) as second from rows where {known} "
        f"group by {keys} having min({one}) <> max({one})"
    )


def _words(check: Check, key: str, first: str, second: str) -> str:
    entry = check.dataset
    if "says" in entry:
        return str(entry["says"]).format(key=key, first=first, second=second)
    name = " ".join(part for part in entry["key"] if "(" not in part)
    return f"{name + ' ' if name else ''}{key}: {entry['one']} is {first} and {second}"
