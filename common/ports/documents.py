"""Documents: small JSON records under paths, with transactions (Firestore; embedded: SQLite).

A path alternates collection and id, as in `orgs/default/budgets/cloud`.  A document is a JSON object of plain types;
amounts are plain decimal text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Document = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Order:
    """By one top-level field: null, then false, true, integers, then text by its code points; equal ones by id, in the same direction.

    A document without the field is not listed, nor is one with a list, an object or more than 1,500 bytes of text in it: no index
    holds them whole.
    """

    field: str
    descending: bool = False


class Transaction(Protocol):
    """Reads first, then writes; all writes land together or none does."""

    def get(self, path: str) -> Document | None:
        """The document as of the transaction, or None."""
        ...

    def set(self, path: str, document: Document) -> None:
        """Write the whole document, whether or not it exists."""
        ...

    def create(self, path: str, document: Document) -> None:
        """Write a document that must not exist; the transaction fails with AlreadyExists if it does."""
        ...

    def delete(self, path: str) -> None:
        """Remove a document; nothing happens where there is none."""
        ...


class DocumentStore(Protocol):
    """All documents of the platform."""

    def get(self, path: str) -> Document | None:
        """The document, or None."""
        ...

    def set(self, path: str, document: Document) -> None:
        """Write the whole document, whether or not it exists."""
        ...

    def create(self, path: str, document: Document) -> None:
        """Write a document that must not exist yet.  Raises AlreadyExists."""
        ...

    def update(self, path: str, fields: Document) -> None:
        """Write some top-level fields and leave the others; nothing is read, and nothing happens where there is no document."""
        ...

    def delete(self, path: str) -> None:
        """Remove a document; nothing happens where there is none."""
        ...

    def list(
        self,
        collection: str,
        where: dict[str, Any] | None = None,
        order: Order | None = None,
        limit: int | None = None,
        after: tuple[str, Document] | None = None,
    ) -> Sequence[tuple[str, Document]]:
        """(id, document) pairs of one collection, by id or in `order`; `where` keeps those whose top-level fields equal.

        limit: at most so many, 1 or more.  after: those behind the last pair of the page before; of its document only the field of
        `order` is looked at, so that it may be one that has gone.  Equality and order together need an index in the cloud
        (common/adapters/gcp/firestore_indexes.py).  Raises Permanent for a limit below 1, and for a cursor that does not fit the order.
        """
        ...

    def count(self, collection: str, where: dict[str, Any] | None = None) -> int:
        """How many documents of one collection `list` would return; in the cloud one read per 1,000 of them."""
        ...

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Run `work` in a transaction and commit; `work` may run again when another writer was faster.

        Raises Contention after the last try; whatever `work` raises rolls back and passes through.
        """
        ...
