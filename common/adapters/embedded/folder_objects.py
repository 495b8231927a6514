"""Objects in a folder: written once under their names, with their digests beside them.

    <root>/raw/...            the objects themselves, under their names
    <root>/.digests/raw/...   digest, and the size, time and inode of the hashed file
    <root>/.incoming/         files that are being written

An object appears whole or not at all: it is written under a temporary name, synced, and linked to its name, which fails where the
name is taken.  A digest that is missing or belongs to another file is computed again: a crash in between costs only time.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from common.adapters.embedded.folders import make_folder
from common.adapters.embedded.hashed_copy import copy_hashing, digest_of
from common.adapters.shared.object_names import check_name
from common.errors import AlreadyExists, BadConfiguration, NoSpace, NotFound
from common.ports.objects import Readable, StoredObject

SCHEME = "object://"
LEFTOVER_SECONDS = 24 * 60 * 60
_DIGESTS = ".digests"
_INCOMING = ".incoming"


class FolderObjectStore:
    """Keeps objects below `root`.  URIs hold names, not paths, so the folder may be moved."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        make_folder(self._incoming)
        self._remove_leftovers()

    def uri(self, name: str) -> str:
        """The URI that an object of this name has."""
        return SCHEME + check_name(name)

    def put(self, name: str, content: BinaryIO) -> StoredObject:
        """Write an object, streaming.  The same bytes again change nothing; other bytes raise AlreadyExists."""
        target = self._path(check_name(name))
        with self._aside(name) as written:
            with written.open("w+b", buffering=0) as file:
                _, digest = copy_hashing(content, file)
                os.fsync(file.fileno())
            if self._link(written, target):
                return self._remember(name, digest)
        there = self.stat(self.uri(name))
        if there.digest != digest:
            raise _taken(name)
        return there

    def put_file(self, name: str, path: Path) -> StoredObject:
        """Move a finished file to be an object.  Where the name is taken, what is there stays and is returned.

        `path` is gone afterwards.  On another file system than the store's it is copied.
        """
        target = self._path(check_name(name))
        if path.stat().st_dev == self._root.stat().st_dev:
            linked = self._link_file(name, path, target)
        else:
            linked = self._copy_file(name, path, target)
        path.unlink()
        return linked if linked is not None else self.stat(self.uri(name))

    def copy(self, uri: str, name: str) -> StoredObject:
        """Give an object's bytes a second name, without reading them.

        Raises AlreadyExists where the name has other bytes.
        """
        source = self.stat(uri)
        if self._link(self._path(_name(uri)), self._path(check_name(name))):
            return self._remember(name, source.digest)
        there = self.stat(self.uri(name))
        if there.digest != source.digest:
            raise _taken(name)
        return there

    def stat(self, uri: str) -> StoredObject:
        """What is known of an object.  Raises NotFound."""
        name = _name(uri)
        try:
            status = self._path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise _not_found(uri) from None
        if not self._path(name).is_file():
            raise _not_found(uri)
        digest = self._remembered(name, status)
        if digest is None:
            return self._remember(name, digest_of(self._path(name)))
        return StoredObject(uri, status.st_size, digest)

    def open(self, uri: str) -> BinaryIO:
        """Read an object, streaming.  Raises NotFound."""
        try:
            return self._path(_name(uri)).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise _not_found(uri) from None

    def readable(self, uri: str) -> Readable:
        """The object's own file.  Raises NotFound."""
        path = self._path(_name(uri))
        if not path.is_file():
            raise _not_found(uri)
        return Readable(path.stat().st_size, lambda: path.open("rb"), path)

    @contextmanager
    def local(self, uri: str) -> Iterator[Path]:
        """The object's own file, to be read only.  Raises NotFound."""
        path = self._path(_name(uri))
        if not path.is_file():
            raise _not_found(uri)
        yield path

    def list(self, prefix: str) -> Sequence[StoredObject]:
        """The objects whose names start with `prefix`, by name, without digests."""
        check_name(prefix + "x")
        folder = self._root.joinpath(*prefix.split("/")[:-1])
        found = []
        for path in folder.rglob("*"):
            name = path.relative_to(self._root).as_posix()
            if name.startswith(prefix) and not name.startswith(".") and path.is_file():
                with suppress(FileNotFoundError):
                    found.append((name, path.stat().st_size))
        return [StoredObject(SCHEME + name, size_bytes, "") for name, size_bytes in sorted(found)]

    def delete(self, uri: str) -> None:
        """Remove an object; nothing happens where there is none."""
        name = _name(uri)
        if self._path(name).is_file():
            # the digest first: what is left after a crash in between is whole
            for path in (self._digest_path(name), self._path(name)):
                path.unlink(missing_ok=True)
                self._remove_empty(path.parent)

    def _remove_empty(self, folder: Path) -> None:
        """Folders that nothing is in any more; one that is filled meanwhile stays, and one that a writer misses is made again."""
        with suppress(OSError):
            while folder not in (self._root, self._root / _DIGESTS):
                folder.rmdir()
                folder = folder.parent

    def _path(self, name: str) -> Path:
        return self._root / name

    def _digest_path(self, name: str) -> Path:
        return self._root / _DIGESTS / name

    @contextmanager
    def _aside(self, name: str) -> Iterator[Path]:
        handle, text = tempfile.mkstemp(dir=self._incoming)
        os.close(handle)
        path = Path(text)
        try:
            yield path
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoSpace(f"disk full while writing {name} to {self._root}: free some space") from error
            raise
        finally:
            path.unlink(missing_ok=True)

    def _link_file(self, name: str, path: Path, target: Path) -> StoredObject | None:
        if target.exists():
            return None
        digest = digest_of(path)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return self._remember(name, digest) if self._link(path, target) else None

    def _copy_file(self, name: str, path: Path, target: Path) -> StoredObject | None:
        if target.exists():
            return None
        with self._aside(name) as written:
            with path.open("rb") as content, written.open("w+b", buffering=0) as file:
                _, digest = copy_hashing(content, file)
                os.fsync(file.fileno())
            return self._remember(name, digest) if self._link(written, target) else None

    def _link(self, written: Path, target: Path) -> bool:
        """Give a finished file its name; False where the name is taken."""
        try:
            new_folders = self._link_in_folder(written, target)
        except FileExistsError:
            if target.is_file():
                return False
            raise BadConfiguration(f"object {target} has the name of a folder of objects: use another name") from None
        except OSError as error:
            if error.errno in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise BadConfiguration(
                    f"the file system of {self._root} has no hard links, which write-once needs: choose another folder"
                ) from error
            raise
        for folder in {target.parent, *(folder.parent for folder in new_folders)}:
            _sync_folder(folder)
        return True

    def _link_in_folder(self, written: Path, target: Path) -> Sequence[Path]:
        """Returns the folders that were made for it."""
        made: list[Path] = []
        while True:
            made += self._make_folder(target.parent)
            try:
                target.hardlink_to(written)
            except FileNotFoundError:
                if not written.exists():
                    raise
                continue  # a deletion has removed the folder as empty
            return made

    def _make_folder(self, folder: Path) -> Sequence[Path]:
        new = [step for step in (folder, *folder.parents) if not step.exists()]
        try:
            _make_with_parents(folder)
        except (FileExistsError, NotADirectoryError):
            raise BadConfiguration(
                f"an object below {folder} would be below another object: use another name"
            ) from None
        return new

    def _remember(self, name: str, digest: str) -> StoredObject:
        status = self._path(name).stat()
        kept = self._digest_path(name)
        with self._aside(name) as written:
            written.write_text(json.dumps([digest, *_identity(status)]))
            with suppress(FileNotFoundError):  # removed as empty meanwhile; a digest that is missing is computed again
                _make_with_parents(kept.parent)
                written.replace(kept)
        return StoredObject(SCHEME + name, status.st_size, digest)

    def _remembered(self, name: str, status: os.stat_result) -> str | None:
        try:
            digest, *identity = json.loads(self._digest_path(name).read_text())
        except (OSError, ValueError):
            return None
        return str(digest) if identity == _identity(status) else None

    def _remove_leftovers(self) -> None:
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                    path.unlink()


def _make_with_parents(folder: Path) -> None:
    """Make a folder that a deletion may remove as empty meanwhile: then whoever puts a file there makes it once more."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError:
        pass
    except FileExistsError:
        if folder.exists():  # it was there and is gone otherwise
            raise


def _identity(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _name(uri: str) -> str:
    if not uri.startswith(SCHEME):
        raise BadConfiguration(f"object URI is '{uri}', expected {SCHEME}<name>")
    return check_name(uri.removeprefix(SCHEME))


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"object {name} exists with other bytes, and objects are immutable: use another name")


def _not_found(uri: str) -> NotFound:
    return NotFound(f"there is no object {uri}")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
