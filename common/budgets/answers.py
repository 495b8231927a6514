"""Cached answers: a scheduled check does not query the warehouse while the tenant's charges are unchanged.

A notification depends on the answers to a few queries, on the budget, on its alerts and on the time.  Only the
answers are expensive, and they change only with the charges.  So they are cached, beside the budget's status, under the
version of the charges (common/records/charges_version.py); the effects of time, such as snoozes that expire and periods
that end, are computed from them at every check, just as from fresh ones.

An answer is found by its whole query, text and parameters: a changed budget runs another one.
The version is read before the query runs, never after.  The day is part of the version, from a minute on that differs by tenant: a manual
change, such as a restored table, is seen a day later at most.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from common.domain.spread import place
from common.ports import Clock, DocumentStore, Transaction
from common.records.arrivals import Arrivals, arrivals_of
from common.records.charges_version import current_version
from common.records.organizations import below

MAX_ANSWERS = 12
"""Kept for a budget under one version: a few periods with three questions each."""
MAX_BYTES = 500_000
"""Kept at most; a document of Firestore holds 1 MiB (https://cloud.google.com/firestore/quotas)."""

Rows = list[dict[str, Any]]


class Asked(Protocol):
    """Whatever answers questions: the warehouse, or what is kept of its answers."""

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """As common.ports.Warehouse says."""
        ...


@dataclass
class Shared:
    """What the evaluations of one message share.

    answers: to questions that name no budget, by version and question.  arrivals: of each integration, None before they are read.
    """

    answers: dict[tuple[str, str], Rows] = field(default_factory=dict)
    arrivals: Mapping[str, Arrivals] | None = None


class Answers:
    """The warehouse as one evaluation of a budget sees it.

    fresh: what was kept before is not used, as after a delivery; it stays kept where it still holds.
    """

    def __init__(
        self,
        budget_id: str,
        documents: DocumentStore,
        warehouse: Asked,
        clock: Clock,
        shared: Shared | None = None,
        fresh: bool = False,
    ) -> None:
        self._budget_id = budget_id
        self._documents = documents
        self._warehouse = warehouse
        self._clock = clock
        self._shared = shared or Shared()
        self._fresh = fresh
        self._version: str | None = None
        self._known: dict[str, Rows] = {}
        self._asked: set[str] = set()

    def renew(self, org_slug: str) -> None:
        """From here on answers are at least as new as this moment."""
        version = f"{current_version(self._documents, org_slug)} {asking_day(org_slug, self._clock.now()).isoformat()}"
        if version == self._version:
            return
        kept = self._documents.get(_path(org_slug, self._budget_id))
        self._version, self._asked = version, set()
        self._known = _decoded(kept["answers"]) if kept and kept.get("version") == version else {}

    def lags(self, org_slug: str) -> Mapping[str, timedelta]:
        """The usual lag of each integration that has delivered."""
        if self._shared.arrivals is None:
            self._shared.arrivals = arrivals_of(self._documents, org_slug)
        return {name: one.pattern.lag for name, one in self._shared.arrivals.items()}

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """The answer that is kept, or else the warehouse's."""
        if self._version is None:
            self.renew(org_slug)
        key = _key(sql, parameters or {})
        if key in self._known and (key in self._asked or not self._fresh):
            return self._known[key]
        shared = None if parameters else (str(self._version), key)
        rows = self._shared.answers.get(shared) if shared else None
        if rows is None:
            rows = self._warehouse.query(org_slug, sql, parameters)
        if shared:
            self._shared.answers[shared] = rows
        self._known.pop(key, None)
        self._known[key] = rows
        self._asked.add(key)
        return rows

    def keep(self, org_slug: str) -> None:
        """Keep what was asked, unless it is too much for a document; of a budget that has been removed nothing stays."""
        newest = dict(list(self._known.items())[-MAX_ANSWERS:])
        text = _encoded(newest) if self._asked else ""
        if not text or len(text.encode()) > MAX_BYTES:
            return
        path = _path(org_slug, self._budget_id)
        document = {"budget_id": self._budget_id, "version": self._version, "answers": text}

        def work(transaction: Transaction) -> None:
            if transaction.get(below(org_slug, "budgets", self._budget_id)) is None:
                transaction.delete(path)
            else:
                transaction.set(path, document)

        self._documents.transact(work)


def asking_day(org_slug: str, now: datetime) -> date:
    """The tenant's day of asking again, which begins at a minute of its own: at midnight all would ask at once."""
    return (now + timedelta(minutes=place(org_slug, 24 * 60))).date()


def _path(org_slug: str, budget_id: str) -> str:
    return below(org_slug, "budget_status", f"{budget_id}-answers")


def _key(sql: str, parameters: Mapping[str, Any]) -> str:
    asked = json.dumps([sql, sorted(parameters.items())], default=_tagged)
    return hashlib.sha256(asked.encode()).hexdigest()


def _encoded(answers: Mapping[str, Rows]) -> str:
    return json.dumps(answers, default=_tagged, separators=(",", ":"), ensure_ascii=False)


def _tagged(value: Any) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    raise TypeError(f"an answer contains a {type(value).__name__}, expected plain types, decimals and times")


_READERS: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal,
    "moment": datetime.fromisoformat,
    "day": date.fromisoformat,
}


def _decoded(text: str) -> dict[str, Rows]:
    found = json.loads(text)
    return {key: [{name: _plain(value) for name, value in row.items()} for row in rows] for key, rows in found.items()}


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _READERS[kind](text)
