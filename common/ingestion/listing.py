"""The files at a location as one listing has them: it is listed once a run, and files are opened in the versions that were listed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO

from common.ports import FoundObject, Location
from common.providers.discovery import is_manifest, month_of_folder
from common.records.listed import Listed
from common.records.names import key_of


@dataclass
class Listing:
    """A location whose files are those of one listing, and are opened in the versions of that listing only."""

    location: Location
    uri: str
    files: tuple[FoundObject, ...]

    @classmethod
    def of(cls, location: Location) -> Listing:
        """List a location.  Raises BadConfiguration where it does not exist or may not be read."""
        return cls(location, location.uri, tuple(location.list()))

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The listed files, by name; nothing is asked of the location."""
        return [found for found in self.files if found.name.startswith(prefix)]

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one file as it was listed.  Raises NotFound, Retryable where it has changed since."""
        return self.location.open(name, version or self.versions.get(name))

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Name -> version."""
        return {found.name: found.version for found in self.files}

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Name -> bytes."""
        return {found.name: found.size_bytes for found in self.files}

    def size_of(self, names: Iterable[str]) -> int:
        """Bytes of some of the files together."""
        return sum(self.sizes.get(name, 0) for name in set(names))

    @cached_property
    def listed(self) -> Listed:
        """What tells this listing from another one."""
        months: dict[str | None, list[FoundObject]] = {}
        for found in self.files:
            months.setdefault(month_of_folder(found.name), []).append(found)
        return Listed(
            self.uri,
            _fingerprint(self.files),
            {month: _fingerprint(files) for month, files in months.items() if month and _has_manifest(files)},
        )

    def without(self, months: Collection[str]) -> Listing:
        """The same without the files of these months."""
        return replace(self, files=tuple(found for found in self.files if month_of_folder(found.name) not in months))

    @property
    def has_manifest(self) -> bool:
        """Whether a manifest lies there, so that files which none of them names are no bills."""
        return _has_manifest(self.files)


def _has_manifest(files: Sequence[FoundObject]) -> bool:
    return any(is_manifest(found.name) for found in files)


def _fingerprint(files: Sequence[FoundObject]) -> str:
    lines = sorted(f"{found.name}\t{found.size_bytes}\t{found.version}" for found in files)
    return key_of(*lines)
