"""A location in a store of objects: all below a prefix, or one object.  A store adds how it lists and how it opens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import BinaryIO

from common.errors import BadConfiguration, Changed, NotFound, NotReady
from common.ports.locations import FoundObject, Probe

_NO_STEP = {"", ".", ".."}
_PAGE = 1_000
NEW_EXPORT = "a new export takes up to 48 hours"


@dataclass(frozen=True)
class StoredObject:
    """One object as it is now.  version: as in a listing.  read: opens this version only; another one raises Changed."""

    version: str
    read: Callable[[], BinaryIO]


def path_of(path: str) -> str | None:
    """The path of a location within its container, without slashes at its end; None for one with empty steps or `..`."""
    path = path.rstrip("/")
    return None if path and _NO_STEP & set(path.split("/")) else path


def changed(name: str) -> Changed:
    """What to raise where an object is not the one that was listed."""
    return Changed(f"{name} changed since it was listed; it is read again")


class ObjectLocation(ABC):
    """Names stand as they are, without percent signs."""

    def __init__(self, root: str, path: str) -> None:
        """root: the URI of the container; path: within it, as of `path_of`."""
        self._path = path
        self.uri = "/".join(filter(None, (root, path)))

    @abstractmethod
    def _below(self, prefix: str) -> Iterator[FoundObject]:
        """The objects whose keys begin so, under their whole keys; none that stands for a folder."""

    @abstractmethod
    def _stored(self, key: str) -> StoredObject | None:
        """The object of a key; None where there is none."""

    @abstractmethod
    def _listing(self) -> AbstractContextManager[None]:
        """Explains what the store refuses while it is listed."""

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The objects below, by name.  A location that is one object lists that one.

        Raises BadConfiguration where there is no such container, nothing lies there, or it may not be read, naming it and the permission.
        """
        with self._listing():
            found = [*self._below(self._folder + prefix)]
            if not found and self._path:
                return self._one(prefix)
        listed = (replace(item, name=item.name.removeprefix(self._folder)) for item in found)
        return sorted(listed, key=lambda item: item.name)

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one object, streaming and seekable; without a version the one that is there now.

        Raises NotFound, Changed as the port says, and BadConfiguration as `list`.
        """
        stored = None
        if not _NO_STEP & set(name.split("/")):
            if self._path.rpartition("/")[2] == name:
                stored = self._stored(self._path)
            stored = stored or self._stored(self._folder + name)
        if stored is None:
            raise NotFound(f"there is no object {name} at {self.uri}")
        if version is not None and stored.version != version:
            raise changed(name)
        return stored.read()

    @abstractmethod
    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run: who is signed in, then those that all stores have."""

    def _common_probes(self, list_permission: str, read_permission: str, fix: str) -> Sequence[Probe]:
        """One request lists, two read a byte of the smallest object of its page."""
        return [
            Probe("listing", lambda: f"{len(self._first_page)} object(s) on its first page", list_permission, fix),
            Probe("reading", self._read_a_byte, read_permission, fix),
        ]

    @cached_property
    def _first_page(self) -> Sequence[FoundObject]:
        with self._listing():
            found = [*islice(self._below(self._folder), _PAGE)]
            if not found and self._path:
                found = [one for one in islice(self._below(self._path), _PAGE) if one.name == self._path]
        if not found:
            raise NotReady(f"nothing lies at {self.uri}; check the prefix, or wait for the first export: {NEW_EXPORT}")
        return found

    def _read_a_byte(self) -> str:
        smallest = min(self._first_page, key=lambda one: (one.size_bytes == 0, one.size_bytes))
        stored = self._stored(smallest.name)
        if stored is None:
            raise changed(smallest.name)
        with stored.read() as stream:
            stream.read(1)
        return f"{smallest.name} can be read"

    def _one(self, prefix: str) -> Sequence[FoundObject]:
        one = [item for item in self._below(self._path) if item.name == self._path]
        if not one and not (prefix and any(True for _ in self._below(self._folder))):
            raise BadConfiguration(
                f"location {self.uri} does not exist or is empty; check the prefix, or wait for the first export, "
                "which takes up to 24 hours"
            )
        name = self._path.rpartition("/")[2]
        return [replace(item, name=name) for item in one if name.startswith(prefix)]

    @property
    def _folder(self) -> str:
        return self._path + "/" if self._path else ""
