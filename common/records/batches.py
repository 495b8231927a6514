"""Many documents removed in few transactions, and many objects several at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from common.ports import DocumentStore, ObjectStore, Transaction

_AT_ONCE = 8
_BATCH = 200  # a Firestore transaction may write 10 MiB; a deletion is its document's name


def delete_all(documents: DocumentStore, paths: Iterable[str]) -> int:
    """Remove documents in the order of their paths; returns how many.  Safe to repeat."""
    count = 0
    for batch in _batched(paths):

        def work(transaction: Transaction, batch: list[str] = batch) -> None:
            for path in batch:
                transaction.delete(path)

        documents.transact(work)
        count += len(batch)
    return count


def delete_objects(objects: ObjectStore, uris: Sequence[str]) -> None:
    """Delete objects, several at once.  Safe to repeat."""
    with ThreadPoolExecutor(_AT_ONCE) as several:
        list(several.map(objects.delete, uris))


def _batched(paths: Iterable[str]) -> Iterator[list[str]]:
    left = iter(paths)
    while batch := list(islice(left, _BATCH)):
        yield batch
