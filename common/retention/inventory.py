"""What lies in the object store for one organization, listed once: sizes by kind and by delivery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from common.ports import ObjectStore, StoredObject
from common.records.deliveries import Delivery
from common.records.sizes import OBJECTS, Size, Sizes

OF_DELIVERIES = ("raw", "focus", "quarantine", "daily")


class Inventory:
    """The objects of an organization, as they were listed."""

    def __init__(self, objects: ObjectStore, org_slug: str) -> None:
        self._by_kind: dict[str, Sequence[StoredObject]] = {
            kind: objects.list(f"{kind}/{org_slug}/") for kind in OBJECTS
        }
        self._by_folder: dict[str, list[StoredObject]] = defaultdict(list)
        self._by_uri: dict[str, StoredObject] = {}
        for kind in OF_DELIVERIES:
            beginning = objects.uri(f"{kind}/x").removesuffix("x")
            for item in self._by_kind[kind]:
                self._by_folder[item.uri.removeprefix(beginning).rpartition("/")[0]].append(item)
                self._by_uri[item.uri] = item

    def sizes(self) -> Sizes:
        """Objects and bytes of each kind."""
        return {kind: Size.of(items) for kind, items in self._by_kind.items()}

    def of(self, delivery: Delivery) -> list[StoredObject]:
        """All objects of a delivery, whoever else may need them."""
        found = {item.uri: item for item in self._by_folder.get(delivery.folder, ())}
        found |= {part.uri: self._by_uri[part.uri] for part in delivery.parts if part.uri in self._by_uri}
        return [found[uri] for uri in sorted(found)]

    def incoming(self) -> list[StoredObject]:
        """Copies of files whose landing has not ended."""
        return [item for item in self._by_kind["raw"] if "/incoming/" in item.uri]
