"""In-memory databases that one process uses more than once: to create one takes longer than to map a small bill."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Hashable

import duckdb

SetUp = Callable[[duckdb.DuckDBPyConnection], None]
MOST = 4
"""Kept at a time, each a few megabytes; the one longest unused goes."""
_lock = threading.Lock()
_idle: list[tuple[Hashable, duckdb.DuckDBPyConnection]] = []
_lost: list[duckdb.DuckDBPyConnection] = []
"""Of the process that this one was forked from: their threads are not here, and their end would be waited for in vain."""


def take(key: Hashable) -> duckdb.DuckDBPyConnection | None:
    """One that was kept under the key and that nobody else uses; None where there is none."""
    with _lock:
        for place in reversed(range(len(_idle))):
            if _idle[place][0] == key:
                return _idle.pop(place)[1]
    return None


def give(key: Hashable, database: duckdb.DuckDBPyConnection) -> None:
    """Keep one for the next who takes it."""
    with _lock:
        _idle.append((key, database))
        gone = [database for _, database in _idle[:-MOST]]
        del _idle[:-MOST]
    for one in gone:
        one.close()


def close_all() -> None:
    """Let go of all that nobody uses."""
    with _lock:
        gone = [database for _, database in _idle]
        _idle.clear()
    for one in gone:
        one.close()


def _lose() -> None:
    global _lock
    _lock = threading.Lock()
    _lost.extend(database for _, database in _idle)
    _idle.clear()


os.register_at_fork(after_in_child=_lose)
atexit.register(close_all)
