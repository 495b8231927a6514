"""Locations: where a provider leaves its bills (a folder here; buckets and containers in the cloud)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class FoundObject:
    """One file at a location.  name: relative, with forward slashes.  version: changes when its bytes change (ETag)."""

    name: str
    size_bytes: int
    modified_at: datetime
    version: str


class Location(Protocol):
    """A place that can be listed and read, never written."""

    uri: str

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The files below, by name.  A location that is one file lists that one.

        Raises BadConfiguration where the place does not exist or may not be read, naming it.
        """
        ...

    def open(self, name: str) -> BinaryIO:
        """Read one file, streaming.  Raises NotFound."""
        ...
