"""The embedded runtime with its documents, objects, messages and questions counted, as Google Cloud bills them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from common.messages import Message, topic_of
from common.messages.cloudevent import encode
from common.ports import Clock, DocumentStore, ObjectStore, StoredObject, Transaction, Warehouse
from common.ports.bus import PullBus
from common.runtime.bootstrap import EmbeddedRuntime


@dataclass
class Counts:
    """What has been counted, by the function that was at work."""

    at_work: str = "tick"
    documents: dict[str, Counter[str]] = field(default_factory=dict)
    objects: dict[str, Counter[str]] = field(default_factory=dict)
    messages: Counter[str] = field(default_factory=Counter)
    message_bytes: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    processor_seconds: dict[str, float] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)

    def clear(self) -> None:
        """Count from nothing again."""
        self.__init__()  # type: ignore[misc]

    def document(self, kind: str, number: int = 1) -> None:
        self.documents.setdefault(self.at_work, Counter())[kind] += number

    def object(self, kind: str, size_bytes: int = 0) -> None:
        found = self.objects.setdefault(self.at_work, Counter())
        found[kind] += 1
        found[f"{kind}_bytes"] += size_bytes


class CountingDocuments:
    """As Firestore bills: a read for each document that is looked for or found, at least one for a query."""

    def __init__(self, store: DocumentStore, counts: Counts) -> None:
        self._store = store
        self._counts = counts

    def get(self, path: str) -> Any:
        self._counts.document("reads")
        return self._store.get(path)

    def set(self, path: str, document: dict[str, Any]) -> None:
        self._counts.document("writes")
        self._store.set(path, document)

    def create(self, path: str, document: dict[str, Any]) -> None:
        self._counts.document("writes")
        self._store.create(path, document)

    def update(self, path: str, fields: dict[str, Any]) -> None:
        self._counts.document("writes")
        self._store.update(path, fields)

    def delete(self, path: str) -> None:
        self._counts.document("deletes")
        self._store.delete(path)

    def list(self, collection: str, *page: Any, **words: Any) -> Sequence[tuple[str, dict[str, Any]]]:
        found = self._store.list(collection, *page, **words)
        self._counts.document("reads", max(len(found), 1))
        return found

    def count(self, collection: str, where: dict[str, Any] | None = None) -> int:
        found = self._store.count(collection, where)
        self._counts.document("reads", max(-(-found // 1000), 1))
        return found

    def transact(self, work: Callable[[Transaction], Any]) -> Any:
        return self._store.transact(lambda transaction: work(_CountingTransaction(transaction, self._counts)))


class _CountingTransaction:
    def __init__(self, transaction: Transaction, counts: Counts) -> None:
        self._transaction = transaction
        self._counts = counts

    def get(self, path: str) -> Any:
        self._counts.document("reads")
        return self._transaction.get(path)

    def set(self, path: str, document: dict[str, Any]) -> None:
        self._counts.document("writes")
        self._transaction.set(path, document)

    def create(self, path: str, document: dict[str, Any]) -> None:
        self._counts.document("writes")
        self._transaction.create(path, document)

    def delete(self, path: str) -> None:
        self._counts.document("deletes")
        self._transaction.delete(path)


class CountingObjects:
    """As Cloud Storage bills: writes, copies and lists are class A, reads and looks class B, deletes free."""

    def __init__(self, store: ObjectStore, counts: Counts) -> None:
        self._store = store
        self._counts = counts

    def put(self, name: str, content: BinaryIO) -> StoredObject:
        return self._written(self._store.put(name, content))

    def put_file(self, name: str, path: Path) -> StoredObject:
        return self._written(self._store.put_file(name, path))

    def copy(self, uri: str, name: str) -> StoredObject:
        return self._written(self._store.copy(uri, name))

    def stat(self, uri: str) -> StoredObject:
        self._counts.object("looked")
        return self._store.stat(uri)

    def list(self, prefix: str) -> Sequence[StoredObject]:
        self._counts.object("listed")
        return self._store.list(prefix)

    def delete(self, uri: str) -> None:
        self._counts.object("deleted", self._store.stat(uri).size_bytes)
        self._store.delete(uri)

    def open(self, uri: str) -> BinaryIO:
        self._counts.object("read", self._store.stat(uri).size_bytes)
        return self._store.open(uri)

    @contextmanager
    def local(self, uri: str) -> Iterator[Path]:
        self._counts.object("read", self._store.stat(uri).size_bytes)
        with self._store.local(uri) as path:
            yield path

    def uri(self, name: str) -> str:
        return self._store.uri(name)

    def readable(self, uri: str) -> Any:
        found = self._store.readable(uri)
        self._counts.object("read", found.size_bytes)
        return found

    def _written(self, stored: StoredObject) -> StoredObject:
        self._counts.object("written", stored.size_bytes)
        return stored


class LaterClock:
    """The clock, set forward by `ahead`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self._clock.now() + self.ahead


class Counted(EmbeddedRuntime):
    """The embedded runtime, with its documents, objects, messages and questions to the warehouse counted."""

    @cached_property
    def clock(self) -> LaterClock:
        return LaterClock(super().clock)

    @cached_property
    def warehouse(self) -> Warehouse:
        warehouse = super().warehouse
        query = warehouse.query

        def counting(org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
            found = self.counts.questions
            found[self.counts.at_work] = found.get(self.counts.at_work, 0) + 1
            return query(org_slug, sql, parameters)

        warehouse.query = counting  # type: ignore[method-assign]
        return warehouse

    @cached_property
    def counts(self) -> Counts:
        return Counts()

    @cached_property
    def documents(self) -> DocumentStore:
        return CountingDocuments(super().documents, self.counts)

    @cached_property
    def objects(self) -> ObjectStore:
        return CountingObjects(super().objects, self.counts)

    @cached_property
    def bus(self) -> PullBus:
        bus = super().bus
        publish = bus.publish

        def counting(message: Message) -> str:
            event_id = str(publish(message))
            event = encode(message, event_id, self.clock.now())
            self.counts.messages[topic_of(message)] += 1
            self.counts.message_bytes[topic_of(message)] += len(json.dumps(event, separators=(",", ":")).encode())
            return event_id

        def counting_all(messages: Sequence[Message]) -> None:
            for message in messages:
                counting(message)

        bus.publish = counting  # type: ignore[method-assign]
        bus.publish_all = counting_all  # type: ignore[method-assign]
        return bus
