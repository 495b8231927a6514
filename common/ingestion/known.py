"""The files and deliveries of an integration that are known from earlier runs, so that none is copied or read twice.

Below `orgs/<org>/integrations/<id>/`:

    known_files/<key>        of a file, in one version: where its copy lies, and what has been told of it so far
    known_deliveries/<key>   of a delivery, so complete: which deliveries it became, or why this run refused it

What no longer lies at the integration's location is forgotten when a run ends; its objects stay, since deliveries name them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from common.errors import BadBill, Retryable
from common.ports import Document, DocumentStore, ObjectStore, StoredObject, Transaction
from common.providers.discovery import FoundDelivery
from common.records.batches import delete_all
from common.records.integrations import KNOWN_DELIVERIES as DELIVERIES
from common.records.integrations import KNOWN_FILES as FILES
from common.records.integrations import integration_path
from common.records.names import key_of

_ASKED_ONE_BY_ONE = 50
"""More files than this are looked up by one query."""


class Known:
    """The files and deliveries of one integration, for one run; two workers of a run may both write them, and write the same."""

    def __init__(
        self, documents: DocumentStore, objects: ObjectStore, org_slug: str, integration_id: str, run_id: str
    ) -> None:
        self._documents = documents
        self._objects = objects
        self._at = integration_path(org_slug, integration_id)
        self._incoming = f"raw/{org_slug}/{integration_id}/incoming/"
        self._run_id = run_id
        self._files: dict[str, Document] = {}
        self._there: set[tuple[str, int]] | None = None

    def key_of_file(self, location: str, name: str, version: str) -> str:
        """The key of one version of a file: of other bytes it is another one."""
        return key_of(location, name, version)

    def key_of_delivery(
        self, location: str, found: FoundDelivery, versions: Mapping[str, str], billing_periods: Sequence[str]
    ) -> str:
        """The key of a found delivery with all its parts as they are now, and what was asked for of it."""
        parts = [f"{part.name}\t{part.role}\t{versions.get(part.name, '')}" for part in found.parts]
        seen_at = found.seen_at.isoformat() if found.seen_at else ""
        told = (found.version or "", found.billing_period or "", found.delivered_at.isoformat(), seen_at)
        return key_of(location, *told, str(found.corrects), ",".join(billing_periods), *parts)

    def incoming(self, key: str) -> str:
        """The name under which a file's copy lies until its delivery is landed."""
        return self._incoming + key

    def look_up(self, keys: Sequence[str]) -> None:
        """Read at once what is known of many files."""
        missing = [key for key in keys if key not in self._files]
        if len(missing) > _ASKED_ONE_BY_ONE:
            found = dict(self._documents.list(f"{self._at}/{FILES}"))
            self._files |= {key: found.get(key, {}) for key in missing}

    def get(self, key: str) -> Mapping[str, Any]:
        """What is known of a file; nothing where the copy that it tells of is gone."""
        if key not in self._files:
            self._files[key] = self._documents.get(f"{self._at}/{FILES}/{key}") or {}
        found = self._files[key]
        return found if self._is_there(found) else {}

    def stored(self, key: str) -> StoredObject | None:
        """The copy of a file; its URI is empty where nobody needs one, since the file holds no lines."""
        one = self.get(key)
        return StoredObject(one["uri"], one["size_bytes"], one["digest"]) if "uri" in one else None

    def keep(self, key: str, **facts: Any) -> None:
        """Add to what is known of a file; what another worker has added stays, of the same copy."""
        path = f"{self._at}/{FILES}/{key}"
        if self._there is not None and "uri" in facts:
            self._there.add((facts["uri"], facts["size_bytes"]))  # a copy that came after the others were looked for
        mine = {**self.get(key), **facts, "run_id": self._run_id}

        def work(transaction: Transaction) -> Document:
            there = transaction.get(path) or {}
            merged = {**there, **mine} if there.get("uri") == mine.get("uri") else mine
            transaction.set(path, merged)
            return merged

        self._files[key] = self._documents.transact(work)

    def refuse(self, key: str, reason: str) -> None:
        """A file cannot be read; that counts for this run."""
        self.keep(key, refused=reason)

    def check(self, key: str) -> None:
        """Raises BadBill for a file that this run has refused."""
        found = self.get(key)
        if found.get("refused") and found["run_id"] == self._run_id:
            raise BadBill(found["refused"])

    def is_blank(self, key: str) -> bool:
        """Whether a file is known to hold no lines."""
        found = self.get(key)
        return found.get("size_bytes") == 0 or ("read" in found and not found["read"]["control"])

    def settle(self, key: str, uri: str | None) -> None:
        """The delivery of a file is dealt with: its copy lies at `uri` for good, nowhere where that is None or empty.

        None: nothing stays known of it.
        """
        stored = self.stored(key)
        if uri is None:
            self._documents.delete(f"{self._at}/{FILES}/{key}")
            self._files[key] = {}
        elif stored is not None and stored.uri != uri:
            self._files[key] = {**self._files[key], "uri": uri}
            self._documents.set(f"{self._at}/{FILES}/{key}", self._files[key])
        if stored is not None and "/incoming/" in stored.uri and stored.uri != uri:
            self._objects.delete(stored.uri)

    def gone(self, uri: str) -> Retryable:
        """An object that files are known by is not there any more: they are fetched again.  Returns what to raise."""
        for key, found in list(self._files.items()):
            if found.get("uri") == uri:
                self._documents.transact(lambda transaction, key=key: self._forget_if_at(transaction, key, uri))  # type: ignore[misc]
                self._files[key] = {}
        return Retryable(f"object {uri} of an earlier delivery is missing; its file is fetched again")

    def _forget_if_at(self, transaction: Transaction, key: str, uri: str) -> None:
        """Another worker may have given its copy a lasting name."""
        path = f"{self._at}/{FILES}/{key}"
        if (transaction.get(path) or {}).get("uri") == uri:
            transaction.delete(path)

    def landed(self, key: str) -> Mapping[str, Any]:
        """What became of a found delivery; nothing where that is not known, or an earlier run refused it."""
        found = self._documents.get(f"{self._at}/{DELIVERIES}/{key}") or {}
        return found if "delivery_ids" in found or found.get("run_id") == self._run_id else {}

    def note_landed(self, key: str, files: Collection[str], **outcome: Any) -> None:
        """What became of a found delivery.  files: the keys of its files."""
        document = {**outcome, "files": sorted(files), "run_id": self._run_id}
        self._documents.set(f"{self._at}/{DELIVERIES}/{key}", document)

    def forget_others(self, deliveries: Collection[str], files: Collection[str], left_aside: bool) -> None:
        """Forget what no longer lies at the integration's location.

        deliveries: the keys of what was found there.  files: those of all files there.  left_aside: some deliveries there were not looked
        for; they are known by their files.
        """
        known = self._documents.list(f"{self._at}/{DELIVERIES}")
        kept = {
            key: found
            for key, found in known
            if "refused" not in found and (key in deliveries or (left_aside and set(found["files"]) <= set(files)))
        }
        used = {file for found in kept.values() for file in found["files"]}
        for key, found in known:
            if key not in kept:
                # the delivery last: one that is interrupted is found again
                files_of_it = [f"{self._at}/{FILES}/{file}" for file in set(found["files"]) - used]
                delete_all(self._documents, [*files_of_it, f"{self._at}/{DELIVERIES}/{key}"])
        self._drop_copies()

    def forget_run(self) -> None:
        """Forget all that this run has noted: nobody reads its location again."""
        for collection in (FILES, DELIVERIES):
            noted = self._documents.list(f"{self._at}/{collection}", {"run_id": self._run_id})
            delete_all(self._documents, [f"{self._at}/{collection}/{key}" for key, _ in noted])
        self._drop_copies()

    def _drop_copies(self) -> None:
        """Copies that no delivery was made of, as of a file that changed while it was landed."""
        for item in self._objects.list(self._incoming):
            path = f"{self._at}/{FILES}/{item.uri.rpartition('/')[2]}"
            found = self._documents.get(path)
            if found is None or found.get("run_id") == self._run_id:
                self._documents.delete(path)
                self._objects.delete(item.uri)

    def _is_there(self, found: Mapping[str, Any]) -> bool:
        uri = str(found.get("uri", ""))
        if "/incoming/" not in uri:
            return True  # a delivery's; whoever needs it finds out
        if self._there is None:
            self._there = {(item.uri, item.size_bytes) for item in self._objects.list(self._incoming)}
        return (uri, found["size_bytes"]) in self._there
