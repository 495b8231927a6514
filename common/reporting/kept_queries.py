"""What was asked of the warehouse, cached in memory for as long as the charges are what they were.

An answer is cached under the version of the charges that was read before it was asked for, so that it is as new as that version, or newer;
a swap gives the charges another version, and nothing finds the old answers any more (docs/decisions/0010).  Of the same question asked by
several at once, one asks and the others wait for its answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from common.ports import Runtime
from common.warehouse.promised import view_names
from common.warehouse.transpile import transpile

MOST = 50_000
"""Rows and groups of all kept answers together, about 50 MB; what was needed longest ago goes first."""
LARGEST = 25_000
"""Of one answer; a larger one is not kept."""
_OF_OTHERS = frozenset({"exchange_rates", "pipeline_runs"})
"""What changes without the version; so may views, some of which convert by the rates."""

_Rows = list[dict[str, Any]]
_Answer = TypeVar("_Answer")


class _Kept:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[object, int]] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._size = 0

    def get(self, key: str, make: Callable[[], _Answer], size: Callable[[_Answer], int]) -> _Answer:
        """The kept answer, or the one that is made now.  Nobody may change it."""
        if (found := self._found(key)) is not None:
            return cast(_Answer, found[0])
        with self._lock:
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            if (found := self._found(key)) is not None:
                return cast(_Answer, found[0])
            try:
                made = make()
                self._keep(key, made, size(made) + 1)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return made

    def _found(self, key: str) -> tuple[object, int] | None:
        with self._lock:
            if (found := self._answers.get(key)) is not None:
                self._answers.move_to_end(key)
            return found

    def _keep(self, key: str, answer: object, size: int) -> None:
        if size > LARGEST:
            return
        with self._lock:
            _, before = self._answers.pop(key, (None, 0))
            self._answers[key] = answer, size
            self._size += size - before
            while self._size > MOST:
                _, (_, gone) = self._answers.popitem(last=False)
                self._size -= gone


_KEPT = _Kept()


@dataclass(frozen=True)
class KeptQueries:
    """Asks the warehouse about an organization's charges.  version: of them, read before; "" before there are any."""

    rt: Runtime
    org_slug: str
    version: str

    def ask(self, sql: str, parameters: Mapping[str, Any]) -> _Rows:
        """The rows of an answer; they are the caller's own."""

        def query() -> _Rows:
            return self.rt.warehouse.query(self.org_slug, sql, parameters)

        if not _is_of_charges(sql):
            return query()
        return [dict(row) for row in self.keep(f"{sql}\n{sorted(parameters.items())!r}", query, len)]

    def keep(self, name: str, make: Callable[[], _Answer], size: Callable[[_Answer], int]) -> _Answer:
        """What is made of rows of the charges, and of `name`, alone.  Nobody may change it."""
        if not self.version:
            return make()
        settings = self.rt.settings
        return _KEPT.get(f"{settings.home}\n{settings.project}\n{self.org_slug}\n{self.version}\n{name}", make, size)


def _is_of_charges(sql: str) -> bool:
    """Whether the answer changes with the charges only: not with the clock, rates, or runs."""
    return transpile(sql).tables.isdisjoint(_OF_OTHERS | view_names()) and "current_" not in sql.lower()
