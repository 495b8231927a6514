"""Objects: files written once and never changed (Cloud Storage; embedded: a folder)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class StoredObject:
    """What is known of an object without reading it.  digest: `sha256:<hex>` of its bytes."""

    uri: str
    size_bytes: int
    digest: str


@dataclass(frozen=True)
class Readable:
    """Bytes that can be opened any number of times, each a seekable file of its own, and are not copied for it.

    path: the file on this machine that they are, where they are one.
    """

    size_bytes: int
    open: Callable[[], BinaryIO]
    path: Path | None = None


class ObjectStore(Protocol):
    """Immutable objects under names such as `raw/<org>/<integration>/<period>/<delivery>/<part>`."""

    def put(self, name: str, content: BinaryIO) -> StoredObject:
        """Write an object, streaming.  The same bytes again change nothing; other bytes raise AlreadyExists."""
        ...

    def put_file(self, name: str, path: Path) -> StoredObject:
        """Write an object from a finished file, which may be moved.  Where the name is taken, what is there stays and is returned."""
        ...

    def copy(self, uri: str, name: str) -> StoredObject:
        """Give an object's bytes a second name, without reading them where the store can; as `put` where the name is taken."""
        ...

    def stat(self, uri: str) -> StoredObject:
        """What is known of an object.  Raises NotFound."""
        ...

    def open(self, uri: str) -> BinaryIO:
        """Read an object, streaming.  Raises NotFound."""
        ...

    def readable(self, uri: str) -> Readable:
        """An object of any size where it lies, for readers that go back and forth in it.  Raises NotFound."""
        ...

    def local(self, uri: str) -> AbstractContextManager[Path]:
        """A path on this machine that holds a small object's bytes while the context lasts.  Raises NotFound."""
        ...

    def list(self, prefix: str) -> Sequence[StoredObject]:
        """The objects whose names start with `prefix`, by name; digests may be empty."""
        ...

    def delete(self, uri: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...

    def uri(self, name: str) -> str:
        """The URI that an object of this name has."""
        ...
