"""Documents in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from common.adapters.embedded.sqlite_database import BUSY_SECONDS, TRIES, SqliteDatabase
from common.adapters.shared.document_rules import check_collection, check_page, matches, paged, split_path, to_json
from common.errors import AlreadyExists, Permanent
from common.ports.documents import Document, Order, Result, Transaction

_SCHEMA = """
create table if not exists documents (
    collection text not null,
    id text not null,
    body text not null,
    primary key (collection, id)
) without rowid
"""


class SqliteDocumentStore:
    """Keeps documents for any number of threads and processes of one machine.

    A transaction holds the file's write lock from its start, so `work` runs once and should be short.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS, tries: int = TRIES) -> None:
        self._database = SqliteDatabase(path, _SCHEMA, busy_seconds, tries)

    def get(self, path: str) -> Document | None:
        """The document, or None."""
        return self._database.read(lambda connection: _read(connection, path))

    def set(self, path: str, document: Document) -> None:
        """Write the whole document, whether or not it exists."""
        self.transact(lambda transaction: transaction.set(path, document))

    def create(self, path: str, document: Document) -> None:
        """Write a document that must not exist yet.  Raises AlreadyExists."""
        self.transact(lambda transaction: transaction.create(path, document))

    def update(self, path: str, fields: Document) -> None:
        """Write some top-level fields and leave the others; nothing happens where there is no document."""

        def work(transaction: Transaction) -> None:
            there = transaction.get(path)
            if there is not None:
                transaction.set(path, {**there, **fields})

        self.transact(work)

    def delete(self, path: str) -> None:
        """Remove a document; nothing happens where there is none."""
        self.transact(lambda transaction: transaction.delete(path))

    def list(
        self,
        collection: str,
        where: dict[str, Any] | None = None,
        order: Order | None = None,
        limit: int | None = None,
        after: tuple[str, Document] | None = None,
    ) -> Sequence[tuple[str, Document]]:
        """A page of (id, document) pairs of one collection, as common.ports.DocumentStore says."""
        check_collection(collection)
        check_page(collection, order, limit, after)
        rows = self._database.read(
            lambda connection: connection.execute(
                "select id, body from documents where collection = ? order by id", (collection,)
            ).fetchall()
        )
        pairs = [(document_id, cast(Document, json.loads(body))) for document_id, body in rows]
        return paged((pair for pair in pairs if matches(pair[1], where)), order, limit, after)

    def count(self, collection: str, where: dict[str, Any] | None = None) -> int:
        """How many documents of one collection `list` would return."""
        if where:
            return len(self.list(collection, where))
        check_collection(collection)
        statement = "select count(*) from documents where collection = ?"
        return int(self._database.read(lambda connection: connection.execute(statement, (collection,)).fetchone()[0]))

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Run `work` in a transaction and commit.

        Raises Contention after the last try; whatever `work` raises rolls back and passes through.
        """

        def run(connection: sqlite3.Connection) -> Result:
            transaction = _SqliteTransaction(connection)
            result = work(transaction)
            transaction.apply()
            return result

        return self._database.write(run)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()


class _SqliteTransaction:
    """Reads at once, keeps writes until the end: the order that every store can keep."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._writes: list[Callable[[], object]] = []

    def get(self, path: str) -> Document | None:
        if self._writes:
            raise Permanent(f"document {path} is read after a write in the same transaction: read first, then write")
        return _read(self._connection, path)

    def set(self, path: str, document: Document) -> None:
        row = (*split_path(path), to_json(path, document))
        self._later("insert or replace into documents values (?, ?, ?)", row)

    def create(self, path: str, document: Document) -> None:
        row = (*split_path(path), to_json(path, document))

        def insert() -> None:
            try:
                self._connection.execute("insert into documents values (?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise AlreadyExists(f"document {path} exists already") from None

        self._writes.append(insert)

    def delete(self, path: str) -> None:
        self._later("delete from documents where collection = ? and id = ?", split_path(path))

    def apply(self) -> None:
        for write in self._writes:
            write()

    def _later(self, statement: str, values: tuple[str, ...]) -> None:
        self._writes.append(lambda: self._connection.execute(statement, values))


def _read(connection: sqlite3.Connection, path: str) -> Document | None:
    row = connection.execute("select body from documents where collection = ? and id = ?", split_path(path)).fetchone()
    return None if row is None else cast(Document, json.loads(row[0]))
