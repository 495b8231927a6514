"""A document store that records every change of what is audited, in the transaction of the change.

A dead worker leaves neither the change nor its record, or both.  No use case can forget one, since none writes past the store.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from common.errors import Permanent
from common.ports.documents import Document, DocumentStore, Result, Transaction
from common.records import audit
from common.records.audit import Operation, Place, change_of, current, new_path, new_record, place_of, with_changes
from common.telemetry.withheld import redacted

Now = Callable[[], datetime]


class AuditedDocuments:
    """A store and its audit log.

    log: opens where records go, where that is another store: the record of a change then follows it right after, in a transaction of
    its own.
    """

    def __init__(self, store: DocumentStore, now: Now, log: Callable[[], DocumentStore] | None = None) -> None:
        self._store, self._now, self._log = store, now, log
        self.get, self.list, self.count = store.get, store.list, store.count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def set(self, path: str, document: Document) -> None:
        """Write the whole document, whether or not it exists."""
        if place_of(path) is None:
            self._store.set(path, document)
        else:
            self.transact(lambda transaction: transaction.set(path, document))

    def create(self, path: str, document: Document) -> None:
        """Write a document that must not exist yet.  Raises AlreadyExists."""
        if place_of(path) is None:
            self._store.create(path, document)
        else:
            self.transact(lambda transaction: transaction.create(path, document))

    def delete(self, path: str) -> None:
        """Remove a document; nothing happens where there is none."""
        if place_of(path) is None:
            self._store.delete(path)
        else:
            self.transact(lambda transaction: transaction.delete(path))

    def update(self, path: str, fields: Document) -> None:
        """Write some top-level fields and leave the others; nothing happens where there is no document."""
        place = place_of(path)
        if place is None or not _shows(place, fields):
            self._store.update(path, fields)
            return

        def work(transaction: Transaction) -> None:
            there = transaction.get(path)
            if there is not None:
                transaction.set(path, {**there, **fields})

        self.transact(work)

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Run `work` in a transaction and commit, with the records of what it changed."""
        operation = current()
        noted: dict[str, tuple[str, Document]] = {}
        apart: dict[str, list[Document]] = {}

        def recorded(transaction: Transaction) -> Result:
            noted.clear()
            apart.clear()
            watching = _Watching(transaction)
            result = work(watching)
            changes = watching.changes(operation)
            if self._log is None:
                noted.update(_records(transaction, operation, self._now(), changes))
            else:
                apart.update(changes)
            watching.apply()
            for path, record in noted.values():
                transaction.set(path, record)
            return result

        result = self._store.transact(recorded)
        operation.written.update({org_slug: path for org_slug, (path, _) in noted.items()})
        if self._log is not None and apart:
            note(self._log(), operation, self._now(), apart)
        return result


def note(log: DocumentStore, operation: Operation, now: datetime, changes: dict[str, list[Document]]) -> None:
    """Record changes that were made elsewhere."""
    found: dict[str, tuple[str, Document]] = {}

    def work(transaction: Transaction) -> None:
        found.clear()
        found.update(_records(transaction, operation, now, changes))
        for path, record in found.values():
            transaction.set(path, record)

    log.transact(work)
    operation.written.update({org_slug: path for org_slug, (path, _) in found.items()})


def _records(
    transaction: Transaction, operation: Operation, now: datetime, changes: dict[str, list[Document]]
) -> dict[str, tuple[str, Document]]:
    """Organization -> (path, record): the one that the operation has already, with the changes, or a new one."""
    found: dict[str, tuple[str, Document]] = {}
    for org_slug, several in changes.items():
        path = operation.written.get(org_slug)
        before = transaction.get(path) if path else None
        if path is None or before is None:
            found[org_slug] = new_path(org_slug, now), new_record(operation, org_slug, now, several)
        else:
            found[org_slug] = path, with_changes(before, several)
    return found


class _Watching:
    """A transaction whose writes wait for its end, so that what was there before can still be read then."""

    def __init__(self, behind: Transaction) -> None:
        self._behind = behind
        self._read: dict[str, Document | None] = {}
        self._writes: list[Callable[[], None]] = []
        self._after: dict[str, Document | None] = {}

    def get(self, path: str) -> Document | None:
        if self._writes:
            raise Permanent(f"document {path} is read after a write in the same transaction: read first, then write")
        found = self._behind.get(path)
        if place_of(path) is not None:
            self._read[path] = None if found is None else _copied(found)
        return found

    def set(self, path: str, document: Document) -> None:
        self._later(path, document, lambda: self._behind.set(path, document))

    def create(self, path: str, document: Document) -> None:
        self._later(path, document, lambda: self._behind.create(path, document))

    def delete(self, path: str) -> None:
        self._later(path, None, lambda: self._behind.delete(path))

    def _later(self, path: str, after: Document | None, write: Callable[[], None]) -> None:
        self._writes.append(write)
        if place_of(path) is not None:
            self._after[path] = after

    def changes(self, operation: Operation) -> dict[str, list[Document]]:
        """Organization -> the entries of its record."""
        found: dict[str, list[Document]] = {}
        for path, after in self._after.items():
            place = place_of(path)
            if place is None or not _recorded(place, operation):
                continue
            before = self._read[path] if path in self._read else self._behind.get(path)
            changed = change_of(place, before, after)
            if changed is not None:
                gone = place.target == audit.ORGANIZATION and after is None
                about = {**changed, "target": f"{audit.ORGANIZATION} {place.org_slug}"} if gone else changed
                found.setdefault(audit.PLATFORM if gone else place.org_slug, []).append(_clean(about))
        return found

    def apply(self) -> None:
        for write in self._writes:
            write()


def _recorded(place: Place, operation: Operation) -> bool:
    gone = operation.erasing == place.org_slug and place.target != audit.ORGANIZATION
    return not gone and (operation.actor.by_hand or not place.rule.by_hand)


def _shows(place: Place, fields: Document) -> bool:
    """Whether any of these fields is part of what is shown."""
    return not place.rule.reads.isdisjoint(fields)


def _copied(value: Any) -> Any:
    """A copy that a use case does not change with the original."""
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _clean(value: Any) -> Any:
    """Without what looks like a secret, wherever it was typed."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value
