"""Answers of the warehouse, kept in memory for as long as the charges are what they were.

An answer is kept under the version of the charges that was read before it was asked for, so that it is as new as that version, or newer; a
swap gives the charges another version, and nothing finds the old answers any more (docs/decisions/0010).  Of the same question asked by
several at once, one asks and the others wait for its answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

from common.ports import Runtime
from common.warehouse.cost_report import Ask
from common.warehouse.promised import view_names
from common.warehouse.transpile import transpile

MOST_ROWS = 50_000
"""Of all kept answers together; the one that was needed longest ago goes first."""
LARGEST_ANSWER = 5_000
"""Rows; a larger one is not kept."""
_OF_OTHERS = frozenset({"exchange_rates", "pipeline_runs"})
"""What changes without the version; so may views, some of which convert by the rates."""

_Rows = list[dict[str, Any]]


class _Kept:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, _Rows] = OrderedDict()
        self._asking: dict[str, threading.Lock] = {}
        self._rows = 0

    def answer(self, key: str, ask: partial[_Rows]) -> _Rows:
        """The kept answer, or the one that is asked for now."""
        found = self._found(key)
        if found is not None:
            return found
        with self._lock:
            turn = self._asking.setdefault(key, threading.Lock())
        with turn:
            found = self._found(key)
            if found is None:
                try:
                    found = self._keep(key, ask())
                finally:
                    with self._lock:
                        self._asking.pop(key, None)
        return found

    def _found(self, key: str) -> _Rows | None:
        with self._lock:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
        return None if found is None else [dict(row) for row in found]

    def _keep(self, key: str, answer: _Rows) -> _Rows:
        if len(answer) <= LARGEST_ANSWER:
            with self._lock:
                self._answers[key] = [dict(row) for row in answer]
                self._rows += len(answer) + 1
                while self._rows > MOST_ROWS:
                    _, gone = self._answers.popitem(last=False)
                    self._rows -= len(gone) + 1
        return answer


_KEPT = _Kept()


def kept_ask(rt: Runtime, org_slug: str, version: str) -> Ask:
    """What asks the warehouse about an organization's charges.  version: of them, read before; "" before there are any."""
    own = f"{rt.settings.home}\n{rt.settings.project}\n{org_slug}\n{version}"

    def ask(sql: str, parameters: Mapping[str, Any]) -> _Rows:
        asked = partial(rt.warehouse.query, org_slug, sql, parameters)
        if not version or not _is_of_charges(sql):
            return asked()
        return _KEPT.answer(f"{own}\n{sql}\n{sorted(parameters.items())!r}", asked)

    return ask


def _is_of_charges(sql: str) -> bool:
    """Whether the answer changes with the charges only: not with the clock, rates, or runs."""
    return transpile(sql).tables.isdisjoint(_OF_OTHERS | view_names()) and "current_" not in sql.lower()
