"""Documents in Firestore, native mode.

Every call ends: one that reads or writes directly after CALL_SECONDS with its retries; in a transaction each step of the SDK after its
own 60 seconds, and no further try begins after TRANSACTION_SECONDS.

Reading a collection asks for equal fields, in the order of ids or of one field; both together need an index: `firestore_indexes.py`.
A page is asked for again behind its last document while some of what came does not fit, so that a short page is the last one.
The moment by which a document expires is a timestamp in Firestore, so that its TTL policy sees it, and text on both sides of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential

from common.adapters.gcp.failures import explaining
from common.adapters.gcp.firestore_errors import LostTurn, about, lost_turn, named, ours
from common.adapters.shared.document_rules import (
    check_collection,
    check_page,
    expiry,
    is_short,
    matches,
    paged,
    split_path,
    to_json,
)
from common.errors import Permanent
from common.ports.documents import Document, Order, Result, Transaction

CALL_SECONDS = 30.0
TRANSACTION_SECONDS = 60.0
TRIES = 4
"""Rounds of a transaction, each of the SDK's five attempts."""

_PASSING = (api.ServiceUnavailable, api.InternalServerError, api.DeadlineExceeded, api.ResourceExhausted)
_IN_TRANSACTION = Retry(if_exception_type(*_PASSING), initial=0.1, maximum=5.0, timeout=CALL_SECONDS)
_ALONE = Retry(if_exception_type(*_PASSING, api.Aborted), initial=0.1, maximum=5.0, timeout=CALL_SECONDS)


class FirestoreDocumentStore:
    """Keeps documents in one database of a project, for all functions that may open it.

    A transaction runs `work` again where another writer was faster.  A create whose answer got lost on the way is tried again and may
    then find its own document there.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._thread = threading.local()

    @classmethod
    def connect(cls, project: str, database: str) -> FirestoreDocumentStore:
        """The store of one database of a project.  Raises BadConfiguration where there are no credentials."""
        with explaining(f"Firestore database {database} of project {project}"):
            return cls(firestore.Client(project=project, database=database))

    def get(self, path: str) -> Document | None:
        """The document, or None."""
        reference = self._reference(path)
        with about(f"document {path}"):
            return _shown(path, reference.get(retry=_ALONE, timeout=CALL_SECONDS))

    def set(self, path: str, document: Document) -> None:
        """Write the whole document, whether or not it exists."""
        reference, stored = self._alone(path), _stored(path, document)
        with about(f"document {path}"):
            reference.set(stored, retry=_ALONE, timeout=CALL_SECONDS)

    def create(self, path: str, document: Document) -> None:
        """Write a document that must not exist yet.  Raises AlreadyExists."""
        reference, stored = self._alone(path), _stored(path, document)
        with about(f"document {path}"):
            reference.create(stored, retry=_ALONE, timeout=CALL_SECONDS)

    def update(self, path: str, fields: Document) -> None:
        """Write some top-level fields and leave the others; nothing is read, and nothing happens where there is no document."""
        reference, stored = self._alone(path), _stored(path, fields)
        by_path = {FieldPath(name).to_api_repr(): value for name, value in stored.items()}
        with about(f"document {path}"), suppress(api.NotFound):
            reference.update(by_path, retry=_ALONE, timeout=CALL_SECONDS)

    def delete(self, path: str) -> None:
        """Remove a document; nothing happens where there is none."""
        reference = self._alone(path)
        with about(f"document {path}"):
            reference.delete(retry=_ALONE, timeout=CALL_SECONDS)

    def list(
        self,
        collection: str,
        where: dict[str, Any] | None = None,
        order: Order | None = None,
        limit: int | None = None,
        after: tuple[str, Document] | None = None,
    ) -> Sequence[tuple[str, Document]]:
        """A page of (id, document) pairs of one collection, as common.ports.DocumentStore says."""
        check_page(collection, order, limit, after)
        query = self._query(collection, where)
        query = query if order is None and limit is None and after is None else _ordered(query, order)
        listed: list[tuple[str, Document]] = []
        cursor = None if after is None else self._cursor(collection, after[0], after[1], order)
        while True:
            asked = query if limit is None else query.limit(limit - len(listed))
            with about(f"collection {collection}"):
                found = list(
                    (asked.start_after(cursor) if cursor else asked).stream(retry=_ALONE, timeout=CALL_SECONDS)
                )
            pairs = [(one.id, _shown(collection, one) or {}) for one in found]
            listed += paged((pair for pair in pairs if matches(pair[1], where)), order, None, None)
            if limit is None or len(listed) >= limit or not found:
                return listed
            cursor = self._cursor(collection, found[-1].id, found[-1].to_dict() or {}, order)

    def count(self, collection: str, where: dict[str, Any] | None = None) -> int:
        """How many documents of one collection `list` would return, by an aggregation where Firestore can decide all of `where`."""
        query = self._query(collection, where)
        if len(_conditions(collection, where)) < len(where or {}):
            return len(self.list(collection, where))
        with about(f"collection {collection}"):
            ((found,),) = query.count().get(retry=_ALONE, timeout=CALL_SECONDS)
        return int(found.value)

    def _query(self, collection: str, where: Mapping[str, Any] | None) -> Any:
        query: Any = self._client.collection(check_collection(collection))
        for name, value in _conditions(collection, where).items():
            query = query.where(filter=FieldFilter(FieldPath(name).to_api_repr(), "==", value))
        return query

    def _cursor(self, collection: str, document_id: str, document: Document, order: Order | None) -> tuple[Any, ...]:
        """Where a page begins, in the fields of `_ordered`."""
        name = self._client.collection(collection).document(document_id)
        return (name,) if order is None else (document[order.field], name)

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Run `work` in a transaction and commit; `work` may run again when another writer was faster.

        Raises Contention after the last try; whatever `work` raises rolls back and passes through.
        """
        self._refuse_another()
        retrying = Retrying(
            retry=retry_if_exception_type(LostTurn),
            stop=stop_after_attempt(TRIES) | stop_after_delay(TRANSACTION_SECONDS),
            wait=wait_random_exponential(multiplier=0.1, max=3),
            reraise=True,
        )
        self._thread.in_transaction = True
        try:
            return cast(Result, retrying(self._round, work, time.monotonic() + TRANSACTION_SECONDS))
        finally:
            self._thread.in_transaction = False

    def _round(self, work: Callable[[Transaction], Result], deadline: float) -> Result:
        raised: list[BaseException] = []
        written: list[str] = []

        def attempt(vendor: firestore.Transaction) -> Result:
            try:
                if time.monotonic() > deadline:
                    raise lost_turn(named(written))
                written.clear()
                return work(_FirestoreTransaction(self._client, vendor, written))
            except BaseException as error:
                raised.append(error)
                raise

        try:
            return cast(Result, firestore.transactional(attempt)(_PlainTransaction(self._client)))
        except Exception as error:
            found = None if any(error is one for one in raised) else ours(error, named(written))
            if found is None:
                raise
            raise found from error

    def _reference(self, path: str) -> firestore.DocumentReference:
        split_path(path)
        return self._client.document(path)

    def _alone(self, path: str) -> firestore.DocumentReference:
        self._refuse_another()
        return self._reference(path)

    def _refuse_another(self) -> None:
        """A write beside the thread's own open transaction would wait for the locks of that one."""
        if getattr(self._thread, "in_transaction", False):
            raise Permanent("a transaction is open in this thread: use that one")


class _PlainTransaction(firestore.Transaction):
    """The SDK's transaction; its rolling back never hides what made it roll back.  One that is lost is gone without it."""

    def _rollback(self) -> None:
        with suppress(api.GoogleAPIError, ValueError):
            super()._rollback()


class _FirestoreTransaction:
    """Reads at once, keeps writes until the end.  written: gets the path of each write."""

    def __init__(self, client: firestore.Client, vendor: firestore.Transaction, written: list[str]) -> None:
        self._client = client
        self._vendor = vendor
        self._written = written

    def get(self, path: str) -> Document | None:
        if self._written:
            raise Permanent(f"document {path} is read after a write in the same transaction: read first, then write")
        reference = self._reference(path)
        with about(f"document {path}"):
            return _shown(path, reference.get(transaction=self._vendor, retry=_IN_TRANSACTION, timeout=CALL_SECONDS))

    def set(self, path: str, document: Document) -> None:
        self._write(path).set(self._reference(path), _stored(path, document))

    def create(self, path: str, document: Document) -> None:
        self._write(path).create(self._reference(path), _stored(path, document))

    def delete(self, path: str) -> None:
        self._write(path).delete(self._reference(path))

    def _write(self, path: str) -> firestore.Transaction:
        self._written.append(path)
        return self._vendor

    def _reference(self, path: str) -> firestore.DocumentReference:
        split_path(path)
        return self._client.document(path)


def _stored(path: str, document: Document) -> Document:
    to_json(path, document)  # the rules of every store
    field = expiry(path)
    if field is None or field not in document:
        return document
    return {**document, field: datetime.fromisoformat(document[field])}


def _shown(path: str, snapshot: firestore.DocumentSnapshot[Any]) -> Document | None:
    document: Document | None = snapshot.to_dict()
    field = expiry(path)
    if document is None or field is None or not isinstance(document.get(field), datetime):
        return document
    moment: datetime = document[field]  # of the SDK's own kind, which writes nanoseconds
    plain = datetime.combine(moment.date(), moment.time(), moment.tzinfo).astimezone(UTC)
    return {**document, field: plain.isoformat()}


def _ordered(query: Any, order: Order | None) -> Any:
    """Ids in the direction of the order: what a single-field index has."""
    if order is None:
        return query.order_by("__name__")
    direction = firestore.Query.DESCENDING if order.descending else firestore.Query.ASCENDING
    return query.order_by(FieldPath(order.field).to_api_repr(), direction=direction).order_by(
        "__name__", direction=direction
    )


def _conditions(collection: str, where: Mapping[str, Any] | None) -> dict[str, Any]:
    """What Firestore is asked; `matches` decides the rest.  An index keeps only the beginning of a long text, and no whole lists."""
    asked = {name: value for name, value in (where or {}).items() if name != expiry(collection)}
    return {
        name: value
        for name, value in asked.items()
        if not isinstance(value, list | tuple | dict | str) or (isinstance(value, str) and is_short(value))
    }
